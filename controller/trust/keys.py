"""Public keys: read from PEM, named by their fingerprint, and asked whether a signature is theirs.

This version accepts ECDSA P-256 with SHA-256 (FIPS 186-5), the kind that `cosign generate-key-pair` makes.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from controller.core.errors import MalformedDocument, NotVerified

MAX_PEM_CHARACTERS = 16_384  # an RSA-16384 public key fits twice
MAX_SIGNATURE_BYTES = 72  # DER of two 33-byte integers: the longest that P-256 can give

_BLOCK = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s(?P<body>[A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----\s*", re.ASCII)
_ECDSA_SHA256 = ec.ECDSA(Prehashed(hashes.SHA256()))


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An ECDSA P-256 public key. Equal to another when their fingerprints are, however they were written.

    `fingerprint` is `sha256:` and the lower-case hex SHA-256 of the DER SubjectPublicKeyInfo (RFC 5280,
    section 4.1.2.7).
    """

    fingerprint: str
    _key: ec.EllipticCurvePublicKey = field(compare=False, repr=False)

    def verify(self, signature: bytes, message: bytes) -> None:
        """Return only if `signature` is this key's over `message`; raises NotVerified otherwise.

        ECDSA over SHA-256 of `message`; the signature is DER (RFC 3279, 2.2.3) in its one canonical form: raw
        r||s, trailing bytes, padded lengths, zero and negative integers are refused. Says nothing about the key's
        window.
        """
        self.verify_digest(signature, hashlib.sha256(message).digest())

    def verify_digest(self, signature: bytes, digest: bytes) -> None:
        """The same for a message whose SHA-256 the caller has computed himself: once, for many keys."""
        _refuse_uncanonical(signature)
        try:
            self._key.verify(signature, digest, _ECDSA_SHA256)
        except InvalidSignature:
            raise NotVerified("the signature is not by this key, or what it signed was changed") from None


def parse_public_key(pem: str) -> PublicKey:
    """Read exactly one PEM block `PUBLIC KEY` (RFC 7468, 13) with nothing but white space around it.

    Raises MalformedDocument. Neither its message nor its cause ever holds a piece of `pem`: somebody may have
    pasted a private key (KEY-009).
    """
    if "PRIVATE KEY" in pem:
        raise MalformedDocument("this is a private key: replace the pair, and give its public key instead")
    block = _BLOCK.fullmatch(pem) if len(pem) <= MAX_PEM_CHARACTERS else None
    if block is None:
        raise MalformedDocument("not one PEM block PUBLIC KEY with nothing before or after it")
    try:
        key = load_der_public_key(base64.b64decode("".join(block["body"].split()), validate=True))
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise MalformedDocument("the PEM block holds no public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise MalformedDocument("this kind of key is not accepted by this version: ECDSA P-256")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PublicKey(f"sha256:{hashlib.sha256(spki).hexdigest()}", key)


def _refuse_uncanonical(signature: bytes) -> None:
    """Two spellings of one signature would be two documents; decoders differ in what they forgive."""
    if len(signature) > MAX_SIGNATURE_BYTES:
        raise NotVerified("the signature is too long for ECDSA P-256")
    try:
        r, s = decode_dss_signature(signature)
    except ValueError:
        raise NotVerified("the signature is not DER") from None
    if r <= 0 or s <= 0 or encode_dss_signature(r, s) != signature:
        raise NotVerified("the signature is not canonical DER")
