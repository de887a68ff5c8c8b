"""Which external parameters a build may have had: an allow-list over their tree (SLSA v1.2, verifying artifacts)."""

from collections.abc import Iterator, Mapping

from controller.core.answer import Miss
from controller.core.reasons import Reason
from controller.core.text import printable

Path = tuple[str, ...]


def parameter_miss(allowed: tuple[str, ...], parameters: Mapping[str, object]) -> Miss | None:
    """The first parameter, by name, that no entry allows. An entry `inputs.channel` allows that member of `inputs`
    with its whole subtree, and `inputs` all of them (SRC-017, SRC-018, SRC-020).

    A name with a dot in it is one name: no path reaches it, only what holds it.
    """
    paths = frozenset(tuple(entry.split(".")) for entry in allowed)
    roots = frozenset(path[:length] for path in paths for length in range(len(path)))
    foreign = min(_foreign((), parameters, paths, roots), default=None)
    if foreign is None:
        return None
    detail = f"external parameter {printable('.'.join(foreign), limit=120)} is none of those that are allowed"
    return Miss(reason=Reason.ParameterNotAllowed, detail=detail)


def _foreign(
    above: Path, members: Mapping[str, object], paths: frozenset[Path], roots: frozenset[Path]
) -> Iterator[Path]:
    """Goes no deeper than the entries do, however deep the parameters are."""
    for name, value in members.items():
        path = (*above, name)
        if path in paths:
            continue
        if path in roots and isinstance(value, Mapping):
            yield from _foreign(path, value, paths, roots)
        elif path not in roots or value is not None:  # unset, null and empty are the same (SLSA v1)
            yield path
