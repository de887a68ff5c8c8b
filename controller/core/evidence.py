"""Facts about one digest. Evidence knows no policy, and holds nothing that was not verified except as a refusal."""

from collections.abc import Collection
from dataclasses import dataclass, field
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
from controller.core.provenance import Provenance
from controller.core.reasons import Reason
from controller.core.records import SBOM, Summary
from controller.core.signer import Signer


class Kind(Enum):
    """What a statement is, told by what was signed and by nothing else."""

    PROVENANCE = "provenance"
    IMAGE_SIGNATURE = "image signature"
    SBOM = "SBOM"
    SUMMARY = "verification summary"
    SOURCE_SUMMARY = "source verification summary"
    OTHER = "attestation"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedStatement:
    """A statement whose signature held under one trust root. A capability: only `controller.trust.verify` constructs
    it (kept by a test).

    `subject` is the image's digest; None only for a source summary, which is about `commits`. `payload` is the digest
    of the signed bytes and names the statement. `signer` is None for a statement that nobody signed (BuildKit's): it
    is provenance or SBOM in form, and unauthenticated. `times` are all verified signing times, earliest first; empty
    when there is none. The record that belongs to the kind is there, and no other. `predicate` is the predicate's own
    JSON, kept only of the types that conditions look into.
    """

    kind: Kind
    predicate_type: str
    subject: Digest | None
    payload: Digest
    signer: Signer | None
    times: tuple[datetime, ...] = ()
    provenance: Provenance | None = None
    summary: Summary | None = None
    sbom: SBOM | None = None
    repository: Repository | None = None
    commits: frozenset[str] = frozenset()
    predicate: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        summarised = self.kind is Kind.SUMMARY or self.kind is Kind.SOURCE_SUMMARY
        records = (
            (self.provenance, self.kind is Kind.PROVENANCE),
            (self.summary, summarised),
            (self.sbom, self.kind is Kind.SBOM),
        )
        for record, wanted in records:
            if wanted and record is None:
                raise ValueError(f"a statement of kind {self.kind.value} carries its record")
            if record is not None and not wanted:
                raise ValueError(f"a statement of kind {self.kind.value} carries no other record")
        if (self.subject is None) != (self.kind is Kind.SOURCE_SUMMARY) or bool(self.commits) != (self.subject is None):
            raise ValueError("a source summary is about commits, every other statement about a digest")
        object.__setattr__(self, "times", tuple(sorted(self.times)))

    @property
    def signed_at(self) -> datetime | None:
        """The earliest verified signing time: the one that makes a statement oldest."""
        return self.times[0] if self.times else None


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
    """Something that could not be found out: ignorance, never absence. `detail` is fit to print.

    `roots` are the trust roots under which alone something may be missing, sorted; none: under any, or under none.
    """

    reason: Reason
    detail: str
    roots: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: NavicertError, *, roots: Collection[str] = ()) -> "Gap":
        """The gap that an error from an edge leaves."""
        reason = _REASONS.get(type(error), Reason.RegistryUnavailable)
        return cls(reason=reason, detail=str(error), roots=tuple(sorted(roots)))

    def concerns(self, roots: Collection[str] | None) -> bool:
        """Whether what is missing may be something that one of these roots vouches for; None: whoever does."""
        return not self.roots or roots is None or any(name in roots for name in self.roots)


_REASONS: dict[type[NavicertError], Reason] = {
    RegistryDenied: Reason.RegistryDenied,
    MalformedManifest: Reason.MalformedManifest,
    LimitExceeded: Reason.LimitExceeded,
    DeadlineExceeded: Reason.DeadlineExceeded,
    TrustRootStale: Reason.TrustRootStale,
}


@dataclass(frozen=True, slots=True, kw_only=True, weakref_slot=True)
class Evidence:
    """Everything known about one image: statements, refusals and gaps, each sorted, so that order never matters.

    `digest` is what the reference resolved to; None when that could not be found out, or when `found` is False:
    the registry says there is no such image. Of an index, `children` is the evidence of its runnable children, and
    `unread` are those whose evidence was not gathered (yet): nothing is known of them. `listed` are those for which
    others may stand, an index within the index for one. `unlisted` says why it is not known what the image consists of:
    its manifest was not read, or not whole. `platform` is what the index says of a child, fit to print; it proves
    nothing.
    """

    digest: Digest | None
    found: bool = True
    statements: tuple[VerifiedStatement, ...] = ()
    refused: tuple[Refused, ...] = ()
    gaps: tuple[Gap, ...] = ()
    children: tuple["Evidence", ...] = ()
    unread: tuple[Digest, ...] = ()
    listed: tuple[Digest, ...] = ()
    unlisted: Gap | None = None
    platform: str | None = None

    def __post_init__(self) -> None:
        if self.digest is None and self.found and not self.gaps:
            raise ValueError("an image without a digest is either not found or unknown for a reason")
        if any(statement.subject not in {None, self.digest} for statement in self.statements):
            raise ValueError("evidence holds statements about its own digest only")
        object.__setattr__(self, "statements", tuple(sorted(self.statements, key=_statement_order)))
        object.__setattr__(self, "refused", tuple(sorted(self.refused, key=_refused_order)))
        object.__setattr__(self, "gaps", tuple(sorted(self.gaps, key=lambda gap: (gap.reason.name, gap.detail))))

    def gaps_under(self, roots: Collection[str] | None) -> tuple[Gap, ...]:
        """The gaps that can make a difference to what only these roots vouch for; None: to whatever anybody does."""
        return tuple(gap for gap in self.gaps if gap.concerns(roots))

    @property
    def digests(self) -> tuple[Digest, ...]:
        """The image's own digest, then in order those of all that it is known to consist of."""
        inner = sorted({child.digest for child in self.children if child.digest} | {*self.unread, *self.listed})
        return (*((self.digest,) if self.digest else ()), *inner)


def _statement_order(statement: VerifiedStatement) -> tuple[str, str, str]:
    signer = statement.signer
    return (str(statement.payload), signer.trust_root if signer else "", str(signer or ""))


def _refused_order(refused: Refused) -> tuple[int, str, str]:
    return (-refused.step, refused.where, refused.detail)
