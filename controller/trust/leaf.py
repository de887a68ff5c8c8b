"""One certificate beside a signature, loaded once: what it is, and the bytes that its issuer signed."""

from dataclasses import dataclass, field

from cryptography import x509

from controller.core.errors import MalformedAttestation
from controller.trust.keys import X509_ERRORS

MAX_BYTES = 65_536  # of one certificate

_NOT_DER = "the certificate is not one in DER"
_VERSION = 0xA0  # RFC 5280, 4.1: [0] EXPLICIT, left out by v1


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate and its `tbs`, the DER that its issuer signed (RFC 5280, 4.1.1.1). Extensions are not read yet."""

    certificate: x509.Certificate
    tbs: bytes = field(repr=False)


def load_leaf(der: bytes) -> Leaf:
    """One certificate in DER, with nothing around it.

    Its serial number is positive (RFC 5280, 4.1.2.2), and it names the same signature algorithm twice (4.1.1.2).
    Raises MalformedAttestation.
    """
    if len(der) > MAX_BYTES:
        raise MalformedAttestation(f"a certificate of more than {MAX_BYTES // 1024} KiB")
    try:
        certificate = x509.load_der_x509_certificate(der)
        positive = certificate.serial_number > 0  # the library only warns
    except X509_ERRORS:
        raise MalformedAttestation(_NOT_DER) from None
    if not positive:
        raise MalformedAttestation("the serial number of the certificate is not positive")
    if not der.endswith(b"\x00" + certificate.signature):  # unused bits of the signature can say anything
        raise MalformedAttestation(_NOT_DER)
    return Leaf(certificate=certificate, tbs=_signed_part(der))


def _signed_part(der: bytes) -> bytes:
    """The first element of a certificate, of which the library has found that it is DER."""
    start, _ = _content(der, 0)
    inner, end = _content(der, start)
    if der[inner] == _VERSION:
        inner = _content(der, inner)[1]
    algorithm = _content(der, inner)[1]  # after the serial number
    if der[algorithm : _content(der, algorithm)[1]] != der[end : _content(der, end)[1]]:
        raise MalformedAttestation("the certificate names two signature algorithms")
    return der[start:end]


def _content(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins, and where it ends (X.690, 8.1.3)."""
    size = der[at + 1]
    if size < 0x80:
        return at + 2, at + 2 + size
    start = at + 2 + (size & 0x7F)
    return start, start + int.from_bytes(der[at + 2 : start])
