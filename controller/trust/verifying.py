"""Whether a signature is a key's: every algorithm that is accepted, ready to verify with.

The algorithm belongs to the key and never to the signature: an attacker who could choose it could choose a weak one.
"""

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cache, partial
from typing import TypeGuard, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)

from controller.core.errors import NotVerified

MAX_RSA_BITS = 16_384  # OpenSSL verifies no more

AcceptedKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_NOT_BY_THIS_KEY = "the signature is not by this key, or what it signed was changed"


class Algorithm(Enum):
    """Key and signature algorithms by the names of Sigstore's `PublicKeyDetails` (sigstore_common.proto).

    ECDSA signatures are DER (RFC 3279, 2.2.3): in bundles, annotations, log entries and notes as Go's crypto writes
    them, in SCTs by RFC 5246, 4.7, in certificates and timestamps by RFC 5480 and RFC 5754, 3.3. Raw r||s is refused,
    but in bare envelopes, where DSSE has it: see `VerifyingKey.in_der`. The size in an RSA name is the least that the
    key has. PSS takes salts of any length. Ed25519 is the pure one of RFC 8032, not Ed25519ph.
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


_SHA256 = hashes.SHA256()
_CURVES: Mapping[Algorithm, tuple[type[ec.EllipticCurve], hashes.HashAlgorithm]] = {
    Algorithm.PKIX_ECDSA_P256_SHA_256: (ec.SECP256R1, _SHA256),
    Algorithm.PKIX_ECDSA_P384_SHA_384: (ec.SECP384R1, hashes.SHA384()),
    Algorithm.PKIX_ECDSA_P521_SHA_512: (ec.SECP521R1, hashes.SHA512()),
    Algorithm.PKIX_ECDSA_P384_SHA_256: (ec.SECP384R1, _SHA256),
    Algorithm.PKIX_ECDSA_P521_SHA_256: (ec.SECP521R1, _SHA256),
}
_ECDSA = {
    algorithm: (
        getattr(hashlib, hashing.name),
        hashing.digest_size,
        ec.ECDSA(Prehashed(hashing)),
        2 * ((curve().key_size + 7) // 8 + 3) + 3,  # two integers with a sign byte, a sequence around them
    )
    for algorithm, (curve, hashing) in _CURVES.items()
}
_OF_CURVE: Mapping[str, tuple[Algorithm, ...]] = {
    "secp256r1": (Algorithm.PKIX_ECDSA_P256_SHA_256,),
    "secp384r1": (Algorithm.PKIX_ECDSA_P384_SHA_384,),
    "secp521r1": (Algorithm.PKIX_ECDSA_P521_SHA_512,),
}
_OF_CERTIFIED_CURVE: Mapping[str, tuple[Algorithm, ...]] = {
    **_OF_CURVE,
    "secp384r1": (Algorithm.PKIX_ECDSA_P384_SHA_384, Algorithm.PKIX_ECDSA_P384_SHA_256),
    "secp521r1": (Algorithm.PKIX_ECDSA_P521_SHA_512, Algorithm.PKIX_ECDSA_P521_SHA_256),
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
_PREHASHED = Prehashed(_SHA256)


class _Scheme(msgspec.Struct, frozen=True):
    """One algorithm of one key: how it hashes a message, and whether a signature holds over such a digest."""

    hasher: Callable[[bytes], "hashlib._Hash"]
    digest_size: int
    holds: Callable[[bytes, bytes], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VerifyingKey:
    """A key and the algorithms it signs with, the usual one first; made ready once, because it is asked often.

    The algorithms are ones that the key fits. An RSA key may have two: nothing in a PEM says whether its owner signs
    with PKCS#1 v1.5 or PSS; and so may a certificate's. `digest_sizes` are those of their hashes, each once; none for
    Ed25519, which takes the message whole.
    """

    algorithms: tuple[Algorithm, ...]
    digest_sizes: tuple[int, ...] = field(init=False, compare=False, repr=False)
    _key: AcceptedKey = field(compare=False, repr=False)
    _schemes: tuple[_Scheme, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        known = tuple([one for algorithm in self.algorithms if (one := _scheme(self._key, algorithm)) is not None])
        object.__setattr__(self, "_schemes", known)
        object.__setattr__(self, "digest_sizes", tuple(dict.fromkeys(one.digest_size for one in known)))

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
        for scheme in self._schemes:
            if scheme.holds(signature, scheme.hasher(message).digest()):
                return
        if self._schemes or not self._signed_whole(signature, message):
            raise NotVerified(_NOT_BY_THIS_KEY)

    def verify_digest(self, signature: bytes, digest: bytes) -> None:
        """The same for a message whose digest the caller has computed himself, by the hash of the algorithm.

        Raises NotVerified where no algorithm of this key hashes to as many bytes; Ed25519 (RFC 8032) never does.
        """
        for scheme in self._schemes:
            if scheme.digest_size == len(digest) and scheme.holds(signature, digest):
                return
        raise NotVerified(_NOT_BY_THIS_KEY)

    def in_der(self, signature: bytes) -> bytes:
        """An ECDSA signature in DER, where it is r||s (IEEE P1363) of this key's size; any other as it is."""
        if not is_curve_key(self._key):
            return signature
        size = (self._key.curve.key_size + 7) // 8
        if len(signature) != 2 * size:  # DER of that length has integers that nobody meets
            return signature
        return encode_dss_signature(*(int.from_bytes(half, "big") for half in (signature[:size], signature[size:])))

    def _signed_whole(self, signature: bytes, message: bytes) -> bool:
        if not isinstance(self._key, ed25519.Ed25519PublicKey):
            return False
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


def is_curve_key(key: object) -> TypeGuard[ec.EllipticCurvePublicKey]:
    """Whether it is an ECDSA key: asked of every certificate, and slow to ask the library's abstract class."""
    return _of_curve_kind(cast("Hashable", type(key)))


@cache
def _of_curve_kind(kind: Hashable) -> bool:
    return isinstance(kind, type) and issubclass(kind, ec.EllipticCurvePublicKey)


def usual_algorithms(key: AcceptedKey) -> tuple[Algorithm, ...]:
    """The algorithms that a key of this kind signs with; none for curves and sizes that are not accepted."""
    if is_curve_key(key):
        return _OF_CURVE.get(key.curve.name, ())
    if isinstance(key, ed25519.Ed25519PublicKey):
        return (Algorithm.PKIX_ED25519,)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size <= MAX_RSA_BITS:
        return next(((pkcs1, pss) for bits, pkcs1, pss in _OF_RSA if key.key_size >= bits), ())
    return ()


def certified_algorithms(key: AcceptedKey) -> tuple[Algorithm, ...]:
    """As `usual_algorithms`, of a key that a certificate is about: over SHA-256, too, whatever the curve.

    Clients hashed so on P-384 and P-521 until 2024, and the specification keeps these algorithms, deprecated, for them.
    """
    if is_curve_key(key):
        return _OF_CERTIFIED_CURVE.get(key.curve.name, ())
    return usual_algorithms(key)


def fits(key: AcceptedKey, algorithm: Algorithm) -> bool:
    """Whether a key of this kind, curve and size can sign with `algorithm`."""
    match key:
        case ec.EllipticCurvePublicKey():
            return algorithm in _CURVES and isinstance(key.curve, _CURVES[algorithm][0])
        case ed25519.Ed25519PublicKey():
            return algorithm is Algorithm.PKIX_ED25519
        case rsa.RSAPublicKey():
            return key.key_size >= _RSA_BITS.get(algorithm, MAX_RSA_BITS + 1)


def _scheme(key: AcceptedKey, algorithm: Algorithm) -> _Scheme | None:
    """None for Ed25519, which has no digest."""
    curve = _ECDSA.get(algorithm)
    if curve is not None and is_curve_key(key):
        hasher, digest_size, scheme, longest = curve
        return _Scheme(hasher, digest_size, partial(_holds_ecdsa, key, scheme, longest))
    if algorithm in _PADDINGS and isinstance(key, rsa.RSAPublicKey):
        return _Scheme(hashlib.sha256, _SHA256.digest_size, partial(_holds_rsa, key, _PADDINGS[algorithm]))
    return None


def _holds_rsa(key: rsa.RSAPublicKey, padded: padding.AsymmetricPadding, signature: bytes, digest: bytes) -> bool:
    try:
        key.verify(signature, digest, padded, _PREHASHED)
    except InvalidSignature:
        return False
    return True


def _holds_ecdsa(
    key: ec.EllipticCurvePublicKey, scheme: ec.ECDSA, longest: int, signature: bytes, digest: bytes
) -> bool:
    """Raises NotVerified where the reason is the signature's own spelling."""
    if len(signature) > longest:
        raise NotVerified("the signature is too long for its curve")
    try:
        key.verify(signature, digest, scheme)
    except InvalidSignature:
        _explain_uncanonical(signature)
        return False
    return True


def _explain_uncanonical(signature: bytes) -> None:
    """Two spellings of one signature would be two documents. OpenSSL refuses all but one; this says so."""
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise NotVerified("the signature is not DER") from None
    if r <= 0 or s <= 0 or encode_dss_signature(r, s) != signature:
        raise NotVerified("the signature is not canonical DER")
