"""What policies require, part by part. What is None or empty is not asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from controller.core.condition import Condition
from controller.core.matchers import SignerMatcher
from controller.core.patterns import Glob, ImageGlob
from controller.core.predicates import CYCLONEDX, IMAGE_SIGNATURE, PROVENANCE, SPDX, SUMMARIES
from controller.core.records import SBOMFormat
from controller.core.source import SourceTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRequirement:
    """One alternative of where the image may come from; it holds as a whole. What is empty is not asked.

    `triggers` and the forge's numeric ids are exact, `entry_points` globs over paths in the repository.
    """

    repositories: tuple[SourceTemplate, ...]
    refs: tuple[Glob, ...] = ()
    entry_points: tuple[Glob, ...] = ()
    triggers: frozenset[str] = frozenset()
    repository_ids: frozenset[str] = frozenset()
    owner_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequirement:
    """What one provenance statement must show, all of it together. None and empty mean not asked.

    `builders` narrows to these TrustedBuilders by name. `sources` are alternatives. `parameters` are the external
    parameters that may be there, each with its whole subtree; any other refuses. `max_age` is of the earliest
    verified signing time.
    """

    level: int | None = None
    builders: frozenset[str] | None = None
    sources: tuple[SourceRequirement, ...] = ()
    types: frozenset[str] = frozenset()
    parameters: tuple[str, ...] | None = None
    max_age: timedelta | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceVerifier:
    """Whose verification summaries tell a source level, and the level beyond which they are not believed."""

    verifier_id: str
    signers: tuple[SignerMatcher, ...]
    max_level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLevelRequirement:
    """The SLSA Source level of the commit that was built, told by any of `summaries`."""

    level: int
    summaries: tuple[SourceVerifier, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRequirement:
    """Image signatures by `threshold` distinct signers of `signers`.

    `match_repository`: only simple signing that names the image's own repository counts.
    """

    signers: tuple[SignerMatcher, ...]
    threshold: int
    match_repository: bool

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.signers):
            raise ValueError("a threshold lies between 1 and the number of signers")


@dataclass(frozen=True, slots=True, kw_only=True)
class SBOMRequirement:
    """An SBOM of one of `formats`. `signers` None: by the signer of the statement that met the build requirements."""

    formats: frozenset[SBOMFormat]
    signers: tuple[SignerMatcher, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestationRequirement:
    """A statement of exactly this predicate type. `newest`: only the one signed last is looked at."""

    predicate_type: str
    signers: tuple[SignerMatcher, ...]
    max_age: timedelta | None = None
    newest: bool = False
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyRequirement:
    """Every image dependency is one of `images` (empty: any), and reaches `level` (None: not asked)."""

    level: int | None
    images: tuple[ImageGlob, ...]


class Part(Enum):
    """A part of what is required that an accepted summary may stand in for."""

    BUILD_LEVEL = "buildLevel"
    BUILDERS = "builders"
    SOURCES = "sources"
    BUILD = "build"
    DEPENDENCIES = "dependencies"


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryAcceptance:
    """A verification summary that may stand in for provenance, for what it `covers` and no more.

    `resource_uris` may hold `{repository}`, which stands for the image's own. None and empty mean not asked.
    """

    verifier_id: str
    signers: tuple[SignerMatcher, ...]
    resource_uris: tuple[str, ...]
    max_level: int
    covers: frozenset[Part] = frozenset({Part.BUILD_LEVEL})
    policy_uris: frozenset[str] = frozenset()
    policy_digests: frozenset[str] = frozenset()
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """Everything that is required of an image at once; what is None or empty is not asked, but something is."""

    build: BuildRequirement | None = None
    source_level: SourceLevelRequirement | None = None
    dependencies: DependencyRequirement | None = None
    signatures: tuple[SignatureRequirement, ...] = ()
    sbom: SBOMRequirement | None = None
    attestations: tuple[AttestationRequirement, ...] = ()

    def __post_init__(self) -> None:
        asked = (self.build, self.source_level, self.dependencies, self.signatures, self.sbom, self.attestations)
        if not any(asked):
            raise ValueError("requirements ask for something")

    @property
    def signers(self) -> Iterator[SignerMatcher]:
        """Every signer entry in here."""
        if self.source_level is not None:
            for verifier in self.source_level.summaries:
                yield from verifier.signers
        for signature in self.signatures:
            yield from signature.signers
        for attestation in self.attestations:
            yield from attestation.signers
        if self.sbom is not None and self.sbom.signers is not None:
            yield from self.sbom.signers

    @property
    def wanted(self) -> frozenset[str]:
        """The predicate types that can matter to this; of SBOMs the base types."""
        of_build = self.build is not None or self.source_level is not None or self.dependencies is not None
        return frozenset().union(
            PROVENANCE if of_build else frozenset(),
            SUMMARIES if self.source_level is not None or self.dependencies is not None else frozenset(),
            IMAGE_SIGNATURE if self.signatures else frozenset(),
            (_SBOM_TYPES[format_] for format_ in (self.sbom.formats if self.sbom else ())),
            (entry.predicate_type for entry in self.attestations),
        )

    @property
    def kept(self) -> frozenset[str]:
        """The predicate types whose predicates conditions look into."""
        provenance = PROVENANCE if self.build is not None and self.build.conditions else frozenset()
        return provenance | {entry.predicate_type for entry in self.attestations if entry.conditions}


_SBOM_TYPES = {SBOMFormat.SPDX: SPDX, SBOMFormat.CYCLONEDX: CYCLONEDX}
