"""Signed timestamps against authorities that stamp what each test says."""

import hashlib
import warnings
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.core.errors import MalformedAttestation, MalformedDocument, NotVerified
from controller.core.window import Window
from controller.trust.timestamp import TimestampAuthority, verify_timestamp
from controller.trust.tsp import MAX_TOKEN_BYTES, parse_token
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


def test_a_token_of_the_authority_shows_its_time() -> None:
    assert verified(Stamp()) == AT
    assert verified(Stamp(meant=SIGNER.der, certificates=(SIGNER.der, ROOT.der), status=1)) == AT
    assert verified(Stamp(by_key_id=True)) == AT
    assert verified(Stamp(at=b"20260115120000.5Z")) == AT + timedelta(milliseconds=500)


@pytest.mark.parametrize(
    ("key", "digest", "algorithm"),
    [
        pytest.param(ec.generate_private_key(ec.SECP256R1()), SHA256, None, id="P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), SHA384, None, id="P-384"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), SHA256, None, id="P-384 with SHA-256"),
        pytest.param(ec.generate_private_key(ec.SECP521R1()), SHA512, None, id="P-521"),
        pytest.param(rsa.generate_private_key(65537, 2048), SHA512, RSA_ENCRYPTION, id="RSA by its digest algorithm"),
        pytest.param(rsa.generate_private_key(65537, 2048), SHA256, RSA_SHA256, id="RSA with SHA-256"),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), SHA512, ED25519, id="Ed25519"),
    ],
)
def test_each_accepted_algorithm_verifies_and_refuses(key: Key, digest: str, algorithm: str | None) -> None:
    signer = ROOT.issue(Issued(), key)
    stamp = Stamp(signer=signer, digest=digest, algorithm=algorithm)
    assert verified(stamp, authority(signer, ROOT)) == AT
    refused(replace(stamp, signed_by=ROOT.key), "does not hold", authority(signer, ROOT))


@pytest.mark.parametrize(
    ("key", "told"),
    [
        pytest.param(rsa.generate_private_key(65537, 1024), "algorithm that is not accepted", id="RSA-1024"),
        pytest.param(ec.generate_private_key(ec.SECP256K1()), "algorithm that is not accepted", id="secp256k1"),
    ],
)
def test_a_weak_key_is_refused(key: Key, told: str) -> None:
    signer = ROOT.issue(Issued(), key)
    chosen = RSA_SHA256 if isinstance(key, rsa.RSAPrivateKey) else None
    refused(Stamp(signer=signer, algorithm=chosen), told, authority(signer, ROOT))


@pytest.mark.parametrize("chosen", [RSA_SHA256, RSA_ENCRYPTION, ED25519, "1.2.840.10045.4.1"])
def test_an_algorithm_that_is_not_the_keys_is_refused(chosen: str) -> None:
    refused(Stamp(algorithm=chosen), "algorithm that is not accepted")


@pytest.mark.case("TIME-007")
def test_a_timestamp_over_other_bytes_is_refused() -> None:
    refused(Stamp(imprint=hashlib.sha256(b"other").digest()), "something else than this signature")


@pytest.mark.case("TIME-007")
def test_signed_attributes_are_about_this_content() -> None:
    refused(Stamp(message_digest=hashlib.sha256(b"other").digest()), "not about its content")


@pytest.mark.case("TIME-007")
def test_an_untrusted_authority_is_refused_whatever_it_brings_along() -> None:
    stranger = issue(AUTHORITY, ec.generate_private_key(ec.SECP256R1()), None)
    signer = stranger.issue(Issued())
    stamp = Stamp(signer=signer, certificates=(signer.der, stranger.der))
    refused(stamp, "another authority", authority())
    refused(stamp, "not issued by its authority", authority(ROOT))
    assert verified(stamp, authority(signer, stranger)) == AT


@pytest.mark.case("TIME-007")
@pytest.mark.case("TIME-008")
def test_the_window_of_the_authority_is_closed_at_both_ends() -> None:
    assert verified(Stamp(), authority(start=AT, end=AT)) == AT
    assert verified(Stamp(), authority(end=None)) == AT
    refused(Stamp(), "window of its authority", authority(end=AT - SECOND))
    refused(Stamp(), "window of its authority", authority(start=AT + SECOND, end=None))


@pytest.mark.case("TIME-007")
@pytest.mark.parametrize(
    ("start", "end", "inside"), [(AT, AT, True), (START, AT - SECOND, False), (AT + SECOND, END, False)]
)
def test_every_certificate_is_valid_at_the_time(start: datetime, end: datetime, *, inside: bool) -> None:
    root = issue(replace(AUTHORITY, start=start, end=end), ec.generate_private_key(ec.SECP256R1()), None)
    under, brief = root.issue(Issued()), ROOT.issue(Issued(start=start, end=end))
    cases = [
        (Stamp(signer=under), authority(under, root)),
        (Stamp(signer=brief), authority(brief, ROOT)),
        (Stamp(signer=brief, certificates=(brief.der,)), authority(ROOT)),
    ]
    for stamp, trusted in cases:
        if inside:
            assert verified(stamp, trusted) == AT
        else:
            refused(stamp, "window of its certificates", trusted)


@pytest.mark.case("TIME-017")
def test_of_two_authorities_the_second_may_have_signed() -> None:
    other = issue(AUTHORITY, ec.generate_private_key(ec.SECP256R1()), None)
    assert verified(Stamp(), authority(other.issue(Issued()), other), authority()) == AT
    with pytest.raises(NotVerified, match="has no timestamp authority"):
        verify_timestamp(token_of(Stamp()), signature=SIGNATURE, authorities=())


def test_an_authority_without_its_signer_takes_the_one_that_a_token_brings() -> None:
    assert verified(Stamp(certificates=(ROOT.der, SIGNER.der)), authority(ROOT)) == AT
    refused(Stamp(), "certificate is missing", authority(ROOT))


UNFIT = {
    "no purpose": (Issued(purposes=None), "not for timestamps"),
    "not critical": (Issued(purposes_critical=False), "not for timestamps alone"),
    "another purpose": (
        Issued(purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])),
        "not for timestamps alone",
    ),
    "two purposes": (
        Issued(purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING, ExtendedKeyUsageOID.CODE_SIGNING])),
        "not for timestamps alone",
    ),
    "no signatures": (Issued(signs=False), "not for signatures"),
    "unknown critical": (Issued(extra=x509.OCSPNoCheck()), "unknown critical extension"),
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_a_certificate_that_may_not_sign_timestamps_is_refused(unfit: str) -> None:
    issued, told = UNFIT[unfit]
    signer = ROOT.issue(issued)
    refused(Stamp(signer=signer), told, authority(signer, ROOT))
    refused(Stamp(signer=signer, certificates=(signer.der,)), told, authority(ROOT))


def test_a_ca_signs_no_timestamps() -> None:
    refused(Stamp(signer=ROOT, certificates=(ROOT.der,)), "may not|is a CA", authority(ROOT))


def test_a_token_means_its_signers_certificate() -> None:
    """Another certificate of the same key, with another window say, is not the one that signed."""
    again = ROOT.issue(Issued(), SIGNER.key)
    assert verified(Stamp(signer=again, meant=again.der), authority(again, ROOT)) == AT
    refused(Stamp(signer=again, meant=SIGNER.der), "names another certificate", authority(again, ROOT))


BROKEN_CHAINS: dict[str, tuple[Issued, Issued]] = {
    "issuer is no CA": (replace(AUTHORITY, ca=False), Issued()),
    "issuer signs no certificates": (replace(AUTHORITY, certifies=False), Issued()),
    "issuer is for other purposes": (
        replace(AUTHORITY, purposes=x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])),
        Issued(),
    ),
    "issuer with unknown critical": (replace(AUTHORITY, extra=x509.OCSPNoCheck()), Issued()),
    "too long": (replace(AUTHORITY, path_length=0), replace(AUTHORITY, subject="between")),
    "weak hash": (AUTHORITY, Issued(weak=True)),
}


@pytest.mark.parametrize("broken", BROKEN_CHAINS)
def test_a_chain_that_does_not_hold_is_no_authority(broken: str) -> None:
    issuer, issued = BROKEN_CHAINS[broken]
    root = issue(issuer, ec.generate_private_key(ec.SECP256R1()), None)
    with pytest.raises(MalformedDocument):
        authority(root.issue(issued), root)


@pytest.mark.parametrize("chain", [(), (SIGNER,), (ROOT, SIGNER), (SIGNER, SIGNER), (SIGNER, *[ROOT] * 10)])
def test_a_chain_is_ordered_and_ends_in_a_ca(chain: tuple[Holder, ...]) -> None:
    with pytest.raises(MalformedDocument):
        TimestampAuthority(certificates=tuple(part.der for part in chain), valid=Window(start=START, end=END))


def test_a_certificate_that_cannot_be_read_is_no_authority() -> None:
    for junk in (b"", b"\x30\x00", SIGNER.der[:-1], SIGNER.der + b"\x00"):
        with pytest.raises(MalformedDocument):
            TimestampAuthority(certificates=(junk, ROOT.der), valid=Window(start=START, end=END))


def test_an_intermediate_may_stand_between() -> None:
    between = ROOT.issue(replace(AUTHORITY, subject="between", path_length=0))
    signer = between.issue(Issued())
    assert verified(Stamp(signer=signer), authority(signer, between, ROOT)) == AT


CRITICAL = der.explicit(1, der.sequence(der.oid("1.2.3"), der.boolean(value=True), der.octets(b"")))
TYPE = attribute(CONTENT_TYPE, der.oid(TST_INFO))
MALFORMED = {
    "rejected": (Stamp(status=2), "not granted"),
    "another kind of token": (Stamp(token_type="1.2.840.113549.1.7.1"), "not signed data"),
    "another version of CMS": (Stamp(cms_version=1), "not signed data"),
    "another kind of content": (Stamp(content_type="1.2.840.113549.1.7.1"), "another kind of content"),
    "another kind in its attributes": (Stamp(signed_type="1.2.840.113549.1.7.1"), "another kind of content"),
    "another version": (Stamp(version=2), "unknown version"),
    "two signers": (Stamp(signers=2), "not exactly one signer"),
    "no signers": (Stamp(signers=0), "not exactly one signer"),
    "unknown critical": (Stamp(extension=CRITICAL), "unknown critical extension"),
    "no attributes": (Stamp(attributes=()), "lacks a signed attribute"),
    "no digest": (Stamp(attributes=(TYPE,)), "lacks a signed attribute"),
    "attribute twice": (Stamp(attributes=(TYPE, TYPE)), "repeats an attribute"),
    "two values": (Stamp(attributes=(attribute(CONTENT_TYPE, der.oid(TST_INFO), der.oid("1.2")),)), "repeats"),
    "local time": (Stamp(at=b"20260115120000"), "not a timestamp response in DER"),
    "embedded junk": (Stamp(certificates=(der.sequence(),)), "not a timestamp response in DER"),
}


@pytest.mark.case("PARSE-012")
@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_token_of_another_shape_is_refused(malformed: str) -> None:
    stamp, told = MALFORMED[malformed]
    refused(stamp, told)


def test_an_extension_that_is_not_critical_is_ignored() -> None:
    known = der.explicit(1, der.sequence(der.oid("1.2.3"), der.octets(b"")))
    assert verified(Stamp(extension=known)) == AT


@pytest.mark.case("PARSE-012")
def test_only_der_is_read() -> None:
    token = token_of(Stamp())
    long_length = token[:1] + b"\x83\x00" + token[2:]
    for broken in (b"", token + b"\x00", token[:-1], der.indefinite(token), long_length, b"\x30\x84\xff\xff\xff\xff"):
        with pytest.raises(NotVerified, match="not a timestamp response in DER"):
            verify_timestamp(broken, signature=SIGNATURE, authorities=(authority(),))


@pytest.mark.case("PARSE-012")
def test_an_oversize_token_is_refused_before_it_is_read() -> None:
    huge = der.sequence(der.sequence(der.element(0x02, b"\x01" * 10 * 1024 * 1024)))
    with pytest.raises(MalformedAttestation, match=f"longer than {MAX_TOKEN_BYTES} bytes"):
        parse_token(huge)


@pytest.mark.case("PARSE-012")
def test_a_name_that_cannot_be_is_refused() -> None:
    """A BIT STRING for a common name: the library raises what is no ValueError."""
    written = ROOT.certificate.subject.public_bytes()
    token = token_of(Stamp())
    assert written in token
    broken = token.replace(written, written.replace(b"\x0c\x04root", b"\x03\x04root"))
    with pytest.raises(NotVerified, match="not a timestamp response in DER"):
        verify_timestamp(broken, signature=SIGNATURE, authorities=(authority(),))


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # as in production
@pytest.mark.parametrize("serial", [0, -1])
def test_a_signer_without_a_positive_serial_number_is_refused(serial: int) -> None:
    signer = renumbered(SIGNER, serial)
    refused(Stamp(signer=signer, certificates=(signer.der,)), "serial number", authority(ROOT))


@pytest.mark.parametrize("action", ["error", "ignore"])
def test_a_negative_serial_number_is_refused_whatever_becomes_of_warnings(action: Literal["error", "ignore"]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signer = renumbered(SIGNER, -1)
        token = token_of(Stamp(signer=signer, certificates=(signer.der,)))
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        with pytest.raises(NotVerified):
            verify_timestamp(token, signature=SIGNATURE, authorities=(authority(ROOT),))


def renumbered(holder: Holder, serial: int) -> Holder:
    """The same certificate with another serial number, issued by the root."""
    number = der.integer(holder.certificate.serial_number)
    tbs = holder.certificate.tbs_certificate_bytes
    content = tbs[4:].replace(number, der.integer(serial), 1)
    signed = der.sequence(content)
    signature = sign(ROOT.key, signed, SHA256)
    whole = der.sequence(signed, algorithm(ECDSA[SHA256]), der.bits(signature))
    return Holder(key=holder.key, certificate=x509.load_der_x509_certificate(whole))


@pytest.mark.case("PARSE-012")
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")  # of negative serial numbers
def test_a_token_changed_anywhere_is_refused_or_says_the_same() -> None:
    """No byte of a token can be changed for another time; what escapes is a refusal, never a foreign exception."""
    token, trusted = token_of(Stamp(meant=SIGNER.der, certificates=(SIGNER.der,))), (authority(),)
    for at in range(len(token)):
        changed = token[:at] + bytes([token[at] ^ (1 << at % 8)]) + token[at + 1 :]
        try:
            assert verify_timestamp(changed, signature=SIGNATURE, authorities=trusted) == AT
        except NotVerified:
            continue
