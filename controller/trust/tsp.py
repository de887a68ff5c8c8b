"""Timestamp tokens as they are written: RFC 3161 (TSTInfo) in CMS SignedData (RFC 5652), in DER and nothing else.

The shapes name the clauses that Navicert relies on; what they do not name can't stand in a token. Nothing here is
verified: `controller.trust.timestamp` does that.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from cryptography.hazmat import asn1
from cryptography.x509 import Certificate, Name, ObjectIdentifier

from controller.core.errors import MalformedAttestation
from controller.trust.keys import X509_ERRORS

MAX_TOKEN_BYTES = 65_536
MAX_CERTIFICATES = 10

ASN1_ERRORS = X509_ERRORS  # a token holds names and certificates: reading it raises all that reading those does

_GRANTED = {0, 1}  # granted and grantedWithMods: the two that come with a token
_SIGNED_DATA = ObjectIdentifier("1.2.840.113549.1.7.2")
_TST_INFO = ObjectIdentifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE = ObjectIdentifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST = ObjectIdentifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2 = ObjectIdentifier("1.2.840.113549.1.9.16.2.47")


@asn1.sequence
class AlgorithmIdentifier:
    """RFC 5280, 4.1.1.2. Every algorithm that is accepted here has NULL for its parameters, or none."""

    algorithm: ObjectIdentifier
    parameters: asn1.Null | None


@asn1.sequence
class MessageImprint:
    """RFC 3161, 2.4.1: the hash of what was stamped."""

    hash_algorithm: AlgorithmIdentifier
    hashed_message: bytes


@asn1.sequence
class _Accuracy:
    seconds: int | None
    millis: Annotated[int | None, asn1.Implicit(0)]
    micros: Annotated[int | None, asn1.Implicit(1)]


@asn1.sequence
class _Extension:
    extension_id: ObjectIdentifier
    critical: Annotated[bool, asn1.Default(value=False)]
    value: bytes


@asn1.sequence
class _TSTInfo:
    version: int
    policy: ObjectIdentifier
    message_imprint: MessageImprint
    serial_number: int
    gen_time: asn1.GeneralizedTime
    accuracy: _Accuracy | None
    ordering: Annotated[bool, asn1.Default(value=False)]
    nonce: int | None
    tsa: Annotated[list[asn1.TLV] | None, asn1.Implicit(0)]
    extensions: Annotated[list[_Extension] | None, asn1.Implicit(1)]


@asn1.sequence
class IssuerAndSerialNumber:
    """RFC 5652, 10.2.4."""

    issuer: Name
    serial_number: int


@asn1.sequence
class _Attribute:
    attribute_type: ObjectIdentifier
    values: asn1.SetOf[asn1.TLV]


@asn1.sequence
class _SignedAttributes:
    attributes: asn1.SetOf[_Attribute]


@asn1.sequence
class _SignerInfo:
    version: int
    sid: IssuerAndSerialNumber | Annotated[bytes, asn1.Implicit(0)]
    digest_algorithm: AlgorithmIdentifier
    signed_attributes: Annotated[asn1.SetOf[_Attribute], asn1.Implicit(0)]
    signature_algorithm: AlgorithmIdentifier
    signature: bytes
    unsigned_attributes: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]


@asn1.sequence
class _EncapsulatedContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[bytes, asn1.Explicit(0)]


@asn1.sequence
class _SignedData:
    version: int
    digest_algorithms: asn1.SetOf[AlgorithmIdentifier]
    content: _EncapsulatedContentInfo
    # CMS asks for BER only, and issuers write certificates in the order of the chain, which no SET OF in DER is.
    certificates: Annotated[list[Certificate] | None, asn1.Implicit(0)]
    revocations: Annotated[list[asn1.TLV] | None, asn1.Implicit(1)]
    signers: asn1.SetOf[_SignerInfo]


@asn1.sequence
class _ContentInfo:
    content_type: ObjectIdentifier
    content: Annotated[_SignedData, asn1.Explicit(0)]


@asn1.sequence
class _StatusInfo:
    status: int
    text: list[str] | None
    failure: asn1.BitString | None


@asn1.sequence
class _Response:
    status: _StatusInfo
    token: _ContentInfo


@asn1.sequence
class _IssuerSerial:
    issuer: list[asn1.TLV]
    serial_number: int


@asn1.sequence
class ESSCertIDv2:
    """RFC 5035, 4: which certificate the signer means; SHA-256 where no algorithm is named."""

    hash_algorithm: AlgorithmIdentifier | None
    certificate_hash: bytes
    issuer_serial: _IssuerSerial | None


@asn1.sequence
class _SigningCertificateV2:
    certificates: Annotated[list[ESSCertIDv2], asn1.Size(min=1, max=MAX_CERTIFICATES)]
    policies: list[asn1.TLV] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A timestamp token with one signer, as it claims to be.

    `signed_bytes` are the DER of the signed attributes, which hold the digest of `content` (`message_digest`), and
    `signing_certificate` where they name the signer's.
    """

    gen_time: datetime
    imprint: MessageImprint
    content: bytes = field(repr=False)
    certificates: tuple[Certificate, ...]
    sid: IssuerAndSerialNumber | bytes
    digest_algorithm: ObjectIdentifier
    message_digest: bytes
    signing_certificate: ESSCertIDv2 | None
    signed_bytes: bytes = field(repr=False)
    signature_algorithm: ObjectIdentifier
    signature: bytes = field(repr=False)


def parse_token(response: bytes) -> Token:
    """Read a TimeStampResp (RFC 3161, 2.4.2) that grants a token, up to MAX_TOKEN_BYTES.

    DER only: no indefinite length, no trailing bytes, no other order of a set. Versions and content types are those of
    the RFCs, there is one signer, and each signed attribute stands once. Raises MalformedAttestation.
    """
    if len(response) > MAX_TOKEN_BYTES:
        raise MalformedAttestation(f"the timestamp is longer than {MAX_TOKEN_BYTES} bytes")
    try:
        return _token(asn1.decode_der(_Response, response))
    except ASN1_ERRORS:  # their texts quote places of the decoder, not of the token
        raise MalformedAttestation("the timestamp is not a timestamp response in DER") from None


def _token(response: _Response) -> Token:
    signed = response.token.content
    content = signed.content
    _require(response.status.status in _GRANTED, "was not granted")
    _require(response.token.content_type == _SIGNED_DATA and signed.version == 3, "is not signed data of version 3")
    _require(content.content_type == _TST_INFO, "signs another kind of content")
    signers = signed.signers.as_list()
    _require(len(signers) == 1, "has not exactly one signer")
    stamp = asn1.decode_der(_TSTInfo, content.content)
    _require(stamp.version == 1, "is of an unknown version")
    _require(not any(extension.critical for extension in stamp.extensions or ()), "has an unknown critical extension")
    signer = signers[0]
    attributes = _single_values(signer.signed_attributes)
    _require(
        attributes[_CONTENT_TYPE].parse(ObjectIdentifier) == _TST_INFO, "says that it signs another kind of content"
    )
    named = attributes.get(_SIGNING_CERTIFICATE_V2)
    return Token(
        gen_time=stamp.gen_time.as_datetime(),
        imprint=stamp.message_imprint,
        content=content.content,
        certificates=tuple(signed.certificates or ()),
        sid=signer.sid,
        digest_algorithm=signer.digest_algorithm.algorithm,
        message_digest=attributes[_MESSAGE_DIGEST].parse(bytes),
        signing_certificate=None if named is None else named.parse(_SigningCertificateV2).certificates[0],
        signed_bytes=_signed_bytes(signer.signed_attributes),
        signature_algorithm=signer.signature_algorithm.algorithm,
        signature=signer.signature,
    )


def _require(holds: bool, otherwise: str) -> None:  # noqa: FBT001 (reads as the sentence it is)
    if not holds:
        raise MalformedAttestation(f"the timestamp {otherwise}")


def _signed_bytes(attributes: asn1.SetOf[_Attribute]) -> bytes:
    """RFC 5652, 5.4: the signature covers the attributes as a SET OF, not under the tag that they are sent with."""
    wrapped: bytes = asn1.encode_der(_SignedAttributes(attributes=attributes))
    header = 2 if wrapped[1] < 0x80 else 2 + (wrapped[1] & 0x7F)
    return wrapped[header:]


def _single_values(attributes: asn1.SetOf[_Attribute]) -> dict[ObjectIdentifier, asn1.TLV]:
    """Every signed attribute by its type (RFC 5652, 5.3 and 11: each once, with one value)."""
    listed = attributes.as_list()
    values = {attribute.attribute_type: attribute.values.as_list() for attribute in listed}
    _require(len(values) == len(listed) and all(len(value) == 1 for value in values.values()), "repeats an attribute")
    _require(_CONTENT_TYPE in values and _MESSAGE_DIGEST in values, "lacks a signed attribute")
    return {attribute: value[0] for attribute, value in values.items()}
