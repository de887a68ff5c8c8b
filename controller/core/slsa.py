"""Which builder a statement comes from, and which Build level that is worth.

SLSA v1.2 "Verifying artifacts", step 1: the level is looked up by (signer, builder.id), never read from a document.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from controller.core.evidence import VerifiedStatement
from controller.core.matchers import SignerMatcher, accepted
from controller.core.patterns import Glob
from controller.core.window import Window

UNKNOWN_PAIR_LEVEL = 1  # provenance exists, and that is all that is known


class SourceFrom(Enum):
    """Whose word counts for the source. A key carries no certificate: there only PROVENANCE says anything."""

    CERTIFICATE = "Certificate"
    PROVENANCE = "Provenance"


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
        return frozenset(signer.trust_root for signer in self.signers)

    def speaks_for(self, statement: VerifiedStatement) -> bool:
        """Whether signer, builder id and build type of this provenance all belong to this builder."""
        provenance = statement.provenance
        return (
            provenance is not None
            and accepted(self.signers, statement)
            and any(pattern.matches(provenance.builder_id) for pattern in self.builder_ids or ())
            and (not self.build_types or provenance.build_type in self.build_types)
        )


def speaking(builders: Iterable[TrustedBuilder], statement: VerifiedStatement) -> tuple[TrustedBuilder, ...]:
    """The builders that speak for a statement, the highest level first, then by name (SIGN-023)."""
    found = (builder for builder in builders if builder.speaks_for(statement))
    return tuple(sorted(found, key=lambda builder: (-builder.max_level, builder.name)))
