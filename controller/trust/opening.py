"""Opening a candidate: from its bytes to signatures, what they cover, and what is to prove them."""

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.evidence import Kind
from controller.core.predicates import SIMPLE_SIGNING
from controller.wire.annotations import is_by_cosign, parse_annotations, parse_signature
from controller.wire.bundle import parse_bundle
from controller.wire.candidate import Candidate, Container
from controller.wire.envelope import Envelope, parse_envelope
from controller.wire.material import Material
from controller.wire.signature import parse_simple_signing
from controller.wire.signed import SignedContent


class Refusal(NotVerified):
    """A refusal on its way to becoming a value, with what had been verified by then."""

    def __init__(self, detail: str, *, kind: Kind | None = None, step: int = 0) -> None:
        super().__init__(detail)
        self.kind = kind
        self.step = step


def open_candidate(candidate: Candidate) -> tuple[SignedContent, Material]:
    """Read the container of something signed. Raises MalformedAttestation, and Refusal for what states nothing."""
    match candidate.container:
        case Container.BUNDLE:
            return _bundle(candidate.content)
        case Container.SIMPLE_SIGNING:
            return _simple_signing(candidate), parse_annotations(candidate.annotations)
        case _:
            content = _bare_envelope(candidate.content).content(
                candidate.container,
                written=candidate.content,
                concatenated=not is_by_cosign(candidate.annotations),
            )
            return content, parse_annotations(candidate.annotations)


def _bundle(content: bytes) -> tuple[SignedContent, Material]:
    signed, material = parse_bundle(content)
    if signed.digest is not None:
        # Its artifact may well be the image's manifest, but nothing that was signed says what that would mean.
        raise Refusal("a message signature states nothing about what it signed", kind=Kind.OTHER)
    return signed, material


def _bare_envelope(content: bytes) -> Envelope:
    try:
        return parse_envelope(content)
    except MalformedAttestation as error:
        if _is_image_signature(content):
            raise Refusal("a simple-signing payload is no attestation", kind=Kind.IMAGE_SIGNATURE) from error
        raise


def _is_image_signature(content: bytes) -> bool:
    """Whether this looks like simple signing. Nothing of it is verified: good for an explanation, and no more."""
    try:
        return parse_simple_signing(content).is_image_signature
    except MalformedAttestation:
        return False


def _simple_signing(candidate: Candidate) -> SignedContent:
    return SignedContent(
        container=candidate.container,
        payload_type=SIMPLE_SIGNING,
        payload=candidate.content,
        message=candidate.content,
        signatures=(parse_signature(candidate.annotations),),
    )
