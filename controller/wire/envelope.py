"""DSSE envelopes (github.com/secure-systems-lab/dsse, v1.0.2): a payload, its type, and signatures over both."""

from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.wire.candidate import Container
from controller.wire.encoding import parse_base64
from controller.wire.signed import SignedContent
from controller.wire.strictjson import parse_strict

MAX_SIGNATURES = 32  # each is tried with every key


class EnvelopeSignature(msgspec.Struct, frozen=True):
    """One signature as written. A `keyid` may stand beside it; it is a hint that decides nothing, so it is not read.

    Neither is a certificate that slsa-github-generator puts there in release files; that it is there is told.
    """

    sig: str
    cert: msgspec.Raw = msgspec.Raw()


class EnvelopeDocument(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON form of an envelope. Fields that are not named here are ignored."""

    payload_type: str
    payload: str
    signatures: Annotated[tuple[EnvelopeSignature, ...], msgspec.Meta(min_length=1, max_length=MAX_SIGNATURES)]

    def open(self) -> "Envelope":
        """Decode payload and signatures. Raises MalformedAttestation."""
        return Envelope(
            payload_type=self.payload_type,
            payload=parse_base64(self.payload, what="the payload of the envelope"),
            signatures=tuple(_signature(entry) for entry in self.signatures),
            certified=any(bytes(entry.cert) for entry in self.signatures),
        )


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A decoded envelope: what it claims, nothing of it verified. At least one signature, none of them empty.

    `certified`: a certificate stands beside a signature. It is not read: nothing shows when such a signature was made.
    """

    payload_type: str
    payload: bytes
    signatures: tuple[bytes, ...]
    certified: bool = False

    @property
    def signed_bytes(self) -> bytes:
        """The pre-authentication encoding (DSSE, protocol.md): lengths are of bytes, not of characters."""
        payload_type = self.payload_type.encode()
        return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type, len(self.payload), self.payload)

    def content(
        self, container: Container, *, written: bytes | None = None, concatenated: bool = False
    ) -> SignedContent:
        """What is signed here; `written` is the envelope as it stood in its layer, where it stood by itself.

        DSSE leaves the form of ECDSA signatures to the signer: its own test vector is `concatenated` (protocol.md),
        Sigstore's bundles and cosign's layers hold DER.
        """
        return SignedContent(
            container=container,
            payload_type=self.payload_type,
            payload=self.payload,
            message=self.signed_bytes,
            signatures=self.signatures,
            envelope=written,
            certified=self.certified,
            concatenated=concatenated,
        )


def parse_envelope(content: bytes) -> Envelope:
    """Read a bare envelope, which may have up to MAX_SIGNATURES signatures. Raises MalformedAttestation."""
    return parse_strict(content, EnvelopeDocument, what="the envelope").open()


def _signature(entry: EnvelopeSignature) -> bytes:
    signature = parse_base64(entry.sig, what="a signature of the envelope")
    if not signature:
        raise MalformedAttestation("a signature of the envelope is empty")
    return signature
