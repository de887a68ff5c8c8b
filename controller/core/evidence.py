"""Facts about one digest. Evidence knows no policy, and holds nothing that was not verified except as a refusal."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from controller.core.errors import (
    DeadlineExceeded,
    LimitExceeded,
    MalformedManifest,
    NavicertError,
    RegistryDenied,
    TrustRootStale,
)
from controller.core.image import Digest, Repository
from controller.core.reasons import Reason


class Kind(Enum):
    """What a statement is, told by what was signed and by nothing else."""

    PROVENANCE = "provenance"
    IMAGE_SIGNATURE = "image signature"
    OTHER = "attestation"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeySigner:
    """A signer that is a public key: `key` is `sha256:` and the hex SHA-256 of its SubjectPublicKeyInfo."""

    trust_root: str
    key: str
    name: str

    def __str__(self) -> str:
        return f"key {self.name} of {self.trust_root}"


Signer = KeySigner


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClaim:
    """What a predicate says of its source. Its own word: it counts only where a builder says so.

    `repository` is normalised (`controller.core.source`); None means the predicate does not say, or not in a
    comparable way. `ref` is the full git ref.
    """

    repository: str | None = None
    ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """SLSA provenance of any version in one record. Carries no level: a level is never read from a document."""

    builder_id: str
    build_type: str
    source: SourceClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStatement:
    """A statement about `subject` whose signature held under one trust root. A capability: only
    `controller.trust.verify` constructs it (kept by a test).

    `payload` is the digest of the signed bytes and names the statement. `signed_at` is a verified time or None.
    `provenance` is there for Kind.PROVENANCE and only then. `repository` is what a simple-signing payload says
    it is of, when it says so.
    """

    kind: Kind
    predicate_type: str
    subject: Digest
    payload: Digest
    signer: Signer
    signed_at: datetime | None = None
    provenance: Provenance | None = None
    repository: Repository | None = None

    def __post_init__(self) -> None:
        if (self.kind is Kind.PROVENANCE) != (self.provenance is not None):
            raise ValueError("provenance statements, and only they, carry a provenance record")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Refused:
    """A candidate that cryptography, binding or parsing refused.

    `step` says how far it came: 0 not verified, 1 verified but about another subject. `kind` is what it would have
    been, None when that can't be told. `where` names the candidate (a digest), `detail` is fit to print.
    """

    step: int
    detail: str
    where: str
    kind: Kind | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Gap:
    """Something that could not be found out: ignorance, never absence. `detail` is fit to print."""

    reason: Reason
    detail: str

    @classmethod
    def of(cls, error: NavicertError) -> "Gap":
        """The gap that an error from an edge leaves."""
        return cls(reason=_REASONS.get(type(error), Reason.RegistryUnavailable), detail=str(error))


_REASONS: dict[type[NavicertError], Reason] = {
    RegistryDenied: Reason.RegistryDenied,
    MalformedManifest: Reason.MalformedManifest,
    LimitExceeded: Reason.LimitExceeded,
    DeadlineExceeded: Reason.DeadlineExceeded,
    TrustRootStale: Reason.TrustRootStale,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything known about one image: statements, refusals and gaps, each sorted, so that order never matters.

    `digest` is what the reference resolved to; None when that could not be found out, or when `found` is False:
    the registry says there is no such image.
    """

    digest: Digest | None
    found: bool = True
    statements: tuple[VerifiedStatement, ...] = ()
    refused: tuple[Refused, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __post_init__(self) -> None:
        if self.digest is None and self.found and not self.gaps:
            raise ValueError("an image without a digest is either not found or unknown for a reason")
        if any(statement.subject != self.digest for statement in self.statements):
            raise ValueError("evidence holds statements about its own digest only")
        object.__setattr__(self, "statements", tuple(sorted(self.statements, key=_statement_order)))
        object.__setattr__(self, "refused", tuple(sorted(self.refused, key=_refused_order)))
        object.__setattr__(self, "gaps", tuple(sorted(self.gaps, key=lambda gap: (gap.reason.name, gap.detail))))


def _statement_order(statement: VerifiedStatement) -> tuple[str, str, str]:
    return (str(statement.payload), statement.signer.trust_root, statement.signer.key)


def _refused_order(refused: Refused) -> tuple[int, str, str]:
    return (-refused.step, refused.where, refused.detail)
