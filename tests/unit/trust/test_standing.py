"""When a root's key counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.core.errors import NotVerified
from controller.trust.root import RootKey, TrustRoot
from controller.trust.standing import standing_of
from tests.support.foundry import SigningKey

KEY = SigningKey()
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SIGNED = NOW - timedelta(days=30)
SECOND = timedelta(seconds=1)


def counting(*entries: RootKey, times: tuple[datetime, ...] = ()) -> str:
    """The name of the entry that the key counts under."""
    root = TrustRoot(name="acme", keys=entries)
    return standing_of(root, KEY.entry().key, times=times, now=NOW).name


@pytest.mark.case("KEY-010")
@pytest.mark.case("KEY-012")
@pytest.mark.case("KEY-014")
@pytest.mark.parametrize(
    "window",
    [
        {},
        {"not_before": SIGNED},
        {"not_after": SIGNED},
        {"not_before": SIGNED, "not_after": SIGNED},
        {"revoked_at": SIGNED + SECOND},
    ],
)
def test_at_a_verified_time_inside_its_window_a_key_counts_whatever_the_time_is_now(window: Any) -> None:
    assert counting(KEY.entry("release", **window), times=(SIGNED,)) == "release"


@pytest.mark.case("KEY-013")
@pytest.mark.case("KEY-014")
@pytest.mark.parametrize(
    "window",
    [
        {"not_before": SIGNED + SECOND},
        {"not_after": SIGNED - SECOND},
        {"revoked_at": SIGNED},
        {"revoked_at": SIGNED - SECOND},
    ],
)
@pytest.mark.parametrize("others", [(), (NOW,), (SIGNED - timedelta(days=1), SIGNED + SECOND)], ids=len)
def test_a_verified_time_outside_its_window_refuses_whatever_other_times_there_are(
    window: Any, others: tuple[datetime, ...]
) -> None:
    with pytest.raises(NotVerified, match="key release of acme"):
        counting(KEY.entry("release", **window), times=(SIGNED, *others))


@pytest.mark.case("KEY-011")
@pytest.mark.parametrize(
    "window",
    [
        {"not_before": NOW + SECOND},
        {"not_after": NOW - SECOND},
        {"revoked_at": NOW - SECOND},
        {"revoked_at": NOW},
        {"revoked_at": NOW + timedelta(days=365)},
    ],
)
def test_without_a_verified_time_now_counts_and_a_revoked_key_never_does(window: Any) -> None:
    with pytest.raises(NotVerified, match="no verified time shows"):
        counting(KEY.entry("release", **window))
    assert counting(KEY.entry("release", not_before=NOW, not_after=NOW)) == "release"


def test_revoked_under_one_name_is_revoked_under_all() -> None:
    entries = (KEY.entry("a"), KEY.entry("b", revoked_at=SIGNED))
    with pytest.raises(NotVerified, match="key b of acme was revoked"):
        counting(*entries, times=(SIGNED,))
    assert counting(*entries, times=(SIGNED - SECOND,)) == "a"


def test_one_of_two_windows_of_a_key_suffices() -> None:
    entries = (KEY.entry("old", not_after=SIGNED - SECOND), KEY.entry("renewed", not_before=SIGNED))
    assert counting(*entries, times=(SIGNED,)) == "renewed"
    with pytest.raises(NotVerified, match="key old of acme or key renewed of acme is not valid"):
        counting(*entries, times=(SIGNED, SIGNED - timedelta(hours=1)))


def test_a_key_that_the_root_does_not_list_never_counts() -> None:
    with pytest.raises(NotVerified):
        counting(SigningKey().entry("another"), times=(SIGNED,))
