"""Which builder a statement comes from, and which Build level that is worth.

SLSA v1.2 "Verifying artifacts", step 1: the level is looked up by (signer, builder.id), never read from a document.
"""

import re
from dataclasses import dataclass
from enum import Enum, IntEnum

from controller.core.certified import certified_runner, certified_source
from controller.core.evidence import VerifiedStatement
from controller.core.matchers import SignerMatcher, accepted, roots_of
from controller.core.patterns import Glob
from controller.core.provenance import Provenance, SourceClaim
from controller.core.signer import CertificateSigner, Signer
from controller.core.text import printable
from controller.core.window import Window

UNKNOWN_PAIR_LEVEL = 1  # provenance exists, and that is all that is known

_NUMBER = r"(0|[1-9][0-9]{0,8})"
_VERSION_TAG = re.compile(rf"tags/v{_NUMBER}\.{_NUMBER}\.{_NUMBER}")


class SourceFrom(Enum):
    """Whose word counts for the source. A key carries no certificate: there only PROVENANCE says anything."""

    CERTIFICATE = "Certificate"
    PROVENANCE = "Provenance"


class Objected(IntEnum):
    """How far a builder came in speaking for a statement before it could not. Higher is closer."""

    SIGNER = 0
    BUILDER_ID = 1
    BUILD_TYPE = 2
    VERSION = 3
    REVOKED = 4
    RUNNER = 5
    TRIGGER = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why a builder does not speak for a statement. `detail` is fit to print, and holds no time."""

    at: Objected
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBuilder:
    """Which signers may speak for which builder ids, and up to which level. What is empty or None is not asked.

    `builder_ids` None: the provenance names the certificate's own identity (SameAsSigner). `minimum_version` is of
    the version tag in the signer's name. `revoked` are closed windows of the verified signing time.
    """

    name: str
    max_level: int
    signers: tuple[SignerMatcher, ...]
    builder_ids: tuple[Glob, ...] | None
    source_from: SourceFrom
    build_types: frozenset[str] = frozenset()
    minimum_version: tuple[int, int, int] | None = None
    runner_environments: frozenset[str] = frozenset()
    triggers: frozenset[str] = frozenset()
    records_dependencies: bool = False
    revoked: tuple[Window, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= self.max_level <= 3 or not self.signers or self.builder_ids == ():
            raise ValueError("a builder has signers, builder ids and a level from 1 to 3")

    @property
    def trust_roots(self) -> frozenset[str]:
        """The trust roots that the signer entries name."""
        return roots_of(self.signers)

    def speaks_for(self, statement: VerifiedStatement) -> bool:
        """Whether everything that this builder says of its own provenance holds of this statement.

        Says nothing of contradictions between predicate and certificate: they disqualify the statement itself.
        """
        return self.objection(statement, certified_source(statement.signer)) is None

    def objection(self, statement: VerifiedStatement, certified: SourceClaim | None) -> Objection | None:
        """The first thing that keeps this builder from speaking for a statement, in the order of Objected.

        `certified` is what its signer's certificate says of the source, here and below.
        """
        provenance = statement.provenance
        if provenance is None or not accepted(self.signers, statement):
            return Objection(at=Objected.SIGNER, detail="another signer")
        if not self._names(provenance, statement.signer):
            return Objection(at=Objected.BUILDER_ID, detail="the builder.id is not one it may speak for")
        if self.build_types and provenance.build_type not in self.build_types:
            return Objection(at=Objected.BUILD_TYPE, detail="the build type is none of its own")
        if self.minimum_version is not None and not self._recent(statement.signer, self.minimum_version):
            least = ".".join(str(number) for number in self.minimum_version)
            return Objection(at=Objected.VERSION, detail=f"the signer is at no version tag from v{least} on")
        if self._revoked(statement):
            return Objection(at=Objected.REVOKED, detail="signed while it was revoked, or at a time nobody knows")
        return self._circumstances(statement, certified)

    def source_of(self, statement: VerifiedStatement, certified: SourceClaim | None) -> SourceClaim | None:
        """The source by the word that counts; None when nobody's does.

        A certificate that carries source extensions decides, whatever `source_from` says (SIGN-035); the predicate's
        own word counts only beside keys and other certificates, where the builder lets it.
        """
        if certified is not None or self.source_from is SourceFrom.CERTIFICATE or statement.provenance is None:
            return certified
        return statement.provenance.source

    def _names(self, provenance: Provenance, signer: Signer | None) -> bool:
        """Nothing is split to compare: a tag may hold an @ (IDENT-008)."""
        if self.builder_ids is None:
            return isinstance(signer, CertificateSigner) and provenance.builder_id == signer.subject
        return any(pattern.matches(provenance.builder_id) for pattern in self.builder_ids)

    def _recent(self, signer: Signer | None, least: tuple[int, int, int]) -> bool:
        version = _version(signer)
        return version is not None and version >= least

    def _revoked(self, statement: VerifiedStatement) -> bool:
        """A statement without a verified time may be from any time, so from inside every window (SIGN-039)."""
        times = statement.times
        return bool(self.revoked) and (
            not times or any(window.contains(time) for window in self.revoked for time in times)
        )

    def _circumstances(self, statement: VerifiedStatement, certified: SourceClaim | None) -> Objection | None:
        """Where it ran and what started it; what is not told is not allowed (SIGN-016, SIGN-040)."""
        if self.runner_environments:
            runner = self._runner(statement, certified)
            if runner not in self.runner_environments:
                told = f"built on a runner of {printable(runner or 'unknown', limit=60)}"
                return Objection(at=Objected.RUNNER, detail=f"{told}, not {_either(self.runner_environments)}")
        if self.triggers:
            source = self.source_of(statement, certified)
            trigger = source.trigger if source else None
            if trigger not in self.triggers:
                told = f"started by {printable(trigger or 'nobody knows what', limit=60)}"
                return Objection(at=Objected.TRIGGER, detail=f"{told}, not {_either(self.triggers)}")
        return None

    def _runner(self, statement: VerifiedStatement, certified: SourceClaim | None) -> str | None:
        runner = certified_runner(statement.signer)
        mute = runner is None and certified is None
        if mute and self.source_from is SourceFrom.PROVENANCE and statement.provenance is not None:
            return statement.provenance.runner_environment
        return runner


def _version(signer: Signer | None) -> tuple[int, int, int] | None:
    """The version of `...@refs/tags/vX.Y.Z`: all that follows the first @refs/, for a ref may hold another.

    Pre-releases and build metadata are no versions here (SIGN-038).
    """
    ref = signer.subject.partition("@refs/")[2] if isinstance(signer, CertificateSigner) else ""
    found = _VERSION_TAG.fullmatch(ref)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _either(names: frozenset[str]) -> str:
    return " or ".join(sorted(names))
