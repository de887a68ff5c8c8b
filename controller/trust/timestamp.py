"""Signed timestamps (RFC 3161): that an authority of the trust root saw a signature, and when.

The authority's own chain is verified once, when the trust root is read; a token then costs one signature.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    Certificate,
    ExtensionNotFound,
    ObjectIdentifier,
    SubjectKeyIdentifier,
    load_der_x509_certificate,
)
from cryptography.x509.oid import SignatureAlgorithmOID

from controller.core.errors import MalformedAttestation, MalformedDocument, NotVerified
from controller.core.window import Window
from controller.trust.tsachain import common_window, is_authority, require_path, require_signer
from controller.trust.tsp import ASN1_ERRORS, Token, parse_token

_Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512

_HASHES: dict[ObjectIdentifier, _Hash] = {
    ObjectIdentifier("2.16.840.1.101.3.4.2.1"): hashes.SHA256(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.2"): hashes.SHA384(),
    ObjectIdentifier("2.16.840.1.101.3.4.2.3"): hashes.SHA512(),
}
_ECDSA: dict[ObjectIdentifier, _Hash] = {
    SignatureAlgorithmOID.ECDSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.ECDSA_WITH_SHA512: hashes.SHA512(),
}
_RSA: dict[ObjectIdentifier, _Hash] = {
    SignatureAlgorithmOID.RSA_WITH_SHA256: hashes.SHA256(),
    SignatureAlgorithmOID.RSA_WITH_SHA384: hashes.SHA384(),
    SignatureAlgorithmOID.RSA_WITH_SHA512: hashes.SHA512(),
}
_RSA_ENCRYPTION = ObjectIdentifier("1.2.840.113549.1.1.1")  # RFC 3370, 3.2: the hash is that of the digest algorithm
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampAuthority:
    """An authority of a trust root: its chain, DER, leaf-most first, and the window in which it is believed.

    The first certificate may be the one that signs timestamps, or an authority that issued it: then tokens bring the
    signer along. Each certificate is issued by the next one, which is a CA; the last one is believed as it stands.
    Construction raises MalformedDocument where this is not so. `chain_window` is when all of them are valid.
    """

    certificates: tuple[bytes, ...]
    valid: Window
    chain_window: Window = field(init=False, compare=False)
    _signer: Certificate | None = field(init=False, compare=False, repr=False)
    _issuer: Certificate = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        try:
            chain = [load_der_x509_certificate(der) for der in self.certificates]
            require_path(chain)
            signer = None if is_authority(chain[0]) else chain[0]
            window = common_window(chain)
        except ASN1_ERRORS:
            raise MalformedDocument("a certificate of the timestamp authority can't be read") from None
        except NotVerified as error:
            raise MalformedDocument(str(error)) from error
        object.__setattr__(self, "chain_window", window)
        object.__setattr__(self, "_signer", signer)
        object.__setattr__(self, "_issuer", chain[0] if signer is None else chain[1])

    def signer_of(self, token: Token) -> Certificate:
        """The certificate that the token names as its signer's: this authority's own, or one that it issued.

        Raises NotVerified when there is none, or when it may not sign timestamps.
        """
        offered = token.certificates if self._signer is None else (self._signer,)
        signer = next((certificate for certificate in offered if _is_named(certificate, token)), None)
        if signer is None:
            raise NotVerified("another authority signed the timestamp, or its signer's certificate is missing")
        if self._signer is None:
            require_path([signer, self._issuer])
        require_signer(signer)
        return signer


def verify_timestamp(token: bytes, *, signature: bytes, authorities: tuple[TimestampAuthority, ...]) -> datetime:
    """The time (genTime, aware) at which one of `authorities` saw `signature`; its stated accuracy is not counted.

    `token` is a TimeStampResp in DER. Guarantees that the token's imprint is the SHA-256, 384 or 512 of `signature`,
    that its signed attributes cover the TSTInfo, that the signer's certificate may sign timestamps and nothing else
    (RFC 3161, 2.3), leads to the authority and is the one that the token means (RFC 5035), and that the time lies in
    the windows of all certificates and of the authority, each closed at both ends. Says nothing about the window of
    the certificate that `signature` is of, and compares with no clock. Raises NotVerified.
    """
    try:
        stamp = parse_token(token)
    except MalformedAttestation as error:
        raise NotVerified(str(error)) from error
    _require_imprint(stamp, signature)
    objections = [_objection(authority, stamp) for authority in authorities]
    if not objections:
        raise NotVerified("the trust root has no timestamp authority")
    if None not in objections:
        raise NotVerified("; ".join(sorted({objection for objection in objections if objection is not None})))
    return stamp.gen_time


def _objection(authority: TimestampAuthority, token: Token) -> str | None:
    try:
        signer = authority.signer_of(token)
        _require_times(authority, signer, token.gen_time)
        _require_meant(signer, token)
        _require_signature(signer, token)
    except NotVerified as error:
        return str(error)
    except ASN1_ERRORS:
        return "the certificate of the timestamp can't be read"
    return None


def _require_imprint(token: Token, signature: bytes) -> None:
    digest = _digest(token.imprint.hash_algorithm.algorithm, signature)
    if token.imprint.hashed_message != digest:
        raise NotVerified("the timestamp is over something else than this signature")
    if token.message_digest != _digest(token.digest_algorithm, token.content):
        raise NotVerified("the signed attributes of the timestamp are not about its content")


def _digest(algorithm: ObjectIdentifier, content: bytes) -> bytes:
    hashing = _HASHES.get(algorithm)
    if hashing is None:
        raise NotVerified("the timestamp hashes with an algorithm that is not accepted")
    return hashlib.new(hashing.name, content).digest()


def _require_times(authority: TimestampAuthority, signer: Certificate, time: datetime) -> None:
    if not authority.valid.contains(time):
        raise NotVerified("the timestamp is outside the window of its authority")
    if not authority.chain_window.contains(time) or not common_window([signer]).contains(time):
        raise NotVerified("the timestamp is outside the window of its certificates")


def _require_meant(signer: Certificate, token: Token) -> None:
    """RFC 5816, 2.2: where the signer says which certificate it means, no other with the same key will do."""
    meant = token.signing_certificate
    if meant is None:
        return
    algorithm = meant.hash_algorithm.algorithm if meant.hash_algorithm else next(iter(_HASHES))
    if meant.certificate_hash != _digest(algorithm, signer.public_bytes(Encoding.DER)):
        raise NotVerified("the timestamp names another certificate as its signer's")


def _require_signature(signer: Certificate, token: Token) -> None:
    key, algorithm = signer.public_key(), token.signature_algorithm
    try:
        match key:
            case ec.EllipticCurvePublicKey() if algorithm in _ECDSA and isinstance(key.curve, _CURVES):
                key.verify(token.signature, token.signed_bytes, ec.ECDSA(_ECDSA[algorithm]))
            case rsa.RSAPublicKey() if key.key_size >= _MIN_RSA_BITS and (hashing := _rsa_hash(token)):
                key.verify(token.signature, token.signed_bytes, padding.PKCS1v15(), hashing)
            case ed25519.Ed25519PublicKey() if algorithm == SignatureAlgorithmOID.ED25519:
                key.verify(token.signature, token.signed_bytes)
            case _:
                raise NotVerified("the timestamp is signed with an algorithm that is not accepted")
    except InvalidSignature:
        raise NotVerified("the signature of the timestamp does not hold") from None


def _rsa_hash(token: Token) -> _Hash | None:
    if token.signature_algorithm == _RSA_ENCRYPTION:
        return _HASHES.get(token.digest_algorithm)
    return _RSA.get(token.signature_algorithm)


def _is_named(certificate: Certificate, token: Token) -> bool:
    """Whether the token's signer identifier (RFC 5652, 5.3) is this certificate's."""
    if isinstance(token.sid, bytes):
        try:
            identifier = certificate.extensions.get_extension_for_class(SubjectKeyIdentifier).value
        except ExtensionNotFound:
            return False
        return identifier.digest == token.sid
    return certificate.issuer == token.sid.issuer and certificate.serial_number == token.sid.serial_number
