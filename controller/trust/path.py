"""Certification paths (RFC 5280, 6.1) from a leaf to an authority of a trust root, for signing code."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.window import Window
from controller.trust.keys import X509_ERRORS, verifying_key_of
from controller.trust.leaf import Leaf

MAX_PATH = 10  # certificates, leaf and anchor included

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_ECDSA = {  # AlgorithmIdentifier in DER, without parameters (RFC 5758, 3.2)
    bytes.fromhex("300a06082a8648ce3d040302"): (hashlib.sha256, ec.ECDSA(Prehashed(hashes.SHA256()))),
    bytes.fromhex("300a06082a8648ce3d040303"): (hashlib.sha384, ec.ECDSA(Prehashed(hashes.SHA384()))),
    bytes.fromhex("300a06082a8648ce3d040304"): (hashlib.sha512, ec.ECDSA(Prehashed(hashes.SHA512()))),
}
_PURPOSES = {ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_UNDERSTOOD = (x509.BasicConstraints, x509.KeyUsage, x509.ExtendedKeyUsage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """A certificate that may issue others for signing code, as far as it says so itself; nobody vouches for it yet.

    `valid` is its own window, `path_length` how many CAs may stand between it and a leaf (None: any number),
    `key_hash` the SHA-256 of its SubjectPublicKeyInfo.
    """

    certificate: x509.Certificate
    subject: x509.Name
    subject_der: bytes = field(repr=False)
    valid: Window
    path_length: int | None
    key_hash: bytes
    _curve_key: ec.EllipticCurvePublicKey | None = field(compare=False, repr=False)

    def issued(self, other: "Leaf | Issuer") -> bool:
        """Whether it issued `other`: its name stands there, and its key signed, over SHA-256, 384 or 512."""
        certificate = other.certificate
        try:
            scheme = _ECDSA.get(other.algorithm) if isinstance(other, Leaf) else None
            if isinstance(other, Leaf) and scheme is not None and self._curve_key is not None:
                # What the library does below, without reading the issuer's key each time.
                hasher, prehashed = scheme
                self._curve_key.verify(other.signature, hasher(other.tbs).digest(), prehashed)
                return other.issuer == self.subject_der or certificate.issuer == self.subject
            hashing = certificate.signature_hash_algorithm  # None for Ed25519
            if hashing is not None and not isinstance(hashing, _HASHES):
                return False
            certificate.verify_directly_issued_by(self.certificate)
        except (InvalidSignature, *X509_ERRORS):
            return False
        return True


def issuer_of(certificate: x509.Certificate) -> Issuer | None:
    """The certificate as one that issues, or None when it may not.

    It is a CA (RFC 5280, 4.2.1.9), for certificates (4.2.1.3) that sign code (4.2.1.12) where it limits that, has a
    key of an accepted kind and no critical extension that is not enforced here; name constraints never are.
    """
    try:
        extensions = certificate.extensions
        if any(one.critical and not isinstance(one.value, _UNDERSTOOD) for one in extensions):
            return None
        verifying_key_of(certificate)
        key = certificate.public_key()
        window, subject = _own_window(certificate), certificate.subject
    except (MalformedAttestation, NotVerified, *X509_ERRORS):
        return None
    values = [one.value for one in extensions]
    authorities = [one for one in values if isinstance(one, x509.BasicConstraints) and one.ca]
    usable = all(one.key_cert_sign for one in values if isinstance(one, x509.KeyUsage))
    purposeful = all(_PURPOSES & set(one) for one in values if isinstance(one, x509.ExtendedKeyUsage))
    if not authorities or not usable or not purposeful or any(isinstance(one, x509.NameConstraints) for one in values):
        return None
    return Issuer(
        certificate=certificate,
        subject=subject,
        subject_der=subject.public_bytes(),
        valid=window,
        path_length=authorities[0].path_length,
        key_hash=hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest(),
        _curve_key=key if isinstance(key, ec.EllipticCurvePublicKey) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateAuthority:
    """A certificate authority: its chain, leaf-most first, whose last certificate is the anchor, and its window.

    `routes` are the ways up to the anchor from every certificate that has one; their signatures are verified here,
    once, and the anchor is believed as it stands.
    """

    certificates: tuple[x509.Certificate, ...]
    valid: Window
    routes: tuple[tuple[Issuer, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        issuers = [issuer for issuer in map(issuer_of, self.certificates) if issuer is not None]
        anchors = [(issuer,) for issuer in issuers if issuer.certificate == self.certificates[-1]][:1]
        below = [issuer for issuer in issuers if issuer.certificate != self.certificates[-1]]
        climbs = ((start, _climb(start, below, anchors)) for start in below)
        found = tuple((start, *climb) for start, climb in climbs if climb is not None)
        object.__setattr__(self, "routes", (*found, *anchors))


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above a leaf: its issuer first, the anchor of `authority` last. All signatures were verified."""

    issuers: tuple[Issuer, ...]
    authority: CertificateAuthority

    def objection(self, time: datetime) -> str | None:
        """Why the path does not hold at `time`; None when it does. All windows are closed at both ends."""
        if not self.authority.valid.contains(time):
            return "the signing time is outside the window of the certificate authority"
        for issuer in self.issuers:
            if not issuer.valid.contains(time):
                return "the signing time is outside the window of a certificate of the authority"
        return None


def require_path(
    leaf: Leaf,
    intermediates: Sequence[x509.Certificate],
    authorities: Sequence[CertificateAuthority],
    times: Sequence[datetime],
) -> Path:
    """A path from the leaf to the anchor of an authority that holds at the first of `times`; one holds at each.

    Every certificate on it was issued by the next one, which is a CA that may issue so far down and for signing code.
    `intermediates` are anybody's: they may stand on the way, and never at its end. They are looked at only where no
    authority issued the leaf directly. Raises NotVerified.
    """
    found = list(_paths(leaf, (), authorities))
    if not found:
        offered = [issuer for issuer in map(issuer_of, dict.fromkeys(intermediates)) if issuer is not None]
        found = list(_paths(leaf, offered, authorities))
    if not found:
        raise NotVerified("no certificate authority of the trust root issued the certificate")
    start, end = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
    for time in times:
        if not start <= time <= end:
            raise NotVerified("the signing time is outside the window of the certificate")
    for time in times:
        objections = {path.objection(time) for path in found}
        if None not in objections:
            raise NotVerified("; ".join(sorted(objection for objection in objections if objection is not None)))
    return next(path for path in found if path.objection(times[0]) is None)


def _paths(leaf: Leaf, offered: Sequence[Issuer], authorities: Sequence[CertificateAuthority]) -> Iterator[Path]:
    for authority in authorities:
        issuers = _climb(leaf, offered, authority.routes)
        if issuers is not None and _keeps_lengths(issuers):
            yield Path(issuers=issuers, authority=authority)


def _climb(
    start: Leaf | Issuer, offered: Sequence[Issuer], routes: Sequence[tuple[Issuer, ...]]
) -> tuple[Issuer, ...] | None:
    """Breadth first, each issuer once: bounded by the square of their number, and the shortest way is found first."""
    waiting: list[tuple[Issuer, ...]] = [()]
    left = list(offered)
    while waiting:
        way = waiting.pop(0)
        top = way[-1] if way else start
        route = next((route for route in routes if route[0].issued(top)), None)
        if route is not None:
            return (*way, *route) if len(way) + len(route) < MAX_PATH else None
        found = [issuer for issuer in left if issuer.issued(top)]
        left = [issuer for issuer in left if issuer not in found]
        waiting += [(*way, issuer) for issuer in found]
    return None


def _keeps_lengths(issuers: Sequence[Issuer]) -> bool:
    return all(one.path_length is None or one.path_length >= below for below, one in enumerate(issuers))


def _own_window(certificate: x509.Certificate) -> Window:
    """The window that the certificate itself names (RFC 5280, 4.1.2.5: both ends included)."""
    return Window(start=certificate.not_valid_before_utc, end=certificate.not_valid_after_utc)
