"""Public keys, read from PEM, DER or a certificate. Whether a signature is theirs: `controller.trust.verifying`."""

import base64
import binascii
import hashlib
import re
import warnings
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key
from cryptography.utils import CryptographyDeprecationWarning

from controller.core.errors import MalformedAttestation, MalformedDocument, NotVerified
from controller.trust.verifying import (
    AcceptedKey,
    Algorithm,
    VerifyingKey,
    certified_algorithms,
    fits,
    is_curve_key,
    usual_algorithms,
)

MAX_PEM_CHARACTERS = 16_384  # an RSA-16384 public key fits twice

X509_ERRORS = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
    CryptographyDeprecationWarning,  # where warnings are errors: what the library is about to refuse
)  # everything that reading a certificate, its key or its extensions raises

# A country of three letters, in a chain that anybody may push: no news to whoever reads the log or a terminal.
warnings.filterwarnings("ignore", message="Attribute's length must be ", category=UserWarning)

_BLOCK = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\s(?P<body>[A-Za-z0-9+/=\s]*)-----END PUBLIC KEY-----\s*", re.ASCII)
_RSASSA_PSS = bytes.fromhex("06092a864886f70d01010a")  # the OID that binds a key to PSS parameters of its own
_ACCEPTED = "ECDSA P-256, P-384 and P-521, Ed25519, and RSA of 2048 to 16384 bits"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey(VerifyingKey):
    """A key with a name of its own.

    `spki` is its DER SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) in canonical form, `fingerprint` `sha256:` and the
    lower-case hex SHA-256 of that. Equal to another when key and algorithms are, however they were written.
    """

    fingerprint: str
    spki: bytes = field(compare=False, repr=False)


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


def verifying_key_of(certificate: x509.Certificate) -> VerifyingKey:
    """The key that a certificate is about, to verify with. Nothing of the certificate is verified.

    No certificate says how its key hashes: on P-384 and P-521 the curve's own hash counts, and SHA-256.
    Raises MalformedAttestation when the key can't be read, and NotVerified when it is of a kind that is not accepted.
    """
    try:
        key = certificate.public_key()
    except X509_ERRORS:
        raise MalformedAttestation("the certificate can't be read") from None
    try:
        key, _ = _accepted(key, None)
    except MalformedDocument as error:
        raise NotVerified(f"the certificate's key: {error}") from None
    return VerifyingKey(algorithms=certified_algorithms(key), _key=key)


def _public_key(given: object, algorithm: Algorithm | None) -> PublicKey:
    key, algorithms = _accepted(given, algorithm)
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    fingerprint = f"sha256:{hashlib.sha256(spki).hexdigest()}"
    return PublicKey(algorithms=algorithms, _key=key, fingerprint=fingerprint, spki=spki)


def _accepted(key: object, algorithm: Algorithm | None) -> tuple[AcceptedKey, tuple[Algorithm, ...]]:
    """The key with its algorithms: the given one, or the usual ones. Raises MalformedDocument."""
    if (is_curve_key(key) or isinstance(key, AcceptedKey)) and (usual := usual_algorithms(key)):
        if algorithm is None:
            return key, usual
        if fits(key, algorithm):
            return key, (algorithm,)
        raise MalformedDocument(f"the key is not one for {algorithm.name}")
    raise MalformedDocument(f"this kind of key is not accepted; these are: {_ACCEPTED}")
