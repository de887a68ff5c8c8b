"""Sigstore bundles v0.1 to v0.3 (sigstore/protobuf-specs, sigstore_bundle.proto), in protobuf's JSON form."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.text import printable
from controller.wire.envelope import Envelope, EnvelopeDocument
from controller.wire.strictjson import parse_strict

MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.bundle.v0.3+json",
        *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3)),
    }
)
MAX_LOG_ENTRIES = 32
MAX_TIMESTAMPS = 32
MAX_CERTIFICATES = 10


class Material(Enum):
    """What a bundle says it was signed with. For a public key there is no more than a hint, which decides nothing."""

    PUBLIC_KEY = "public key"
    CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle as it claims to be, nothing of it verified. `envelope` is None when it holds a message signature."""

    material: Material
    envelope: Envelope | None


class _Object(msgspec.Struct, frozen=True):
    """Any JSON object; null and absent are the same in protobuf's JSON form."""


class _Chain(msgspec.Struct, frozen=True):
    certificates: Annotated[tuple[_Object, ...], msgspec.Meta(max_length=MAX_CERTIFICATES)] = ()


class _Timestamps(msgspec.Struct, frozen=True):
    rfc3161_timestamps: Annotated[tuple[_Object, ...], msgspec.Meta(max_length=MAX_TIMESTAMPS)] | None = msgspec.field(
        name="rfc3161Timestamps", default=None
    )


class _VerificationMaterial(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _Object | None = None
    certificate: _Object | None = None
    x509_certificate_chain: _Chain | None = msgspec.field(name="x509CertificateChain", default=None)
    tlog_entries: Annotated[tuple[_Object, ...], msgspec.Meta(max_length=MAX_LOG_ENTRIES)] | None = None
    timestamp_verification_data: _Timestamps | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    verification_material: _VerificationMaterial
    dsse_envelope: EnvelopeDocument | None = None
    message_signature: _Object | None = None


def parse_bundle(content: bytes) -> Bundle:
    """Read a bundle of a known version with exactly one kind of key material and exactly one kind of content.

    Log entries and timestamps are counted against their limits and otherwise left alone. Unknown fields are ignored.
    Raises MalformedAttestation.
    """
    document = parse_strict(content, _Document, what="the bundle")
    if document.media_type not in MEDIA_TYPES:
        raise MalformedAttestation(f"bundles of type {printable(document.media_type, limit=80)!r} are not known")
    if (document.dsse_envelope is None) == (document.message_signature is None):
        raise MalformedAttestation("a bundle has either an envelope or a message signature")
    return Bundle(
        material=_material(document.verification_material),
        envelope=_envelope(document.dsse_envelope),
    )


def _material(material: _VerificationMaterial) -> Material:
    certificates = (material.certificate, material.x509_certificate_chain)
    given = [part for part in (material.public_key, *certificates) if part is not None]
    if len(given) != 1:
        raise MalformedAttestation("a bundle has exactly one of publicKey, certificate and x509CertificateChain")
    return Material.CERTIFICATE if material.public_key is None else Material.PUBLIC_KEY


def _envelope(document: EnvelopeDocument | None) -> Envelope | None:
    if document is None:
        return None
    if len(document.signatures) != 1:
        raise MalformedAttestation("the envelope of a bundle has exactly one signature")
    return document.open()
