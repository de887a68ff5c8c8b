"""Judging one candidate: what of its bytes is proven, by whom, and when.

The only place that constructs a VerifiedStatement. It knows neither policies nor predicates that policies ask for.
"""

from datetime import datetime

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.provenance import Provenance
from controller.core.records import SBOM, Summary
from controller.trust.border import Border
from controller.trust.opening import Refusal, open_candidate
from controller.trust.reading import Assertion, read_signed, read_unsigned
from controller.trust.root import TrustRoots
from controller.trust.signing import Signing, signings
from controller.wire.candidate import Candidate, Container


def judge_candidate(
    candidate: Candidate, *, subject: Digest, roots: TrustRoots, now: datetime, keep: frozenset[str] = frozenset()
) -> tuple[VerifiedStatement, ...] | Refused:
    """What this candidate proves about `subject`: a statement for each signer under each trust root, or why not.

    The order is that of the client specification (sigstore/architecture-docs, client-spec.md, section 4), per root:

    1. The container is read: bundle, envelope, or payload with its signature beside it. Nothing in it is believed;
       one timestamp or log entry given twice, and more of anything than the bounds allow, is refused.
    2. A signature must be by the certificate's key, or by a key of a root, over exactly the bytes that it covers.
       Hints in the container decide nothing.
    3. Times are established: the integrated time of each log entry that binds to this signature, verifier and
       artifact, if a signed entry timestamp shows it; and each timestamp over the signature. Only this root's logs
       and authorities count, for a root of keys only those of the root that it names. A log entry of a bundle since
       v0.2 needs an inclusion proof under a checkpoint that its log signed, and no entry may lack all proof.
    4. What the root requires must be there: log entry, timestamp. A certificate needs at least one time.
    5. The certificate must lead to an authority of this root at every one of the times, be one for signing code, name
       exactly one subject, and carry an SCT where the root requires one. A key must count at every one of the times,
       or at `now` if there is none.
    6. The payload is read only now. What it is, is told by its signed type; annotations and media types are not
       consulted.
    7. It must be about `subject`, by SHA-256.
    8. A predicate that Navicert interprets must be well formed.

    A bare statement, which nobody signed, passes 6 to 8 alone; provenance or SBOM in form, it has no signer.
    Of the predicate types in `keep` the statement has the predicate's own JSON, of others what is interpreted alone.

    Guarantees nothing about who may sign what: that is judged later, by signer. Never raises for bytes of others, not
    even where a reader of ours fails at them: that would take the good evidence beside them along. A Refused carries
    the kind when it was told by what was verified.
    """
    try:
        with Border():
            return _judge(candidate, subject, roots, now, keep)
    except Refusal as refusal:
        return _refused(candidate, str(refusal), kind=refusal.kind, step=refusal.step)
    except (MalformedAttestation, NotVerified) as error:
        return _refused(candidate, str(error), kind=_announced(candidate))


def _judge(
    candidate: Candidate, subject: Digest, roots: TrustRoots, now: datetime, keep: frozenset[str]
) -> tuple[VerifiedStatement, ...]:
    if candidate.container is Container.STATEMENT:
        assertion = read_unsigned(candidate.content, subject)
        return (_statement(assertion, subject, Digest.of(candidate.content), None, keep),)
    content, material = open_candidate(candidate)
    found = signings(content, material, roots=roots, now=now)
    assertion = read_signed(content, subject)
    return tuple(_statement(assertion, subject, content.payload_digest, signing, keep) for signing in found)


def _statement(
    assertion: Assertion, subject: Digest, payload: Digest, signing: Signing | None, keep: frozenset[str]
) -> VerifiedStatement:
    record = assertion.record
    kept = assertion.predicate if assertion.predicate_type in keep else b""
    return VerifiedStatement(
        kind=assertion.kind,
        predicate_type=assertion.predicate_type,
        subject=None if assertion.commits else subject,
        payload=payload,
        signer=signing.signer if signing else None,
        times=signing.times if signing else (),
        provenance=record if isinstance(record, Provenance) else None,
        summary=record if isinstance(record, Summary) else None,
        sbom=record if isinstance(record, SBOM) else None,
        repository=assertion.repository,
        commits=assertion.commits,
        predicate=kept or None,
    )


def _refused(candidate: Candidate, detail: str, *, kind: Kind | None, step: int = 0) -> Refused:
    return Refused(step=step, detail=detail, where=str(candidate.digest), kind=kind)


def _announced(candidate: Candidate) -> Kind | None:
    """What a candidate of which nothing is verified could have been, where its form leaves no choice."""
    return Kind.IMAGE_SIGNATURE if candidate.container is Container.SIMPLE_SIGNING else None
