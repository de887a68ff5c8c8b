"""Certificates that Navicert makes for itself: an authority of its own, and the webhook's serving certificate.

RFC 5280 profiles; ECDSA P-256 throughout. Nothing here is ever believed about images.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.core.errors import MalformedDocument
from controller.trust.keys import X509_ERRORS

CLOCK_SKEW = timedelta(hours=1)  # a certificate begins this long ago, for whoever's clock is slow
MAX_AUTHORITIES = 16  # in a bundle; two is what a rotation leaves
_COMMON_NAME_CHARACTERS = 64  # RFC 5280, ub-common-name
IPAddress = IPv4Address | IPv6Address
_KEY_ERRORS = (ValueError, TypeError, UnsupportedAlgorithm)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A certificate and its private key, PEM."""

    certificate: bytes
    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The window of a certificate, closed at both ends, aware times."""

    not_before: datetime
    not_after: datetime

    def share(self, at: datetime) -> float:
        """How much of the window is over: 0 at its start, 1 at its end."""
        return (at - self.not_before) / (self.not_after - self.not_before)


def issue_authority(name: str, *, now: datetime, lifetime: timedelta) -> KeyPair:
    """A new self-signed authority that may sign server certificates and no other authorities."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = (
        _builder(subject, subject, key.public_key(), Validity(not_before=now - CLOCK_SKEW, not_after=now + lifetime))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pair(certificate, key)


def issue_server(
    authority: KeyPair, names: Iterable[str | IPAddress], *, now: datetime, lifetime: timedelta
) -> KeyPair:
    """A server certificate for these DNS names and addresses, that ends no later than its authority.

    Raises MalformedDocument.
    """
    issuer, issuer_key = _load(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    listed = tuple(names)
    validity = Validity(
        not_before=max(now - CLOCK_SKEW, issuer.not_valid_before_utc),
        not_after=min(now + lifetime, issuer.not_valid_after_utc),
    )
    certificate = (
        _builder(_name(str(listed[0])), issuer.subject, key.public_key(), validity)
        .add_extension(x509.SubjectAlternativeName([_alternative(name) for name in listed]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(_issued_by(issuer), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    return _pair(certificate, key)


def validity_of(pair: KeyPair) -> Validity:
    """The window of a pair whose key is the certificate's. Raises MalformedDocument where it is no such pair."""
    return _validity(_load(pair)[0])


def serves(pair: KeyPair, authority: bytes, names: Iterable[str]) -> bool:
    """Whether this pair is a server certificate for all these names, issued by this authority (PEM).

    Does not look at the clock. Raises MalformedDocument for what can't be read.
    """
    certificate, (issuer,) = _load(pair)[0], _certificates(authority)[:1]
    try:
        certificate.verify_directly_issued_by(issuer)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (InvalidSignature, x509.ExtensionNotFound, *X509_ERRORS):
        return False
    return set(names) <= set(alternatives.get_values_for_type(x509.DNSName))


def authorities(bundle: bytes, *, now: datetime) -> tuple[bytes, ...]:
    """The certificates of a bundle that have not expired, each in PEM once, in their order.

    Raises MalformedDocument for what is no PEM of 1 to MAX_AUTHORITIES certificates.
    """
    live = (one for one in _certificates(bundle) if one.not_valid_after_utc > now)
    return tuple(dict.fromkeys(one.public_bytes(Encoding.PEM) for one in live))


def _certificates(bundle: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(bundle)
        for one in certificates:
            one.public_key()
    except X509_ERRORS as error:
        raise MalformedDocument("not PEM of certificates") from error
    if not 1 <= len(certificates) <= MAX_AUTHORITIES:
        raise MalformedDocument(f"a bundle holds 1 to {MAX_AUTHORITIES} certificates")
    return certificates


def _load(pair: KeyPair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = _certificates(pair.certificate)[0]
    try:
        key = load_pem_private_key(pair.key, password=None)
    except _KEY_ERRORS as error:
        raise MalformedDocument("not PEM of a private key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise MalformedDocument("the private key is not the certificate's")
    return certificate, key


def _validity(certificate: x509.Certificate) -> Validity:
    return Validity(not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc)


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
    return KeyPair(
        certificate=certificate.public_bytes(Encoding.PEM),
        key=key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_COMMON_NAME_CHARACTERS])])


def _alternative(name: str | IPAddress) -> x509.GeneralName:
    return x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, validity: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(validity.not_before)
        .not_valid_after(validity.not_after)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued_by(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
