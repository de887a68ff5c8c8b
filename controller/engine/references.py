"""What a reference leads to: a key, a builder, a root that vouches for certificates; or why it leads to nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.core.errors import Problem
from controller.core.matchers import KeyMatcher
from controller.core.slsa import TrustedBuilder
from controller.engine.compiling import Keys
from controller.trust.root import INLINE_PREFIX, TrustRoot
from controller.wire.policy import BuilderReference, CertificateReference, InlineKey, KeyReference, Reference

Matchers = Mapping[str, KeyMatcher]
"""What stands for each key that an object names, by the field path of the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What references can lead to: what is sound, and the names of what is there but broken."""

    roots: Mapping[str, TrustRoot]
    builders: Mapping[str, TrustedBuilder]
    broken: Mapping[str, tuple[Problem, ...]]

    def absence(self, kind: str, name: str) -> str:
        """Why this name leads to nothing, and what to do."""
        if problems := self.broken.get(f"{kind}/{name}"):
            return f"{kind} {name} is broken: {problems[0]}"
        return f"there is no {kind} {name}: apply it, or correct the name"


def look_up(references: Iterable[Reference], keys: Keys, known: Known) -> tuple[Matchers, tuple[Problem, ...]]:
    """A matcher for each key, and a problem for each reference that leads to nothing of its sort.

    An inline key that was not parsed is told where that failed, and not here.
    """
    matchers: dict[str, KeyMatcher] = {}
    problems: list[Problem] = []
    for one in references:
        found = _look_up(one, keys, known)
        if isinstance(found, Problem):
            problems.append(found)
        elif found is not None:
            matchers[one.path] = found
    return matchers, tuple(problems)


def unrooted(references: Iterable[Reference], known: Known) -> tuple[str, ...]:
    """Why trust roots that these name are not there, or broken: nothing is known of whom they would vouch for."""
    names = {one.trust_root for one in references if isinstance(one, KeyReference | CertificateReference)}
    return tuple(known.absence("TrustRoot", name) for name in sorted(names) if name not in known.roots)


def implicit_root_name(fingerprint: str) -> str:
    """The name of the root that only this inline key is believed under."""
    return f"{INLINE_PREFIX}{fingerprint}"


def _look_up(reference: Reference, keys: Keys, known: Known) -> KeyMatcher | Problem | None:
    match reference:
        case InlineKey():
            return _inline(keys[reference.path].fingerprint) if reference.path in keys else None
        case KeyReference():
            return _key(reference, known)
        case CertificateReference():
            return _authority(reference, known)
        case BuilderReference():
            absent = reference.name not in known.builders
            message = known.absence("TrustedBuilder", reference.name) if absent else ""
            return Problem(path=reference.path, message=message) if absent else None


def _inline(fingerprint: str) -> KeyMatcher:
    return KeyMatcher(trust_root=implicit_root_name(fingerprint), key=fingerprint, label=f"key {fingerprint}")


def _key(reference: KeyReference, known: Known) -> KeyMatcher | Problem:
    root = known.roots.get(reference.trust_root)
    if root is None:
        return Problem(path=f"{reference.path}.trustRoot", message=known.absence("TrustRoot", reference.trust_root))
    if root.sigstore is not None:
        message = f"TrustRoot {root.name} is a Sigstore instance's and has no keys: name a certificate, or another root"
        return Problem(path=f"{reference.path}.trustRoot", message=message)
    key = root.named(reference.name)
    if key is None:
        names = ", ".join(sorted(one.name for one in root.keys))
        message = f"TrustRoot {root.name} has no key {reference.name}: it has {names}"
        return Problem(path=f"{reference.path}.name", message=message)
    label = f"key {reference.name} of {reference.trust_root}"
    return KeyMatcher(trust_root=root.name, key=key.key.fingerprint, label=label)


def _authority(reference: CertificateReference, known: Known) -> Problem | None:
    root = known.roots.get(reference.trust_root)
    if root is None:
        return Problem(path=f"{reference.path}.trustRoot", message=known.absence("TrustRoot", reference.trust_root))
    if root.sigstore is None:
        message = f"TrustRoot {root.name} holds keys and certifies nobody: name one of a Sigstore instance"
        return Problem(path=f"{reference.path}.trustRoot", message=message)
    return None
