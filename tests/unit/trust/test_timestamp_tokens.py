"""Timestamp tokens: one form in DER, and no byte of it that can be changed."""

import pytest

from controller.core.errors import MalformedAttestation, NotVerified
from controller.trust.timestamp import verify_timestamp
from controller.trust.tsp import MAX_TOKEN_BYTES, parse_token
from tests.support import der
from tests.support.stamping import (
    AT,
    CONTENT_TYPE,
    ROOT,
    SIGNATURE,
    SIGNER,
    TST_INFO,
    Stamp,
    attribute,
    authority,
    refused,
    token_of,
    verified,
)

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
