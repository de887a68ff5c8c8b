"""The extensions of a signing certificate, gone through once: there are some thirty of them."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat import asn1
from cryptography.x509.certificate_transparency import SignedCertificateTimestamp
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.core.errors import NotVerified
from controller.core.signer import SubjectType

_Value = TypeVar("_Value", bound=x509.ExtensionType)

FULCIO_ARC = "1.3.6.1.4.1.57264.1."
NUMBERS = frozenset({*range(1, 7), *range(8, 25)})
"""Fulcio's own extensions below FULCIO_ARC that are read (oid-info.md)."""

# Critical extensions of a leaf that are enforced by who asks for them; any other one refuses (RFC 5280, 4.2).
_UNDERSTOOD = {x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName}
_FULCIO: Mapping[x509.ObjectIdentifier, int] = {
    x509.ObjectIdentifier(f"{FULCIO_ARC}{number}"): number for number in NUMBERS
}
_OTHER_NAME = x509.ObjectIdentifier(f"{FULCIO_ARC}7")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

Name = tuple[SubjectType, str]
"""A name that a certificate is for, as it stands."""


class Stamp(msgspec.Struct, frozen=True):
    """An embedded SCT (RFC 6962, 3.2) of version 1, as it claims to be. `milliseconds` are since 1970."""

    log_id: bytes
    milliseconds: int
    extensions: bytes
    signature: bytes


class LeafExtensions(msgspec.Struct, frozen=True):
    """What the extensions of a certificate say; nothing of it is verified.

    `names` has a None for each name of a kind that means nobody, and is None where no extension names anybody.
    `authority`: it is a CA. `signs`: its key is for digital signatures, `signs_code`: for those over code. `stamps`
    is None where there is no list of SCTs, `precertificate` what those are about: the TBSCertificate without them.
    `fulcio` has Fulcio's own, by number.
    """

    names: tuple[Name | None, ...] | None
    authority: bool
    signs: bool
    signs_code: bool
    stamps: tuple[Stamp, ...] | None
    precertificate: bytes
    fulcio: Mapping[int, bytes]


def read_extensions(certificate: x509.Certificate) -> LeafExtensions:
    """The extensions of a leaf, each of which is there once.

    Raises NotVerified for a critical one that is not understood, and X509_ERRORS where they can't be read.
    """
    values: dict[type, x509.ExtensionType] = {}
    fulcio: dict[int, bytes] = {}
    for one in certificate.extensions:
        value = one.value
        if one.critical and type(value) not in _UNDERSTOOD:
            raise NotVerified("the certificate has a critical extension that is not known")
        if isinstance(value, x509.UnrecognizedExtension):
            number = _FULCIO.get(value.oid)
            if number is not None:
                fulcio[number] = value.value
        else:
            values[type(value)] = value
    names = _value(values, x509.SubjectAlternativeName)
    constraints = _value(values, x509.BasicConstraints)
    usage = _value(values, x509.KeyUsage)
    stamps = _value(values, x509.PrecertificateSignedCertificateTimestamps)
    return LeafExtensions(
        names=None if names is None else tuple(_name(name) for name in names),
        authority=constraints is not None and constraints.ca,
        signs=usage is not None and usage.digital_signature,
        signs_code=ExtendedKeyUsageOID.CODE_SIGNING in (_value(values, x509.ExtendedKeyUsage) or ()),
        stamps=None if stamps is None else _stamps(stamps),
        precertificate=b"" if stamps is None else certificate.tbs_precertificate_bytes,
        fulcio=fulcio,
    )


def _value(values: Mapping[type, x509.ExtensionType], kind: type[_Value]) -> _Value | None:
    value = values.get(kind)
    return value if isinstance(value, kind) else None


def _name(name: x509.GeneralName) -> Name | None:
    match name:
        case x509.UniformResourceIdentifier():
            return SubjectType.URI, name.value
        case x509.RFC822Name():
            return SubjectType.EMAIL, name.value
        case x509.OtherName() if name.type_id == _OTHER_NAME:
            return SubjectType.OTHER_NAME, asn1.decode_der(str, name.value)
    return None


def _stamps(listed: Iterable[SignedCertificateTimestamp]) -> tuple[Stamp, ...]:
    return tuple(
        Stamp(
            one.log_id,
            (one.timestamp.replace(tzinfo=UTC) - _EPOCH) // _MILLISECOND,
            one.extension_bytes,
            one.signature,
        )
        for one in listed
    )
