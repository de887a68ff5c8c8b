"""Key pairs of every kind that the formats know.

The same name always gives the same key; of RSA in one process only, and one for both paddings: making them takes long.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from functools import cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


class KeyKind(Enum):
    """A kind of key with what it signs with; the values are Sigstore's names (`PublicKeyDetails`)."""

    P256 = "PKIX_ECDSA_P256_SHA_256"
    P384 = "PKIX_ECDSA_P384_SHA_384"
    P521 = "PKIX_ECDSA_P521_SHA_512"
    ED25519 = "PKIX_ED25519"
    RSA_2048 = "PKIX_RSA_PKCS1V15_2048_SHA256"
    RSA_3072 = "PKIX_RSA_PKCS1V15_3072_SHA256"
    RSA_4096 = "PKIX_RSA_PKCS1V15_4096_SHA256"
    PSS_2048 = "PKIX_RSA_PSS_2048_SHA256"
    PSS_3072 = "PKIX_RSA_PSS_3072_SHA256"
    PSS_4096 = "PKIX_RSA_PSS_4096_SHA256"


CURVES: dict[KeyKind, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    KeyKind.P256: (ec.SECP256R1(), hashes.SHA256()),
    KeyKind.P384: (ec.SECP384R1(), hashes.SHA384()),
    KeyKind.P521: (ec.SECP521R1(), hashes.SHA512()),
}


class KeyPair:
    """A key pair by its name and kind."""

    def __init__(self, name: str, kind: KeyKind = KeyKind.P256) -> None:
        self.kind = kind
        self._key = _generate(name, kind)

    @property
    def spki(self) -> bytes:
        """The DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7)."""
        return self._public(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self._public(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 public key."""
        return self._public(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @property
    def id(self) -> bytes:
        """SHA-256 of the SubjectPublicKeyInfo: the id of a log (RFC 6962, 3.2), the fingerprint of a key."""
        return hashlib.sha256(self.spki).digest()

    @property
    def digest(self) -> hashes.HashAlgorithm:
        return CURVES[self.kind][1] if self.kind in CURVES else hashes.SHA256()

    def sign(self, message: bytes, digest: hashes.HashAlgorithm | None = None) -> bytes:
        """A signature in the kind's own form, ECDSA as DER; another `digest` than the kind's is a defect."""
        chosen = digest or self.digest
        if isinstance(self._key, ec.EllipticCurvePrivateKey):
            return self._key.sign(message, ec.ECDSA(chosen, deterministic_signing=True))
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(message)
        if "PSS" in self.kind.name:
            scheme = padding.PSS(mgf=padding.MGF1(chosen), salt_length=padding.PSS.DIGEST_LENGTH)
            return self._key.sign(message, scheme, chosen)
        return self._key.sign(message, padding.PKCS1v15(), chosen)

    def sign_raw(self, message: bytes) -> bytes:
        """ECDSA as the two integers side by side (IEEE P1363)."""
        r, s = decode_dss_signature(self.sign(message))
        size = (CURVES[self.kind][0].key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    def _public(self, encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
        return self._key.public_key().public_bytes(encoding, form)


@cache
def _generate(name: str, kind: KeyKind) -> PrivateKey:
    seed = hashlib.sha512(f"{kind.name} {name}".encode()).digest()
    if kind in CURVES:
        # Below the order of the smallest of the curves, and never zero.
        return ec.derive_private_key(int.from_bytes(seed[:31], "big") + 1, CURVES[kind][0])
    if kind is KeyKind.ED25519:
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed[:32])
    return rsa_key(name, int(kind.name[-4:]))


@cache
def rsa_key(_name: str, size: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=size)
