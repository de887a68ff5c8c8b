"""Until when a trust root verifies anything."""

from datetime import UTC, datetime

from controller.engine.expiry import root_expiries
from controller.engine.policies import PolicyStore
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
