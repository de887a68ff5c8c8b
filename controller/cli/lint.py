"""`navicert lint`: everything the policy webhook would say, offline, with file, line and field path."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from controller.cli.files import NAMESPACE_VERSION, policy_files, read_text
from controller.cli.output import TEXT_OR_JSON, Format, Screen
from controller.core.errors import MalformedDocument, MalformedPolicy, Problem
from controller.core.text import printable
from controller.engine.admissibility import review_object
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.policy import GROUP, KINDS, ObjectName, identify
from controller.wire.policy.places import PlacedObject, place_objects

PROBLEMS, UNREADABLE = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Told:
    """One thing to tell; `severity` is problem or warning. The fields are those of the JSON output."""

    file: str
    line: int
    object: str
    path: str
    severity: str
    message: str

    def __str__(self) -> str:
        where = f"{self.object}: {self.path}" if self.path else self.object
        return f"{self.file}:{self.line}: {self.severity}: {where}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """An object of ours and where it stands."""

    file: str
    placed: PlacedObject
    name: ObjectName
    source: dict[str, object]

    def tell(self, problem: Problem, severity: str) -> Told:
        return Told(
            file=self.file,
            line=self.placed.line(problem.path),
            object=str(self.name),
            path=problem.path,
            severity=severity,
            message=problem.message,
        )


@click.command("lint")
@click.option(
    "--output",
    type=click.Choice(TEXT_OR_JSON),
    default=Format.TEXT.value,
    show_default=True,
    help="How to answer.",
)
@click.option("--strict", is_flag=True, help="Warnings fail, too.")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def lint(paths: tuple[Path, ...], *, output: str, strict: bool) -> int:
    """Tell everything that the policy webhook would say of these files and folders. Makes no connection.

    Names are looked up among all the files given: one that is not there is a warning, as things may be applied in any
    order. Exit codes: 0 fine, 1 problems, 2 unreadable.
    """
    screen = Screen.over(sys.stdout, sys.stderr)
    unreadable: list[str] = []
    objects: list[_Read] = []
    told: list[Told] = []
    for file in _files(paths, unreadable):
        try:
            placed = place_objects(read_text(file), str(file))
        except MalformedDocument as error:
            unreadable.append(str(error))
            continue
        for one in placed:
            found = _read(one, str(file))
            if isinstance(found, _Read):
                objects.append(found)
            elif found is not None:
                told.append(found)
    told += _review(objects)
    if not objects and not told and not unreadable:
        unreadable.append(f"no object of {GROUP} in what was given")
    _show(screen, Format(output), sorted(set(told)), unreadable)
    failing = any(one.severity == "problem" or strict for one in told)
    return UNREADABLE if unreadable else PROBLEMS if failing else 0


def _files(paths: Iterable[Path], unreadable: list[str]) -> Iterator[Path]:
    for path in paths:
        try:
            yield from policy_files(path)
        except MalformedDocument as error:
            unreadable.append(str(error))


def _read(placed: PlacedObject, file: str) -> _Read | Told | None:
    """An object of ours, what to tell of one that is none, or nothing where there is nothing to tell."""
    source = placed.content
    version = str(source.get("apiVersion")) if isinstance(source, dict) else ""
    if not isinstance(source, dict) or version.partition("/")[0] != GROUP:
        kind = printable(str(source.get("kind")), limit=63) if isinstance(source, dict) else "this document"
        if (version, kind) == (NAMESPACE_VERSION, "Namespace"):
            return None
        message = f"is no kind of {GROUP}: not looked at, and refused by serve --policies"
        return Told(file=file, line=placed.line(), object=kind, path="", severity="warning", message=message)
    try:
        return _Read(file=file, placed=placed, name=identify(source), source=source)
    except MalformedPolicy as error:
        (problem,) = error.problems
        kind = printable(str(source.get("kind")), limit=63)
        line = placed.line(problem.path)
        return Told(file=file, line=line, object=kind, path=problem.path, severity="problem", message=problem.message)


def _review(objects: list[_Read]) -> Iterator[Told]:
    first: dict[ObjectName, _Read] = {}
    for one in objects:
        known = first.setdefault(one.name, one)
        if known is not one:
            message = f"the same object stands in {known.file}:{known.placed.line()} already: remove one"
            yield one.tell(Problem(path="metadata.name", message=message), "problem")
    snapshot, now = _snapshot(first.values()), datetime.now(UTC)
    for one in objects:
        review = review_object(one.source, snapshot, now=now)
        yield from (one.tell(problem, "problem") for problem in review.problems)
        yield from (one.tell(problem, "warning") for problem in review.warnings)


def _snapshot(objects: Iterable[_Read]) -> Snapshot | None:
    store, everything = PolicyStore(), tuple(objects)
    for kind in KINDS:
        store.replace(kind, [one.source for one in everything if one.name.kind == kind])
    return store.current()


def _show(screen: Screen, output: Format, told: list[Told], unreadable: list[str]) -> None:
    if output is Format.JSON:
        screen.document({"findings": [asdict(one) for one in told], "unreadable": unreadable})
        return
    for one in told:
        screen.line(str(one))
    for text in unreadable:
        screen.problem(text)
