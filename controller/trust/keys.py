"""Public keys: read from PEM, DER or a certificate, and asked whether a signature is theirs.

The algorithm belongs to the key and never to the signature: an attacker who could choose it could choose a weak one.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.utils import CryptographyDeprecationWarning

from controller.core.errors import MalformedAttestation, MalformedDocument, NotVerified

MAX_PEM_CHARACTERS = 16_384  # an RSA-16384 public key fits twice
MAX_RSA_BITS = 16_384  # OpenSSL verifies no more

X509_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # where warnings are errors: what the library is about to refuse
)  # everything that reading a certificate, its key or its extensions raises

_BLOCK = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s(?P<body>[A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----\s*", re.ASCII)
_RSASSA_PSS = bytes.fromhex("06092a864886f70d01010a")  # the OID that binds a key to PSS parameters of its own
_ACCEPTED = "ECDSA P-256, P-384 and P-521, Ed25519, and RSA of 2048 to 16384 bits"

_Key = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


class Algorithm(Enum):
    """Key and signature algorithms by the names of Sigstore's `PublicKeyDetails` (sigstore_common.proto).

    ECDSA signatures are DER (RFC 3279, 2.2.3); no format that Navicert reads writes them as raw r||s. The size in an
    RSA name is the least that the key has. PSS takes salts of any length. Ed25519 is the pure one of RFC 8032, not
    Ed25519ph.
    """

    PKIX_ECDSA_P256_SHA_256 = auto()
    PKIX_ECDSA_P384_SHA_384 = auto()
    PKIX_ECDSA_P521_SHA_512 = auto()
    PKIX_ECDSA_P384_SHA_256 = auto()
    PKIX_ECDSA_P521_SHA_256 = auto()
    PKIX_ED25519 = auto()
    PKIX_RSA_PKCS1V15_2048_SHA256 = auto()
    PKIX_RSA_PKCS1V15_3072_SHA256 = auto()
    PKIX_RSA_PKCS1V15_4096_SHA256 = auto()
    PKIX_RSA_PSS_2048_SHA256 = auto()
    PKIX_RSA_PSS_3072_SHA256 = auto()
    PKIX_RSA_PSS_4096_SHA256 = auto()


_CURVES: Mapping[Algorithm, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]] = {
    Algorithm.PKIX_ECDSA_P256_SHA_256: (ec.SECP256R1, hashes.SHA256()),
    Algorithm.PKIX_ECDSA_P384_SHA_384: (ec.SECP384R1, hashes.SHA384()),
    Algorithm.PKIX_ECDSA_P521_SHA_512: (ec.SECP521R1, hashes.SHA512()),
    Algorithm.PKIX_ECDSA_P384_SHA_256: (ec.SECP384R1, hashes.SHA256()),
    Algorithm.PKIX_ECDSA_P521_SHA_256: (ec.SECP521R1, hashes.SHA256()),
}
_OF_CURVE: Mapping[str, Algorithm] = {
    "secp256r1": Algorithm.PKIX_ECDSA_P256_SHA_256,
    "secp384r1": Algorithm.PKIX_ECDSA_P384_SHA_384,
    "secp521r1": Algorithm.PKIX_ECDSA_P521_SHA_512,
}
_OF_RSA: tuple[tuple[int, Algorithm, Algorithm], ...] = (
    (4096, Algorithm.PKIX_RSA_PKCS1V15_4096_SHA256, Algorithm.PKIX_RSA_PSS_4096_SHA256),
    (3072, Algorithm.PKIX_RSA_PKCS1V15_3072_SHA256, Algorithm.PKIX_RSA_PSS_3072_SHA256),
    (2048, Algorithm.PKIX_RSA_PKCS1V15_2048_SHA256, Algorithm.PKIX_RSA_PSS_2048_SHA256),
)
_RSA_BITS: Mapping[Algorithm, int] = {name: bits for bits, *names in _OF_RSA for name in names}
_PADDINGS: Mapping[Algorithm, padding.AsymmetricPadding] = {
    **{pkcs1: padding.PKCS1v15() for _, pkcs1, _ in _OF_RSA},
    **{pss: padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO) for _, _, pss in _OF_RSA},
}
_SHA256 = hashes.SHA256()


@dataclass(frozen=True, slots=True)
class _Scheme:
    """What an algorithm verifies a digest with, made once: a bundle costs a handful of verifications."""

    digest_size: int
    hasher: Callable[[bytes], "hashlib._Hash"]
    prehashed: Prehashed
    ecdsa: ec.ECDSA
    rsa_padding: padding.AsymmetricPadding | None = None

    def digest(self, message: bytes) -> bytes:
        return self.hasher(message).digest()

    @classmethod
    def of(cls, hashing: hashes.HashAlgorithm, rsa_padding: padding.AsymmetricPadding | None = None) -> "_Scheme":
        prehashed = Prehashed(hashing)
        return cls(hashing.digest_size, getattr(hashlib, hashing.name), prehashed, ec.ECDSA(prehashed), rsa_padding)


_SCHEMES: Mapping[Algorithm, _Scheme] = {
    **{algorithm: _Scheme.of(hashing) for algorithm, (_, hashing) in _CURVES.items()},
    **{algorithm: _Scheme.of(_SHA256, padded) for algorithm, padded in _PADDINGS.items()},
}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key and the algorithms it signs with, the usual one first.

    `spki` is its DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in canonical form, `fingerprint` `sha256:` and the
    lower-case hex SHA-256 of that. Equal to another when key and algorithms are, however they were written. Only an
    RSA key may have two algorithms: nothing in a PEM says whether its owner signs with PKCS#1 v1.5 or PSS.
    """

    fingerprint: str
    algorithms: tuple[Algorithm, ...]
    spki: bytes = field(compare=False, repr=False)
    _key: _Key = field(compare=False, repr=False)

    @property
    def algorithm(self) -> Algorithm:
        """The first of the algorithms."""
        return self.algorithms[0]

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if `signature` is this key's over `message`, by one of its algorithms; raises NotVerified.

        An ECDSA signature has its one canonical DER form: raw r||s, trailing bytes, padded lengths, zero and negative
        integers are refused (by OpenSSL, which encodes anew what it decoded and compares; tests hold it to that). Says
        nothing about the key's window.
        """
        if isinstance(self._key, ed25519.Ed25519PublicKey):
            self._verify_ed25519(self._key, signature, message)
        elif not any(self._holds(scheme, signature, scheme.digest(message)) for scheme in self._schemes()):
            raise NotVerified("the signature is not by this key, or what it signed was changed")

    def verify_digest(self, signature: bytes, digest: bytes) -> None:
        """The same for a message whose digest the caller has computed himself, by the hash of the algorithm.

        Raises NotVerified where no algorithm of this key hashes to as many bytes; Ed25519 (RFC 8032) never does.
        """
        fitting = (scheme for scheme in self._schemes() if scheme.digest_size == len(digest))
        if not any(self._holds(scheme, signature, digest) for scheme in fitting):
            raise NotVerified("the signature is not by this key, or what it signed was changed")

    def _schemes(self) -> list[_Scheme]:
        return [_SCHEMES[algorithm] for algorithm in self.algorithms if algorithm in _SCHEMES]

    def _holds(self, scheme: _Scheme, signature: bytes, digest: bytes) -> bool:
        try:
            match self._key:
                case ec.EllipticCurvePublicKey():
                    _verify_ecdsa(self._key, signature, digest, scheme.ecdsa)
                case rsa.RSAPublicKey() if scheme.rsa_padding is not None:
                    self._key.verify(signature, digest, scheme.rsa_padding, scheme.prehashed)
                case _:
                    return False
        except InvalidSignature:
            return False
        return True

    @staticmethod
    def _verify_ed25519(key: ed25519.Ed25519PublicKey, signature: bytes, message: bytes) -> None:
        try:
            key.verify(signature, message)
        except InvalidSignature:
            raise NotVerified("the signature is not by this key, or what it signed was changed") from None


def parse_public_key(pem: str) -> PublicKey:
    """Read exactly one PEM block `PUBLIC KEY` (RFC 7468, 13) with nothing but white space around it.

    The algorithm is the one that cosign signs bundles with: SHA-256 for P-256, SHA-384 for P-384, SHA-512 for P-521,
    Ed25519, PKCS#1 v1.5 with SHA-256 for RSA; PSS with SHA-256 is accepted of RSA keys too. Raises MalformedDocument.
    Neither its message nor its cause ever holds a piece of `pem`: somebody may have pasted a private key (KEY-009).
    """
    if "PRIVATE KEY" in pem:
        raise MalformedDocument("this is a private key: replace the pair, and give its public key instead")
    block = _BLOCK.fullmatch(pem) if len(pem) <= MAX_PEM_CHARACTERS else None
    if block is None:
        raise MalformedDocument("not one PEM block PUBLIC KEY with nothing before or after it")
    try:
        spki = base64.b64decode("".join(block["body"].split()), validate=True)
    except (ValueError, binascii.Error):
        raise MalformedDocument("the PEM block holds no public key") from None
    return public_key_of_der(spki, None)


def public_key_of_der(spki: bytes, algorithm: Algorithm | None) -> PublicKey:
    """The key of a DER SubjectPublicKeyInfo, with this algorithm alone, or with those that its kind usually has.

    Raises MalformedDocument, also for a key that the algorithm does not fit, and for kinds that are not accepted:
    other curves, RSA below 2048 bits, RSA bound to its own PSS parameters, Ed448, DSA.
    """
    try:
        key = load_der_public_key(spki)
    except X509_ERRORS:
        raise MalformedDocument("there is no public key in it") from None
    if _RSASSA_PSS in spki[:32]:
        raise MalformedDocument(f"this kind of key is not accepted; these are: {_ACCEPTED}")
    return _public_key(key, algorithm)


def public_key_of_certificate(der: bytes) -> PublicKey:
    """The key that a certificate is about. Nothing of the certificate is verified.

    Raises MalformedAttestation when it is no certificate (a bare key, TYPE-021), and NotVerified when the key is of a
    kind that is not accepted.
    """
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except X509_ERRORS:
        raise MalformedAttestation("the certificate can't be read") from None
    try:
        return _public_key(key, None)
    except MalformedDocument as error:
        raise NotVerified(f"the certificate's key: {error}") from None


def _public_key(key: object, algorithm: Algorithm | None) -> PublicKey:
    usual = _usual(key)
    if not isinstance(key, _Key) or not usual:
        raise MalformedDocument(f"this kind of key is not accepted; these are: {_ACCEPTED}")
    if algorithm is not None and not _fits(key, algorithm):
        raise MalformedDocument(f"the key is not one for {algorithm.name}")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(
        fingerprint=f"sha256:{hashlib.sha256(spki).hexdigest()}",
        algorithms=usual if algorithm is None else (algorithm,),
        spki=spki,
        _key=key,
    )


def _usual(key: object) -> tuple[Algorithm, ...]:
    match key:
        case ec.EllipticCurvePublicKey() if key.curve.name in _OF_CURVE:
            return (_OF_CURVE[key.curve.name],)
        case ed25519.Ed25519PublicKey():
            return (Algorithm.PKIX_ED25519,)
        case rsa.RSAPublicKey() if key.key_size <= MAX_RSA_BITS:
            return next(((pkcs1, pss) for bits, pkcs1, pss in _OF_RSA if key.key_size >= bits), ())
    return ()


def _fits(key: _Key, algorithm: Algorithm) -> bool:
    match key:
        case ec.EllipticCurvePublicKey():
            return algorithm in _CURVES and isinstance(key.curve, _CURVES[algorithm][0])
        case ed25519.Ed25519PublicKey():
            return algorithm is Algorithm.PKIX_ED25519
        case rsa.RSAPublicKey():
            return key.key_size >= _RSA_BITS.get(algorithm, MAX_RSA_BITS + 1)


def _verify_ecdsa(key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes, scheme: ec.ECDSA) -> None:
    """Raises InvalidSignature, and NotVerified where the reason is the signature's own spelling."""
    if len(signature) > 2 * ((key.key_size + 7) // 8 + 3) + 3:  # two integers with a sign byte, a sequence around them
        raise NotVerified("the signature is too long for its curve")
    try:
        key.verify(signature, digest, scheme)
    except InvalidSignature:
        _explain_uncanonical(signature)
        raise


def _explain_uncanonical(signature: bytes) -> None:
    """Two spellings of one signature would be two documents. OpenSSL refuses all but one; this says so."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise NotVerified("the signature is not DER") from None
    if r <= 0 or s <= 0 or encode_dss_signature(r, s) != signature:
        raise NotVerified("the signature is not canonical DER")
