"""Certificates of timestamp authorities: who may issue whom (RFC 5280, 6.1), and who may sign timestamps."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import (
    BasicConstraints,
    Certificate,
    ExtendedKeyUsage,
    ExtensionNotFound,
    ExtensionType,
    KeyUsage,
    SubjectAlternativeName,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.core.errors import NotVerified
from controller.core.window import Window
from controller.trust.tsp import ASN1_ERRORS, MAX_CERTIFICATES

_PROCESSED = (BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName)
_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_ANY_STAMPING = {ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}

_Extension = TypeVar("_Extension", bound=ExtensionType)


def is_authority(certificate: Certificate) -> bool:
    """Whether it says that it is a CA."""
    constraints = _extension(certificate, BasicConstraints)
    return constraints is not None and constraints.ca


def common_window(chain: Sequence[Certificate]) -> Window:
    """When all of them are valid, both ends included. The end may lie before the start: then no time is inside."""
    return Window(
        start=max(certificate.not_valid_before_utc for certificate in chain),
        end=min(certificate.not_valid_after_utc for certificate in chain),
    )


def require_path(chain: Sequence[Certificate]) -> None:
    """Return only if each certificate is issued by the next, and all but the first are CAs that may issue so far.

    The last one is believed as it stands. Times are left alone. Raises NotVerified.
    """
    if not 1 < len(chain) <= MAX_CERTIFICATES and not (len(chain) == 1 and is_authority(chain[0])):
        raise NotVerified(f"a chain of the timestamp authority has no CA, or more than {MAX_CERTIFICATES} certificates")
    leaf_most = 0 if is_authority(chain[0]) else 1
    for below, issuer in enumerate(chain[leaf_most:]):
        _require_issuer(issuer, below)
    for certificate, issuer in pairwise(chain):
        _require_issued(certificate, issuer)


def require_signer(certificate: Certificate) -> None:
    """Return only if it may sign timestamps, and nothing else (RFC 3161, 2.3). Raises NotVerified."""
    _refuse_unknown_critical(certificate)
    if certificate.serial_number <= 0:  # RFC 5280, 4.1.2.2; the library only warns
        raise NotVerified("the serial number of the timestamp's certificate is not positive")
    if is_authority(certificate):
        raise NotVerified("the certificate that signs timestamps is a CA")
    try:
        purposes = certificate.extensions.get_extension_for_class(ExtendedKeyUsage)
    except ExtensionNotFound:
        raise NotVerified("the certificate of the timestamp is not for timestamps") from None
    if not purposes.critical or list(purposes.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise NotVerified("the certificate of the timestamp is not for timestamps alone")
    usage = _extension(certificate, KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise NotVerified("the key of the timestamp's certificate is not for signatures")


def _require_issuer(issuer: Certificate, below: int) -> None:
    """`below` is how many CAs stand between it and the signer (RFC 5280, 4.2.1.9)."""
    _refuse_unknown_critical(issuer)
    constraints = _extension(issuer, BasicConstraints)
    if constraints is None or not constraints.ca:
        raise NotVerified("a certificate in the chain of the timestamp authority is no CA")
    if constraints.path_length is not None and constraints.path_length < below:
        raise NotVerified("the chain of the timestamp authority is longer than one of its CAs allows")
    usage, purposes = _extension(issuer, KeyUsage), _extension(issuer, ExtendedKeyUsage)
    if (usage is not None and not usage.key_cert_sign) or (purposes is not None and not _ANY_STAMPING & set(purposes)):
        raise NotVerified("a CA of the timestamp authority may not issue certificates for timestamps")


def _require_issued(certificate: Certificate, issuer: Certificate) -> None:
    hashing = certificate.signature_hash_algorithm  # None for Ed25519
    if hashing is not None and not isinstance(hashing, _HASHES):
        raise NotVerified("a certificate of the timestamp authority is signed with a hash that is not accepted")
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *ASN1_ERRORS):
        raise NotVerified("the certificate of the timestamp was not issued by its authority") from None


def _refuse_unknown_critical(certificate: Certificate) -> None:
    if any(known.critical and not isinstance(known.value, _PROCESSED) for known in certificate.extensions):
        raise NotVerified("a certificate of the timestamp authority has an unknown critical extension")


def _extension(certificate: Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except ExtensionNotFound:
        return None
