"""Planning certificates: what is done when, and that nobody is ever refused for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.reconcile.certificates import AUTHORITY_LIFETIME, Certificates, Step, expiry, plan, take
from controller.trust.issuing import authorities, issue_authority, serves, validity_of

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = ("navicert.navicert-system.svc",)
Announced = tuple[bytes, ...]


def settled(held: Certificates, now: datetime, announced: Announced = ()) -> Certificates:
    """Every step of the plan taken, with the same bundles announced throughout."""
    for _ in range(5):
        step = plan(held, names=NAMES, announced=announced, now=now)
        if step is None:
            return held
        held = take(step, held, names=NAMES, now=now)
    raise AssertionError("the plan has no end")


FRESH = settled(Certificates(), NOW)


def test_from_nothing_there_is_an_authority_and_what_it_issued() -> None:
    assert FRESH.authority is not None
    assert FRESH.serving is not None
    assert FRESH.bundle == FRESH.served_bundle == FRESH.authority.certificate
    assert serves(FRESH.serving, FRESH.authority.certificate, NAMES)
    assert set(expiry(FRESH)) == {"authority", "serving"}


def test_nothing_is_done_while_all_is_well() -> None:
    for days in (0, 30, 59):
        assert plan(FRESH, names=NAMES, announced=(FRESH.bundle,), now=NOW + timedelta(days=days)) is None


def test_a_clock_that_was_set_back_renews_nothing() -> None:
    assert plan(FRESH, names=NAMES, announced=(FRESH.bundle,), now=NOW - timedelta(days=2)) is None


def test_a_certificate_is_renewed_after_two_thirds_of_its_life() -> None:
    renewed = plan(FRESH, names=NAMES, announced=(FRESH.bundle,), now=NOW + timedelta(days=61))
    assert renewed is Step.NEW_CERTIFICATE


@pytest.mark.parametrize("broken", [b"", b"nonsense"])
def test_a_certificate_that_is_unreadable_or_for_other_names_is_made_anew(broken: bytes) -> None:
    assert FRESH.serving is not None
    unreadable = replace(FRESH, serving=replace(FRESH.serving, key=broken))
    assert plan(unreadable, names=NAMES, announced=(FRESH.bundle,), now=NOW) is Step.NEW_CERTIFICATE
    other = plan(FRESH, names=(*NAMES, "other.svc"), announced=(FRESH.bundle,), now=NOW)
    assert other is Step.NEW_CERTIFICATE


@pytest.mark.case("OPS-005")
def test_a_new_authority_issues_nothing_before_every_configuration_announces_it() -> None:
    later = NOW + AUTHORITY_LIFETIME * 0.7
    held = settled(FRESH, NOW + timedelta(days=200), (FRESH.bundle,))
    assert plan(held, names=NAMES, announced=(held.bundle,), now=later) is Step.NEW_AUTHORITY
    rotated = take(Step.NEW_AUTHORITY, held, names=NAMES, now=later)
    assert FRESH.authority is not None
    assert len(authorities(rotated.bundle, now=later)) == 2
    assert settled(rotated, later, (held.bundle,)).serving == held.serving
    assert settled(rotated, later, (rotated.bundle, held.bundle)).serving == held.serving
    assert settled(rotated, later, (rotated.bundle, b"")).serving == held.serving
    finished = settled(rotated, later, (rotated.bundle,))
    assert finished.serving is not None
    assert finished.authority is not None
    assert serves(finished.serving, finished.authority.certificate, NAMES)
    assert FRESH.authority.certificate in authorities(finished.bundle, now=later)


def test_a_lost_authority_leaves_what_it_issued_vouched_for() -> None:
    lost = replace(FRESH, authority=None, bundle=b"")
    following = take(Step.NEW_AUTHORITY, lost, names=NAMES, now=NOW)
    assert FRESH.authority is not None
    assert FRESH.authority.certificate in authorities(following.bundle, now=NOW)


def test_a_stranger_s_authority_in_a_bundle_is_kept_out_of_issuing() -> None:
    stranger = issue_authority("stranger", now=NOW, lifetime=AUTHORITY_LIFETIME)
    assert plan(FRESH, names=NAMES, announced=(stranger.certificate,), now=NOW) is None
    gone = replace(FRESH, serving=None, served_bundle=b"")
    assert plan(gone, names=NAMES, announced=(stranger.certificate,), now=NOW) is None


@pytest.mark.case("OPS-005")
def test_over_four_years_whoever_serves_late_is_believed_by_whoever_announces_late() -> None:
    """Replicas serve what was there up to ten days ago, and the API server goes by what was there five days ago."""
    held = settled(Certificates(), NOW)
    past = [held]
    authorities_seen = set()
    for days in range(0, 4 * 365, 5):
        now = NOW + timedelta(days=days)
        announced = past[-1].bundle
        step = plan(held, names=NAMES, announced=(announced,), now=now)
        held = take(step, held, names=NAMES, now=now) if step else held
        for served in (*past[-2:], held):
            assert served.serving is not None
            assert now < validity_of(served.serving).not_after
            assert any(serves(served.serving, one, NAMES) for one in authorities(announced, now=now))
        past = [*past[-2:], held]
        assert len(authorities(held.bundle, now=now)) <= 2
        assert held.authority is not None
        authorities_seen.add(held.authority.certificate)
    assert len(authorities_seen) == 6
