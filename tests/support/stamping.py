"""Timestamp authorities that stamp what each test says, and tokens that are written as it says."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.core.errors import NotVerified
from controller.core.window import Window
from controller.trust.timestamp import TimestampAuthority, verify_timestamp
from tests.support import der

AT = datetime(2026, 1, 15, 12, tzinfo=UTC)
START, END = AT - timedelta(days=30), AT + timedelta(days=30)
SECOND = timedelta(seconds=1)
SIGNATURE = b"the signature that was stamped"
STAMPING = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])

SHA256, SHA384, SHA512 = (f"2.16.840.1.101.3.4.2.{number}" for number in (1, 2, 3))
HASHES = {SHA256: hashes.SHA256(), SHA384: hashes.SHA384(), SHA512: hashes.SHA512()}
ECDSA = {SHA256: "1.2.840.10045.4.3.2", SHA384: "1.2.840.10045.4.3.3", SHA512: "1.2.840.10045.4.3.4"}
RSA_ENCRYPTION, RSA_SHA256, ED25519 = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.3.101.112"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=certifies,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, kw_only=True)
class Issued:
    """What a certificate says; the defaults are those of one that signs timestamps."""

    subject: str = "tsa"
    ca: bool = False
    path_length: int | None = None
    signs: bool = True
    certifies: bool = False
    purposes: x509.ExtendedKeyUsage | None = STAMPING
    purposes_critical: bool = True
    start: datetime = START
    end: datetime = END
    weak: bool = False
    extra: x509.ExtensionType | None = None


@dataclass(frozen=True, kw_only=True)
class Holder:
    """A key with its certificate."""

    key: Key
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    def issue(self, issued: Issued, key: Key | None = None) -> "Holder":
        return issue(issued, key or ec.generate_private_key(ec.SECP256R1()), self)


def issue(issued: Issued, key: Key, issuer: Holder | None) -> Holder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(issued.subject))
        .issuer_name(issuer.certificate.subject if issuer else name(issued.subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(issued.start)
        .not_valid_after(issued.end)
        .add_extension(x509.BasicConstraints(ca=issued.ca, path_length=issued.path_length), critical=True)
        .add_extension(usage(signs=issued.signs, certifies=issued.certifies), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if issued.purposes is not None:
        builder = builder.add_extension(issued.purposes, critical=issued.purposes_critical)
    if issued.extra is not None:
        builder = builder.add_extension(issued.extra, critical=True)
    signer = issuer.key if issuer else key
    digest = hashes.SHA224() if issued.weak else hashes.SHA256()
    return Holder(key=key, certificate=builder.sign(signer, digest))


AUTHORITY = Issued(subject="root", ca=True, signs=False, certifies=True, purposes=None)
ROOT = issue(AUTHORITY, ec.generate_private_key(ec.SECP256R1()), None)
SIGNER = ROOT.issue(Issued())


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a token says and how it is written. None: as it should be."""

    signer: Holder = SIGNER
    at: bytes = b"20260115120000Z"
    digest: str = SHA256
    imprint: bytes | None = None
    message_digest: bytes | None = None
    signed_type: str = TST_INFO
    content_type: str = TST_INFO
    token_type: str = SIGNED_DATA
    status: int = 0
    version: int = 1
    cms_version: int = 3
    extension: bytes = b""
    certificates: tuple[bytes, ...] = ()
    by_key_id: bool = False
    meant: bytes | None = None
    attributes: tuple[bytes, ...] | None = None
    algorithm: str | None = None
    signed_by: Key | None = None
    signers: int = 1


def algorithm(dotted: str) -> bytes:
    return der.sequence(der.oid(dotted))


def attribute(dotted: str, *values: bytes) -> bytes:
    return der.sequence(der.oid(dotted), der.set_of(*values))


def sign(key: Key, message: bytes, digest: str) -> bytes:
    match key:
        case ed25519.Ed25519PrivateKey():
            return key.sign(message)
        case rsa.RSAPrivateKey():
            return key.sign(message, padding.PKCS1v15(), HASHES[digest])
        case _:
            return key.sign(message, ec.ECDSA(HASHES[digest]))


def signer_id(stamp: Stamp) -> bytes:
    certificate = stamp.signer.certificate
    if stamp.by_key_id:
        identifier = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return der.element(0x80, identifier.digest)
    return der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number))


def signer_info(stamp: Stamp, content: bytes) -> bytes:
    attributes = stamp.attributes
    if attributes is None:
        digest = stamp.message_digest or hashlib.new(HASHES[stamp.digest].name, content).digest()
        attributes = (
            attribute(CONTENT_TYPE, der.oid(stamp.signed_type)),
            attribute(SIGNING_TIME, der.utc_time(AT - timedelta(days=365))),
            attribute(MESSAGE_DIGEST, der.octets(digest)),
        )
        if stamp.meant is not None:
            named = der.sequence(der.sequence(der.sequence(der.octets(hashlib.sha256(stamp.meant).digest()))))
            attributes = (*attributes, attribute(SIGNING_CERTIFICATE_V2, named))
    signature = sign(stamp.signed_by or stamp.signer.key, der.set_of(*attributes), stamp.digest)
    return der.sequence(
        der.integer(1),
        signer_id(stamp),
        algorithm(stamp.digest),
        der.explicit(0, *sorted(attributes)),
        algorithm(stamp.algorithm or ECDSA[stamp.digest]),
        der.octets(signature),
    )


def token_of(stamp: Stamp) -> bytes:
    imprint = stamp.imprint or hashlib.new(HASHES[stamp.digest].name, SIGNATURE).digest()
    content = der.sequence(
        der.integer(stamp.version),
        der.oid("1.3.6.1.4.1.57264.2"),
        der.sequence(algorithm(stamp.digest), der.octets(imprint)),
        der.integer(2**159),
        der.element(0x18, stamp.at),
        der.sequence(der.integer(1), der.element(0x80, b"\x05")),
        der.explicit(0, der.explicit(4, name("tsa").public_bytes())),
        stamp.extension,
    )
    signed = der.sequence(
        der.integer(stamp.cms_version),
        der.set_of(algorithm(stamp.digest)),
        der.sequence(der.oid(stamp.content_type), der.explicit(0, der.octets(content))),
        der.explicit(0, *stamp.certificates),
        der.set_of(*[signer_info(stamp, content)] * stamp.signers),
    )
    info = der.sequence(der.oid(stamp.token_type), der.explicit(0, signed))
    return der.sequence(der.sequence(der.integer(stamp.status)), info)


def authority(*chain: Holder, start: datetime = START, end: datetime | None = END) -> TimestampAuthority:
    return TimestampAuthority(
        certificates=tuple(holder.der for holder in chain or (SIGNER, ROOT)), valid=Window(start=start, end=end)
    )


def verified(stamp: Stamp, *authorities: TimestampAuthority) -> datetime:
    return verify_timestamp(token_of(stamp), signature=SIGNATURE, authorities=authorities or (authority(),))


def refused(stamp: Stamp, told: str, *authorities: TimestampAuthority) -> None:
    with pytest.raises(NotVerified, match=told):
        verified(stamp, *authorities)
