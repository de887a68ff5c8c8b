"""Signed timestamps: that a token is over this signature, by an authority of the root, within all windows."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from controller.core.errors import NotVerified
from controller.trust.timestamp import verify_timestamp
from tests.support.stamping import (
    AT,
    AUTHORITY,
    ED25519,
    END,
    ROOT,
    RSA_ENCRYPTION,
    RSA_SHA256,
    SECOND,
    SHA256,
    SHA384,
    SHA512,
    SIGNATURE,
    SIGNER,
    START,
    Issued,
    Key,
    Stamp,
    authority,
    issue,
    refused,
    token_of,
    verified,
)


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
