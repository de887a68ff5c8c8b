"""What the door says: refused is what no other object can mend, told is the rest."""

from datetime import UTC, datetime, timedelta

import pytest

from controller.core.errors import Problem
from controller.engine.admissibility import Review, review_object
from controller.engine.linking import Snapshot
from controller.engine.policies import PolicyStore
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.objects import Document, builder, document, exception, named_key, policy

NOW = datetime(2026, 10, 15, tzinfo=UTC)
SIGNED = policy(match={"images": objects.IMAGES}, require={"signatures": [{"signers": [named_key()]}]})


def snapshot(*sources: Document) -> Snapshot:
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in sources if one["kind"] == kind])
    found = store.current()
    assert found is not None
    return found


def review(source: Document, *there: Document, now: datetime = NOW) -> Review:
    return review_object(source, snapshot(*there), now=now)


def paths(problems: tuple[Problem, ...]) -> list[str]:
    return [one.path for one in problems]


@pytest.mark.case("POL-026")
def test_a_name_that_is_not_there_is_a_warning() -> None:
    found = review(SIGNED)
    assert found.problems == ()
    assert paths(found.warnings) == ["spec.require.signatures[0].signers[0].publicKey.trustRoot"]
    assert review(SIGNED, objects.root()) == Review()
    assert review_object(SIGNED, None, now=NOW) == Review()


@pytest.mark.case("POL-001")
def test_problems_refuse_and_names_are_told_besides() -> None:
    inline = {"publicKey": {"pem": "x"}}
    source = policy(mode="x", require={"builders": ["nope"], "signatures": [{"signers": [inline]}]})
    found = review(source)
    assert paths(found.problems) == ["spec.mode", "spec.require.signatures[0].signers[0].publicKey.pem"]
    assert paths(found.warnings) == ["spec.require.builders[0]"]


@pytest.mark.case("POL-005")
@pytest.mark.parametrize("source", [policy(imagse=["**"]), builder(signer=[]), exception(tiket="x")])
def test_a_misspelt_field_refuses(source: Document) -> None:
    assert any("no such field" in one.message for one in review(source).problems)


def test_advice_is_a_warning_and_only_on_what_is_sound() -> None:
    assert "spec.match.images" in paths(review(policy()).warnings)
    assert review(policy(mode="Enforc")).warnings == ()


@pytest.mark.parametrize(
    "source", [{}, {"kind": "Pod"}, {**policy(), "metadata": {}}, {**policy(), "apiVersion": "v1"}]
)
def test_what_can_not_be_told_is_refused(source: Document) -> None:
    assert review(source).problems


@pytest.mark.case("EXC-005")
def test_an_exception_reaches_no_further_than_the_maximum_from_its_creation() -> None:
    def problems(expires: str, created: str | None = None, *, days: int = 90) -> list[str]:
        source = exception(expires=expires)
        source["metadata"] |= {} if created is None else {"creationTimestamp": created}
        return paths(review_object(source, None, now=NOW, longest_exception=timedelta(days=days)).problems)

    assert problems("2027-01-13T00:00:00Z") == []
    assert problems("2027-01-13T00:00:01Z") == ["spec.expires"]
    assert problems("2026-12-31T00:00:00Z", "2026-10-02T00:00:00Z") == []
    assert problems("2026-12-31T00:00:01Z", "2026-10-02T00:00:00Z") == ["spec.expires"]
    assert problems("2026-10-20T00:00:00Z", days=1) == ["spec.expires"]


def test_an_exception_that_has_passed_is_told() -> None:
    late = datetime(2026, 12, 31, tzinfo=UTC)
    source = exception(images=["ghcr.io/acme/old@sha256:" + "2" * 64])
    both = (policy("production"), policy("own", namespace="shop"))
    assert paths(review(source, *both, now=late).warnings) == ["spec.expires"]
    assert review(source, *both, now=late - timedelta(seconds=1)) == Review()


@pytest.mark.case("EXC-008")
def test_an_exception_for_a_policy_that_is_not_there_is_told() -> None:
    assert "spec.policies[1]" in paths(review(exception(), policy("production")).warnings)


def test_a_time_root_that_is_not_there_is_told() -> None:
    source = document("TrustRoot", "acme", {**objects.ROOT})
    assert paths(review(source).warnings) == ["spec.timeRoot"]
    public = document("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}})
    assert review(source, public) == Review()
