"""Judging one candidate: what of its bytes is proven, and by whom.

The only place that constructs a VerifiedStatement. It knows neither policies nor predicates that policies ask for.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.evidence import KeySigner, Kind, Provenance, Refused, VerifiedStatement
from controller.core.image import Digest, Repository
from controller.core.predicates import COSIGN_SIGN_V1, PROVENANCE, SIMPLE_SIGNING
from controller.core.text import printable
from controller.trust.keys import PublicKey
from controller.trust.root import TrustRoots
from controller.wire.bundle import Material, parse_bundle
from controller.wire.candidate import Candidate, Container
from controller.wire.encoding import parse_base64
from controller.wire.envelope import Envelope, parse_envelope
from controller.wire.provenance import parse_provenance_v1
from controller.wire.signature import parse_simple_signing
from controller.wire.statement import is_statement_type, parse_statement

MAX_CHECKS = 4096  # of one candidate, half a second: whoever may push decides how many signatures there are


class _Refusal(NotVerified):
    """A refusal on its way to becoming a value, with what had been verified by then."""

    def __init__(self, detail: str, *, kind: Kind | None = None, step: int = 0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.step = step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    """What a container holds: signatures over `message`, which commits to `payload` and `payload_type`."""

    payload_type: str
    payload: bytes
    message: bytes
    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assertion:
    """What a payload says about the subject, read after its signature held."""

    kind: Kind
    predicate_type: str
    provenance: Provenance | None = None
    repository: Repository | None = None


def judge_candidate(
    candidate: Candidate, *, subject: Digest, roots: TrustRoots, now: datetime
) -> tuple[VerifiedStatement, ...] | Refused:
    """What this candidate proves about `subject`: a statement for each (trust root, key) that signed it, or why not.

    1. The container is read: bundle, envelope, or payload with its signature beside it. Nothing in it is believed.
    2. Every key of every root is tried on every signature, over exactly the bytes that were signed; hints in the
       container decide nothing.
    3. Each key that signed must count at `now`: in its window, and not revoked. No signature of this version brings
       a verified time of its own.
    4. The payload is read only now, and from the bytes that the signature covers. What it is, is told by its signed
       type; annotations and media types are not consulted.
    5. It must be about `subject`, by SHA-256.
    6. A predicate that Navicert interprets must be well formed.

    Guarantees nothing about who may sign what: that is judged later, by signer. Never raises for bytes of others; a
    Refused carries the kind when it was told by what was verified.
    """
    try:
        signed = _open(candidate)
        signers = _signers(signed, roots, now)
        assertion = _read(candidate.container, signed, subject)
    except _Refusal as refusal:
        return _refused(candidate, str(refusal), kind=refusal.kind, step=refusal.step)
    except (MalformedAttestation, NotVerified) as error:
        return _refused(candidate, str(error), kind=_announced(candidate))
    payload = Digest.of(signed.payload)
    return tuple(
        VerifiedStatement(
            kind=assertion.kind,
            predicate_type=assertion.predicate_type,
            subject=subject,
            payload=payload,
            signer=signer,
            provenance=assertion.provenance,
            repository=assertion.repository,
        )
        for signer in signers
    )


def _refused(candidate: Candidate, detail: str, *, kind: Kind | None, step: int = 0) -> Refused:
    return Refused(step=step, detail=detail, where=str(candidate.digest), kind=kind)


def _announced(candidate: Candidate) -> Kind | None:
    """What a candidate of which nothing is verified could have been, where its form leaves no choice."""
    return Kind.IMAGE_SIGNATURE if candidate.container is Container.SIMPLE_SIGNING else None


def _open(candidate: Candidate) -> _Signed:
    match candidate.container:
        case Container.BUNDLE:
            return _enveloped(_envelope_of_bundle(candidate.content))
        case Container.ENVELOPE:
            return _enveloped(_bare_envelope(candidate.content))
        case Container.SIMPLE_SIGNING:
            return _annotated(candidate)


def _bare_envelope(content: bytes) -> Envelope:
    try:
        return parse_envelope(content)
    except MalformedAttestation as error:
        if _is_image_signature(content):
            raise _Refusal("a simple-signing payload is no attestation", kind=Kind.IMAGE_SIGNATURE) from error
        raise


def _is_image_signature(content: bytes) -> bool:
    """Whether this looks like simple signing. Nothing of it is verified: good for an explanation, and no more."""
    try:
        return parse_simple_signing(content).is_image_signature
    except MalformedAttestation:
        return False


def _envelope_of_bundle(content: bytes) -> Envelope:
    bundle = parse_bundle(content)
    if bundle.envelope is None:
        # Its artifact may well be the image's manifest, but nothing that was signed says what that would mean.
        raise _Refusal("a message signature states nothing about what it signed", kind=Kind.OTHER)
    if bundle.material is Material.CERTIFICATE:
        raise NotVerified("signed with a certificate: not verified by this version")
    return bundle.envelope


def _enveloped(envelope: Envelope) -> _Signed:
    return _Signed(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        message=envelope.signed_bytes,
        signatures=envelope.signatures,
    )


def _annotated(candidate: Candidate) -> _Signed:
    signature = parse_base64(candidate.signature or "", what="the signature annotation")
    if not signature:
        raise MalformedAttestation("there is no signature beside the payload")
    return _Signed(
        payload_type=SIMPLE_SIGNING,
        payload=candidate.content,
        message=candidate.content,
        signatures=(signature,),
    )


def _signers(signed: _Signed, roots: TrustRoots, now: datetime) -> tuple[KeySigner, ...]:
    """Everyone who signed and counts at `now`, at least one. Raises NotVerified."""
    digest = hashlib.sha256(signed.message).digest()
    known = {key.key for root in roots.roots.values() for key in root.keys}
    if len(known) * len(signed.signatures) > MAX_CHECKS:
        raise NotVerified(f"more than {MAX_CHECKS} signature checks: too many signatures for so many keys")
    signing = frozenset(key for key in known if _signed_by(key, signed.signatures, digest))
    if not signing:
        raise NotVerified("no key of any trust root made its signature" if known else "no trust root holds a key")
    return _counting(signing, roots, now)


def _signed_by(key: PublicKey, signatures: tuple[bytes, ...], digest: bytes) -> bool:
    for signature in signatures:
        try:
            key.verify_digest(signature, digest)
        except NotVerified:
            continue
        return True
    return False


def _counting(signing: frozenset[PublicKey], roots: TrustRoots, now: datetime) -> tuple[KeySigner, ...]:
    """Each root judges its keys for itself: what one root says of a key never serves or harms another."""
    signers: list[KeySigner] = []
    objections: list[str] = []
    for root in roots.roots.values():
        for key in signing & {entry.key for entry in root.keys}:
            try:
                entry = root.entry_of(key, now=now)
            except NotVerified as error:
                objections.append(str(error))
            else:
                signers.append(KeySigner(trust_root=root.name, key=key.fingerprint, name=entry.name))
    if not signers:
        raise NotVerified("; ".join(sorted(objections)))
    return tuple(sorted(signers))


def _read(container: Container, signed: _Signed, subject: Digest) -> _Assertion:
    if container is Container.SIMPLE_SIGNING:
        return _read_simple_signing(signed.payload, subject)
    return _read_statement(signed, subject)


def _read_simple_signing(payload: bytes, subject: Digest) -> _Assertion:
    """cosign SIGNATURE_SPEC.md: type and manifest digest are critical; who it names is for policies to compare."""
    signing = parse_simple_signing(payload)
    if not signing.is_image_signature:
        shown = printable(signing.critical_type, limit=60)
        raise _Refusal(f"a simple-signing payload of type {shown!r} is no image signature", kind=Kind.OTHER)
    if not signing.is_about(subject):
        raise _Refusal("signed, but for another digest", kind=Kind.IMAGE_SIGNATURE, step=1)
    return _Assertion(kind=Kind.IMAGE_SIGNATURE, predicate_type=SIMPLE_SIGNING, repository=signing.repository)


def _read_statement(signed: _Signed, subject: Digest) -> _Assertion:
    if not is_statement_type(signed.payload_type):
        kind = Kind.IMAGE_SIGNATURE if signed.payload_type == SIMPLE_SIGNING else None
        raise _Refusal(f"payload type {printable(signed.payload_type, limit=80)!r} is no statement", kind=kind)
    statement = parse_statement(signed.payload)
    kind = _kind(statement.predicate_type)
    if not statement.is_about(subject):
        raise _Refusal("verified, but about another digest", kind=kind, step=1)
    try:
        provenance = parse_provenance_v1(statement.predicate) if kind is Kind.PROVENANCE else None
    except MalformedAttestation as error:
        raise _Refusal(str(error), kind=kind) from error
    return _Assertion(kind=kind, predicate_type=statement.predicate_type, provenance=provenance)


def _kind(predicate_type: str) -> Kind:
    if predicate_type in PROVENANCE:
        return Kind.PROVENANCE
    return Kind.IMAGE_SIGNATURE if predicate_type == COSIGN_SIGN_V1 else Kind.OTHER
