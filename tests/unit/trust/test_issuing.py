"""Certificates that Navicert makes: a verifier that knows nothing of ours believes them for as long as it should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from controller.core.errors import MalformedDocument
from controller.trust.issuing import (
    CLOCK_SKEW,
    MAX_AUTHORITIES,
    KeyPair,
    authorities,
    issue_authority,
    issue_server,
    serves,
    validity_of,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
YEAR, QUARTER = timedelta(days=365), timedelta(days=90)
NAMES = ("navicert.navicert-system.svc", "navicert.navicert-system")
AUTHORITY = issue_authority("navicert authority", now=NOW, lifetime=YEAR)
SERVER = issue_server(AUTHORITY, NAMES, now=NOW, lifetime=QUARTER)


def believed(server: KeyPair, authority: bytes, *, name: str = NAMES[0], at: datetime = NOW) -> bool:
    store = Store(x509.load_pem_x509_certificates(authority))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(name))
    try:
        verifier.verify(x509.load_pem_x509_certificate(server.certificate), [])
    except VerificationError:
        return False
    return True


def test_a_server_certificate_is_believed_for_each_name_and_no_other() -> None:
    assert all(believed(SERVER, AUTHORITY.certificate, name=name) for name in NAMES)
    assert not believed(SERVER, AUTHORITY.certificate, name="navicert.other.svc")
    assert serves(SERVER, AUTHORITY.certificate, NAMES)
    assert not serves(SERVER, AUTHORITY.certificate, (*NAMES, "navicert.other.svc"))


def test_it_is_believed_from_a_little_before_until_its_end() -> None:
    assert believed(SERVER, AUTHORITY.certificate, at=NOW - CLOCK_SKEW)
    assert believed(SERVER, AUTHORITY.certificate, at=NOW + QUARTER)
    assert not believed(SERVER, AUTHORITY.certificate, at=NOW + QUARTER + timedelta(seconds=1))
    assert validity_of(SERVER).share(NOW + QUARTER) == 1.0


def test_it_ends_no_later_than_its_authority() -> None:
    late = issue_server(AUTHORITY, NAMES, now=NOW + YEAR - timedelta(days=1), lifetime=QUARTER)
    assert validity_of(late).not_after == validity_of(AUTHORITY).not_after


def test_another_authority_of_the_same_name_did_not_issue_it() -> None:
    other = issue_authority("navicert authority", now=NOW, lifetime=YEAR)
    assert not serves(SERVER, other.certificate, NAMES)
    assert not believed(SERVER, other.certificate)
    assert believed(SERVER, other.certificate + AUTHORITY.certificate)


@pytest.mark.parametrize(
    "broken",
    [
        KeyPair(certificate=SERVER.certificate, key=AUTHORITY.key),
        KeyPair(certificate=b"", key=SERVER.key),
        KeyPair(certificate=SERVER.certificate, key=b"nonsense"),
        KeyPair(certificate=b"\xff" * 100, key=SERVER.key),
    ],
    ids=["another key", "no certificate", "no key", "bytes"],
)
def test_what_is_no_pair_is_malformed(broken: KeyPair) -> None:
    with pytest.raises(MalformedDocument):
        validity_of(broken)


def test_a_bundle_gives_each_living_authority_once() -> None:
    old = issue_authority("old", now=NOW - YEAR, lifetime=YEAR)
    bundle = AUTHORITY.certificate + old.certificate + AUTHORITY.certificate
    assert authorities(bundle, now=NOW - timedelta(seconds=1)) == (AUTHORITY.certificate, old.certificate)
    assert authorities(bundle, now=NOW) == (AUTHORITY.certificate,)


@pytest.mark.parametrize("bundle", [b"", b"nonsense", AUTHORITY.certificate * (MAX_AUTHORITIES + 1)])
def test_a_bundle_that_is_none_is_malformed(bundle: bytes) -> None:
    with pytest.raises(MalformedDocument):
        authorities(bundle, now=NOW)
