"""Which builder a statement comes from, and which Build level that is worth.

SLSA v1.2 "Verifying artifacts", step 1: the level is looked up by (signer, builder.id), never read from a document.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from controller.core.evidence import VerifiedStatement
from controller.core.patterns import Glob
from controller.core.signer import KeySigner, Signer

UNKNOWN_PAIR_LEVEL = 1  # provenance exists, and that is all that is known


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeyMatcher:
    """One signer entry that names a key: the key itself and the trust root it is believed under.

    `label` is how the object wrote it; it does not take part in matching.
    """

    trust_root: str
    key: str
    label: str

    def accepts(self, signer: Signer | None) -> bool:
        """Whether this signer is meant. Evidence verified under another root never is (SIGN-033)."""
        return isinstance(signer, KeySigner) and (signer.trust_root, signer.key) == (self.trust_root, self.key)

    def __str__(self) -> str:
        return self.label


SignerMatcher = KeyMatcher


class SourceFrom(Enum):
    """Whose word counts for the source. A key carries no certificate: there only PROVENANCE says anything."""

    CERTIFICATE = "Certificate"
    PROVENANCE = "Provenance"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedBuilder:
    """Which signers may speak for which builder ids, and up to which level. Empty `build_types`: any."""

    name: str
    max_level: int
    signers: tuple[SignerMatcher, ...]
    builder_ids: tuple[Glob, ...]
    build_types: frozenset[str]
    source_from: SourceFrom

    def __post_init__(self) -> None:
        if not 1 <= self.max_level <= 3 or not self.signers or not self.builder_ids:
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
            and any(signer.accepts(statement.signer) for signer in self.signers)
            and any(pattern.matches(provenance.builder_id) for pattern in self.builder_ids)
            and (not self.build_types or provenance.build_type in self.build_types)
        )


def speaking(builders: Iterable[TrustedBuilder], statement: VerifiedStatement) -> tuple[TrustedBuilder, ...]:
    """The builders that speak for a statement, the highest level first, then by name (SIGN-023)."""
    found = (builder for builder in builders if builder.speaks_for(statement))
    return tuple(sorted(found, key=lambda builder: (-builder.max_level, builder.name)))
