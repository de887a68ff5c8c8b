"""Objects that compile by themselves, while what they name is still only a name.

Linking (`controller.engine.linking`) looks the names up. Every reference carries the field path that a problem with
it is told at.
"""

from dataclasses import dataclass
from datetime import datetime

from controller.core.errors import Problem
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob
from controller.core.policy import Mode, PolicyName, Tags
from controller.core.requirements import BuildRequirement
from controller.core.slsa import SourceFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReference:
    """A key of a TrustRoot, by name."""

    trust_root: str
    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineKey:
    """A key that the object brings itself. Not parsed yet."""

    pem: str
    path: str


SignerReference = KeyReference | InlineKey


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderReference:
    """A TrustedBuilder, by name."""

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedSignature:
    """A signature requirement; see `controller.core.policy.SignatureRequirement`."""

    signers: tuple[SignerReference, ...]
    threshold: int
    match_repository: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedPolicy:
    """A policy; see `controller.core.policy.Policy`. `build.builders` are the names in `builders`."""

    name: PolicyName
    mode: Mode
    match: Match
    tags: Tags
    deny: frozenset[Digest]
    build: BuildRequirement | None
    builders: tuple[BuilderReference, ...]
    signatures: tuple[UnlinkedSignature, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedBuilder:
    """A builder; see `controller.core.slsa.TrustedBuilder`."""

    name: str
    max_level: int
    signers: tuple[SignerReference, ...]
    builder_ids: tuple[Glob, ...]
    build_types: frozenset[str]
    source_from: SourceFrom


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """A key of a TrustRoot with its window (closed at both ends, aware times). Not parsed yet."""

    name: str
    pem: str
    path: str
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SigstoreSpec:
    """Where a Sigstore root's document is: `inline`, not parsed yet, or None for the public-good instance."""

    inline: str | None
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RequireSpec:
    """What evidence must show besides its signature; None where the object does not say."""

    transparency_log: bool | None = None
    signed_timestamp: bool | None = None
    sct: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkedRoot:
    """A TrustRoot of a Sigstore instance, or else of keys, whose times the root named `time_root` tells."""

    name: str
    keys: tuple[KeySpec, ...] = ()
    sigstore: SigstoreSpec | None = None
    require: RequireSpec = RequireSpec()
    time_root: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenObject:
    """A builder, root or exception that does not compile. What names it is broken, too."""

    kind: str
    name: str
    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        if not self.problems:
            raise ValueError("a broken object has problems")
