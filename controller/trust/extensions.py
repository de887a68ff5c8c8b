"""The extensions of a signing certificate, gone through once: there are some thirty of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509

from controller.core.errors import NotVerified

_Value = TypeVar("_Value", bound=x509.ExtensionType)

FULCIO_ARC = "1.3.6.1.4.1.57264.1."

# Critical extensions of a leaf that are enforced by who asks for them; any other one refuses (RFC 5280, 4.2).
_UNDERSTOOD = {x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage, x509.SubjectAlternativeName}
_NUMBERS: Mapping[x509.ObjectIdentifier, int] = {
    x509.ObjectIdentifier(f"{FULCIO_ARC}{number}"): number for number in (*range(1, 7), *range(8, 25))
}


@dataclass(frozen=True, slots=True)
class LeafExtensions:
    """What the extensions of a certificate say; nothing of it is verified. `fulcio` has Fulcio's own, by number."""

    names: x509.SubjectAlternativeName | None
    constraints: x509.BasicConstraints | None
    usage: x509.KeyUsage | None
    purposes: x509.ExtendedKeyUsage | None
    stamps: x509.PrecertificateSignedCertificateTimestamps | None
    fulcio: Mapping[int, bytes]


def read_extensions(leaf: x509.Certificate) -> LeafExtensions:
    """The extensions of `leaf`, each of which is there once.

    Raises NotVerified for a critical one that is not understood, and X509_ERRORS where they can't be read.
    """
    values: dict[type, x509.ExtensionType] = {}
    fulcio: dict[int, bytes] = {}
    for one in leaf.extensions:
        value = one.value
        if one.critical and type(value) not in _UNDERSTOOD:
            raise NotVerified("the certificate has a critical extension that is not known")
        if isinstance(value, x509.UnrecognizedExtension):
            number = _NUMBERS.get(value.oid)
            if number is not None:
                fulcio[number] = value.value
        else:
            values[type(value)] = value
    return LeafExtensions(
        _value(values, x509.SubjectAlternativeName),
        _value(values, x509.BasicConstraints),
        _value(values, x509.KeyUsage),
        _value(values, x509.ExtendedKeyUsage),
        _value(values, x509.PrecertificateSignedCertificateTimestamps),
        fulcio,
    )


def _value(values: Mapping[type, x509.ExtensionType], kind: type[_Value]) -> _Value | None:
    value = values.get(kind)
    return value if isinstance(value, kind) else None
