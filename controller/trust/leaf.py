"""One certificate beside a signature, loaded once: what it is, and the bytes that its issuer signed."""

import msgspec
from cryptography import x509

from controller.core.errors import MalformedAttestation
from controller.trust.keys import X509_ERRORS

MAX_BYTES = 65_536  # of one certificate

_NOT_DER = "the certificate is not one in DER"
_VERSION, _EXTENSIONS = 0xA0, 0xA3  # RFC 5280, 4.1: [0] EXPLICIT, left out by v1, and [3] EXPLICIT


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate and its `tbs`, the DER that its issuer signed (RFC 5280, 4.1.1.1). Extensions are not read yet.

    `algorithm` is the DER of the algorithm (4.1.1.2) of that `signature`, `issuer` that of its issuer's name. The
    extensions, which come last, begin at `explicit` in `tbs` with what is around them, and stand one after the other
    where `listed` begins and ends; empty where there are none.
    """

    certificate: x509.Certificate
    tbs: bytes
    algorithm: bytes
    signature: bytes
    issuer: bytes
    explicit: int
    listed: tuple[int, int]


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
    signature = certificate.signature
    if not der.endswith(b"\x00" + signature):  # unused bits of the signature can say anything
        raise MalformedAttestation(_NOT_DER)
    return _taken_apart(certificate, der, signature)


def content_of(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins, and where it ends (X.690, 8.1.3), in what is known to be DER."""
    size = der[at + 1]
    if size < 0x80:
        return at + 2, at + 2 + size
    start = at + 2 + (size & 0x7F)
    return start, start + int.from_bytes(der[at + 2 : start])


def _taken_apart(certificate: x509.Certificate, der: bytes, signature: bytes) -> Leaf:
    """By the elements of a certificate (RFC 5280, 4.1), of which the library has found that it is DER."""
    start, _ = content_of(der, 0)
    inner, end = content_of(der, start)
    if der[inner] == _VERSION:
        inner = content_of(der, inner)[1]
    algorithm = content_of(der, inner)[1]  # after the serial number
    issuer = content_of(der, algorithm)[1]
    if der[algorithm:issuer] != der[end : content_of(der, end)[1]]:
        raise MalformedAttestation("the certificate names two signature algorithms")
    validity = content_of(der, issuer)[1]
    subject = content_of(der, validity)[1]
    at = content_of(der, content_of(der, subject)[1])[1]  # after the public key
    while at < end and der[at] != _EXTENSIONS:
        at = content_of(der, at)[1]
    first, last = content_of(der, content_of(der, at)[0]) if at < end else (end, end)
    return Leaf(
        certificate=certificate,
        tbs=der[start:end],
        algorithm=der[algorithm:issuer],
        signature=signature,
        issuer=der[issuer:validity],
        explicit=at - start,
        listed=(first - start, last - start),
    )
