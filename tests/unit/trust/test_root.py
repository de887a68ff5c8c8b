"""Trust roots: when a key counts, and when anything about them changed."""

from datetime import UTC, datetime, timedelta

import pytest

from controller.core.errors import NotVerified
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoot, TrustRoots
from tests.support.foundry import SigningKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = SigningKey()
PUBLIC = parse_public_key(KEY.pem)


def root(*keys: RootKey) -> TrustRoot:
    return TrustRoot(name="acme", keys=keys)


@pytest.mark.case("KEY-014")
@pytest.mark.parametrize("entry", [KEY.entry(not_before=NOW), KEY.entry(not_after=NOW)])
def test_the_window_is_closed_at_both_ends(entry: RootKey) -> None:
    assert root(entry).entry_of(PUBLIC, now=NOW) is entry


@pytest.mark.case("KEY-014")
@pytest.mark.parametrize("entry", [KEY.entry(not_before=NOW + SECOND), KEY.entry(not_after=NOW - SECOND)])
def test_outside_its_window_a_key_does_not_count(entry: RootKey) -> None:
    with pytest.raises(NotVerified, match=r"not valid yet|no longer valid"):
        root(entry).entry_of(PUBLIC, now=NOW)


@pytest.mark.case("KEY-013")
@pytest.mark.parametrize("moment", [NOW - SECOND, NOW, NOW + SECOND])
def test_a_revoked_key_does_not_count_without_a_verified_time(moment: datetime) -> None:
    with pytest.raises(NotVerified, match="key release of acme was revoked"):
        root(KEY.entry(revoked_at=moment)).entry_of(PUBLIC, now=NOW)


def test_revoked_under_one_name_is_revoked_under_all() -> None:
    with pytest.raises(NotVerified, match="key old of acme was revoked"):
        root(KEY.entry("new"), KEY.entry("old", revoked_at=NOW)).entry_of(PUBLIC, now=NOW)


def test_one_of_two_windows_of_a_key_suffices() -> None:
    valid = KEY.entry("second", not_before=NOW)
    assert root(KEY.entry("first", not_after=NOW - SECOND), valid).entry_of(PUBLIC, now=NOW) is valid


def test_a_key_that_the_root_does_not_list_never_counts() -> None:
    with pytest.raises(NotVerified):
        root().entry_of(PUBLIC, now=NOW)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        KEY.entry(not_after=datetime(2026, 3, 1))  # noqa: DTZ001 - the defect


def test_the_revision_changes_with_everything_that_decides() -> None:
    other = SigningKey()
    entries = [
        KEY.entry(),
        KEY.entry("other"),
        other.entry(),
        KEY.entry(not_before=NOW),
        KEY.entry(not_after=NOW),
        KEY.entry(revoked_at=NOW),
    ]
    revisions = {TrustRoots(roots={"acme": root(entry)}).revision for entry in entries}
    assert len(revisions) == len(entries)


def test_the_revision_does_not_depend_on_order() -> None:
    first, second = KEY.entry("a"), SigningKey().entry("b")
    assert root(first, second).revision == root(second, first).revision


def test_keys_are_found_by_name() -> None:
    entry = KEY.entry("release")
    assert root(entry).named("release") is entry
    assert root(entry).named("Release") is None
