"""Until when a trust root verifies anything."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from controller.engine.expiry import OLD, aging, root_expiries
from controller.engine.policies import PolicyStore
from controller.trust.keys import parse_public_key
from controller.trust.root import PUBLIC_GOOD_DAY, RootKey, TrustRoot, public_good
from controller.wire.policy import KINDS
from tests.support import objects

EARLY, LATE = "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"


def key(name: str, **window: str) -> dict[str, str]:
    return {"name": name, "pem": objects.new_pem(), **window}


def test_a_root_lasts_as_long_as_its_last_key_and_one_without_end_for_ever() -> None:
    store = PolicyStore()
    assert root_expiries(store.current()) == {}
    for kind in KINDS:
        store.replace(kind, [])
    store.apply(objects.root("ending", key("a", notAfter=EARLY), key("b", notAfter=LATE)))
    store.apply(objects.root("revoked", key("a", notAfter=LATE, revokedAt=EARLY)))
    store.apply(objects.root("open", key("a", notAfter=EARLY), key("b")))
    store.apply(objects.document("TrustRoot", "public", {"sigstore": {"publicGood": {}}}))
    expiries = dict(root_expiries(store.current()))
    assert expiries.pop("public") > datetime(2027, 1, 1, tzinfo=UTC)
    assert expiries == {
        "ending": datetime(2028, 1, 1, tzinfo=UTC),
        "revoked": datetime(2027, 1, 1, tzinfo=UTC),
    }


TAKEN = datetime.combine(PUBLIC_GOOD_DAY, time(), UTC)
DAY = timedelta(days=1)


def test_a_snapshot_that_nothing_refreshes_is_warned_of_when_it_is_old() -> None:
    root = TrustRoot(name="sigstore", sigstore=public_good())
    assert aging(root, TAKEN + OLD) == ()
    (warning,) = aging(root, TAKEN + OLD + DAY)
    assert f"this snapshot of {PUBLIC_GOOD_DAY}" in warning
    assert aging(replace(root, stale_at=TAKEN), TAKEN + OLD + DAY) == ()


def test_a_root_is_warned_of_before_its_last_key_ends() -> None:
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    root = TrustRoot(name="keys", keys=(RootKey(name="a", key=parse_public_key(objects.new_pem()), not_after=ends),))
    assert aging(root, ends - OLD) == ()
    assert aging(root, ends - OLD + DAY) == ("its last key or authority holds until 2027-01-01T00:00:00Z",)
