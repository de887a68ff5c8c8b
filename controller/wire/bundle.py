"""Sigstore bundles v0.1 to v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto), in protobuf's JSON form."""

from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.text import printable
from controller.wire.candidate import Container
from controller.wire.encoding import parse_base64
from controller.wire.entries import EntryDocument
from controller.wire.envelope import EnvelopeDocument
from controller.wire.material import MAX_CERTIFICATES, MAX_LOG_ENTRIES, MAX_TIMESTAMPS, Material
from controller.wire.signed import SignedContent
from controller.wire.strictjson import parse_strict

MEDIA_TYPES = {
    "application/vnd.dev.sigstore.bundle.v0.3+json": 3,
    **{f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}": minor for minor in (1, 2, 3)},
}
"""Every media type that a bundle may have, with its minor version."""

_DIGEST_BYTES = {"SHA2_256": 32, "SHA2_384": 48, "SHA2_512": 64}  # sigstore_common.proto, HashAlgorithm


class _PublicKey(msgspec.Struct, frozen=True):
    """A hint for which key it was; it decides nothing, so it is not read."""


class _Certificate(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str | None = None


class _Chain(msgspec.Struct, frozen=True):
    certificates: Annotated[tuple[_Certificate, ...], msgspec.Meta(max_length=MAX_CERTIFICATES)] | None = None


class _Timestamp(msgspec.Struct, frozen=True, rename="camel"):
    signed_timestamp: str | None = None


class _Timestamps(msgspec.Struct, frozen=True):
    rfc3161_timestamps: Annotated[tuple[_Timestamp, ...], msgspec.Meta(max_length=MAX_TIMESTAMPS)] | None = (
        msgspec.field(name="rfc3161Timestamps", default=None)
    )


class _VerificationMaterial(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _PublicKey | None = None
    certificate: _Certificate | None = None
    x509_certificate_chain: _Chain | None = msgspec.field(name="x509CertificateChain", default=None)
    tlog_entries: Annotated[tuple[EntryDocument, ...], msgspec.Meta(max_length=MAX_LOG_ENTRIES)] | None = None
    timestamp_verification_data: _Timestamps | None = None


class _MessageDigest(msgspec.Struct, frozen=True):
    algorithm: str | None = None
    digest: str | None = None


class _MessageSignature(msgspec.Struct, frozen=True, rename="camel"):
    message_digest: _MessageDigest | None = None
    signature: str | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _VerificationMaterial
    dsse_envelope: EnvelopeDocument | None = None
    message_signature: _MessageSignature | None = None


def parse_bundle(content: bytes) -> tuple[SignedContent, Material]:
    """Read a bundle of a known version with exactly one kind of key material and exactly one kind of content.

    An envelope has exactly one signature, a bundle of v0.3 exactly one certificate or none (client specification,
    section 4). Nothing is verified. Unknown fields are ignored; null and absent are the same, and absent is zero or
    empty, as in every protobuf document. Raises MalformedAttestation.
    """
    document = parse_strict(content, _Document, what="the bundle")
    minor = MEDIA_TYPES.get(document.media_type)
    if minor is None:
        raise MalformedAttestation(f"bundles of type {printable(document.media_type, limit=80)!r} are not known")
    return _content(document), _material(document.verification_material, minor=minor)


def _content(document: _Document) -> SignedContent:
    envelope, message = document.dsse_envelope, document.message_signature
    if envelope is not None and message is None:
        return _enveloped(envelope)
    if message is not None and envelope is None:
        return _message_signature(message)
    raise MalformedAttestation("a bundle has either an envelope or a message signature")


def _enveloped(document: EnvelopeDocument) -> SignedContent:
    if len(document.signatures) != 1:
        raise MalformedAttestation("the envelope of a bundle has exactly one signature")
    return document.open().content(Container.BUNDLE)


def _message_signature(document: _MessageSignature) -> SignedContent:
    signature = parse_base64(document.signature or "", what="the message signature")
    if not signature:
        raise MalformedAttestation("the message signature is empty")
    return SignedContent(
        container=Container.BUNDLE,
        payload_type="",
        payload=b"",
        message=b"",
        signatures=(signature,),
        digest=_message_digest(document.message_digest or _MessageDigest()),
    )


def _message_digest(document: _MessageDigest) -> bytes:
    digest = parse_base64(document.digest or "", what="the message digest")
    if digest and len(digest) != _DIGEST_BYTES.get(document.algorithm or ""):
        raise MalformedAttestation("the message digest is none of SHA2_256, SHA2_384 and SHA2_512")
    return digest


def _material(document: _VerificationMaterial, *, minor: int) -> Material:
    certificates = _certificates(document, minor=minor)
    timestamps = document.timestamp_verification_data
    return Material(
        certificate=certificates[0] if certificates else None,
        intermediates=certificates[1:],
        entries=tuple(entry.read() for entry in document.tlog_entries or ()),
        timestamps=tuple(map(_timestamp, (timestamps.rfc3161_timestamps if timestamps else None) or ())),
        proof_required=minor > 1,
    )


def _certificates(document: _VerificationMaterial, *, minor: int) -> tuple[bytes, ...]:
    """The certificates, the leaf first; none where a public key signed."""
    chain = document.x509_certificate_chain
    if sum(part is not None for part in (document.public_key, document.certificate, chain)) != 1:
        raise MalformedAttestation("a bundle has exactly one of publicKey, certificate and x509CertificateChain")
    if document.certificate is not None:
        return (_certificate(document.certificate),)
    if chain is None:
        return ()
    if minor > 2:
        raise MalformedAttestation("a bundle of v0.3 has one certificate and no chain")
    certificates = tuple(map(_certificate, chain.certificates or ()))
    if not certificates:
        raise MalformedAttestation("the certificate chain is empty")
    return certificates


def _certificate(document: _Certificate) -> bytes:
    certificate = parse_base64(document.raw_bytes or "", what="the certificate")
    if not certificate:
        raise MalformedAttestation("the certificate is empty")
    return certificate


def _timestamp(document: _Timestamp) -> bytes:
    return parse_base64(document.signed_timestamp or "", what="the timestamp")
