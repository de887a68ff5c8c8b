"""The policy store: what names lead to, what is broken without it, and when a change shows."""

from dataclasses import FrozenInstanceError

import pytest

from controller.core.errors import MalformedPolicy
from controller.core.matchers import KeyMatcher
from controller.core.policy import BrokenPolicy, Mode, Policy
from controller.engine.linking import Snapshot
from controller.engine.policies import PolicyStore
from controller.trust.keys import parse_public_key
from controller.wire.policy import KINDS
from tests.support.objects import Document, builder, document, named_key, new_pem, policy, root

PEM, OTHER_PEM = new_pem(), new_pem()
ACME = root("acme", {"name": "release", "pem": PEM}, {"name": "other", "pem": OTHER_PEM})
SIGNED = policy(require={"signatures": [{"signers": [named_key()]}]})
BUILT = policy(require={"buildLevel": 3, "builders": ["reusable"]})


def store(*sources: Document) -> PolicyStore:
    made = PolicyStore()
    for kind in KINDS:
        made.replace(kind, [one for one in sources if one["kind"] == kind])
    return made


def snapshot(made: PolicyStore) -> Snapshot:
    current = made.current()
    assert current is not None
    return current


def only(made: PolicyStore) -> Policy | BrokenPolicy:
    (found,) = snapshot(made).policies.policies
    return found


def told(found: object) -> dict[str, str]:
    assert isinstance(found, BrokenPolicy), found
    return {one.path: one.message for one in found.problems}


def test_nothing_is_in_force_before_every_kind_was_loaded() -> None:
    made = PolicyStore()
    for kind in KINDS:
        assert made.current() is None
        made.apply(policy())
        made.replace(kind, [])
    assert made.current() is not None


def test_a_policy_finds_its_key() -> None:
    made = store(ACME, SIGNED)
    found = only(made)
    assert isinstance(found, Policy)
    assert found.require is not None
    (matcher,) = found.require.signatures[0].signers
    assert isinstance(matcher, KeyMatcher)
    assert (matcher.trust_root, matcher.key) == ("acme", parse_public_key(PEM).fingerprint)
    assert snapshot(made).problems == {}
    assert set(snapshot(made).roots.roots) == {"acme"}


def test_a_policy_finds_its_builder_and_the_builder_its_key() -> None:
    made = store(ACME, BUILT, builder())
    assert isinstance(only(made), Policy)
    assert set(snapshot(made).policies.builders) == {"reusable"}


def test_an_inline_key_has_a_root_of_its_own() -> None:
    inline = {"publicKey": {"pem": PEM}}
    made = store(ACME, policy(require={"signatures": [{"signers": [inline, named_key()], "threshold": 2}]}))
    found = only(made)
    assert isinstance(found, Policy)
    assert found.require is not None
    fingerprint = parse_public_key(PEM).fingerprint
    roots = [matcher.trust_root for matcher in found.require.signatures[0].signers]
    assert roots == [f"pem:{fingerprint}", "acme"]
    assert {getattr(matcher, "key", None) for matcher in found.require.signatures[0].signers} == {fingerprint}
    assert snapshot(made).roots.roots[f"pem:{fingerprint}"].keys[0].key.fingerprint == fingerprint


def test_a_builder_may_bring_its_key() -> None:
    made = store(builder(signers=[{"publicKey": {"pem": PEM}}]), BUILT)
    assert isinstance(only(made), Policy)
    assert set(snapshot(made).roots.roots) == {f"pem:{parse_public_key(PEM).fingerprint}"}


@pytest.mark.case("KEY-016")
def test_two_names_of_one_key_lead_to_the_same_key() -> None:
    twice = root("acme", {"name": "a", "pem": PEM}, {"name": "b", "pem": PEM})
    signers = [named_key("a"), named_key("b")]
    found = only(store(twice, policy(require={"signatures": [{"signers": signers, "threshold": 2}]})))
    assert isinstance(found, Policy)
    assert found.require is not None
    assert len({getattr(matcher, "key", None) for matcher in found.require.signatures[0].signers}) == 1


@pytest.mark.case("POL-001")
def test_a_missing_root_breaks_the_policy() -> None:
    found = only(store(SIGNED))
    assert told(found) == {
        "spec.require.signatures[0].signers[0].publicKey.trustRoot": (
            "there is no TrustRoot acme: apply it, or correct the name"
        )
    }
    assert found.mode is Mode.ENFORCE


@pytest.mark.case("POL-001")
def test_a_missing_key_breaks_the_policy() -> None:
    source = policy(require={"signatures": [{"signers": [named_key(), named_key("nope")]}]})
    path = "spec.require.signatures[0].signers[1].publicKey.name"
    assert told(only(store(ACME, source))) == {path: "TrustRoot acme has no key nope: it has other, release"}


@pytest.mark.case("POL-001")
def test_a_broken_root_breaks_what_names_it() -> None:
    made = store(root("acme", {"name": "release", "pem": "x"}), builder(), SIGNED)
    assert "is broken" in next(iter(told(only(made)).values()))
    assert set(snapshot(made).problems) == {"TrustRoot/acme", "TrustedBuilder/reusable", "ClusterSLSAPolicy/production"}
    assert snapshot(made).roots.roots == {}
    assert snapshot(made).policies.builders == {}


@pytest.mark.case("SIGN-030")
def test_a_deleted_builder_breaks_the_policy_that_names_it() -> None:
    made = store(ACME, BUILT, builder())
    assert isinstance(only(made), Policy)
    made.remove("TrustedBuilder", "", "reusable")
    assert told(only(made)) == {
        "spec.require.builders[0]": "there is no TrustedBuilder reusable: apply it, or correct the name"
    }


def test_a_builder_whose_root_is_missing_breaks_the_policy_that_names_it() -> None:
    made = store(BUILT, builder())
    assert set(told(only(made))) == {"spec.require.builders[0]"}
    (problem,) = snapshot(made).problems["TrustedBuilder/reusable"]
    assert problem.path == "spec.signers[0].publicKey.trustRoot"


@pytest.mark.case("POL-026")
def test_things_may_be_applied_in_any_order() -> None:
    made = store(BUILT)
    assert isinstance(only(made), BrokenPolicy)
    made.apply(builder())
    assert isinstance(only(made), BrokenPolicy)
    made.apply(ACME)
    assert isinstance(only(made), Policy)
    assert snapshot(made).problems == {}


@pytest.mark.case("POL-023")
def test_a_key_that_disappears_from_its_root_disappears_from_what_is_believed() -> None:
    made = store(ACME, SIGNED)
    before = snapshot(made).roots.revision
    made.apply(root("acme", {"name": "other", "pem": OTHER_PEM}))
    assert snapshot(made).roots.revision != before
    assert snapshot(made).roots.roots["acme"].named("release") is None
    assert isinstance(only(made), BrokenPolicy)


BAD_PEMS = {
    "two keys": PEM + OTHER_PEM,
    "junk after the block": PEM + "junk",
    "no key": "x",
    "a certificate": PEM.replace("PUBLIC KEY", "CERTIFICATE"),
}


@pytest.mark.case("KEY-015")
@pytest.mark.parametrize("pem", BAD_PEMS.values(), ids=list(BAD_PEMS))
def test_a_bad_pem_breaks_the_root_at_its_path(pem: str) -> None:
    made = store(root("acme", {"name": "release", "pem": PEM}, {"name": "bad", "pem": pem}), SIGNED)
    (problem,) = snapshot(made).problems["TrustRoot/acme"]
    assert problem.path == "spec.keys[1].pem"
    assert isinstance(only(made), BrokenPolicy)


@pytest.mark.case("POL-001")
def test_a_bad_inline_pem_breaks_the_policy_or_builder_that_brings_it() -> None:
    inline = [{"publicKey": {"pem": "x"}}]
    made = store(policy(require={"signatures": [{"signers": inline}]}), builder(signers=inline))
    assert set(told(only(made))) == {"spec.require.signatures[0].signers[0].publicKey.pem"}
    assert snapshot(made).problems["TrustedBuilder/reusable"][0].path == "spec.signers[0].publicKey.pem"
    assert snapshot(made).roots.roots == {}


@pytest.mark.case("POL-019")
def test_equal_names_of_two_kinds_are_told_apart() -> None:
    made = store(policy("x"), policy("x", namespace="shop"), policy("x", namespace="pay"))
    names = [str(one.name) for one in snapshot(made).policies.policies]
    assert names == ["ClusterSLSAPolicy/x", "SLSAPolicy/pay/x", "SLSAPolicy/shop/x"]
    made.remove("SLSAPolicy", "shop", "x")
    assert len(snapshot(made).policies.policies) == 2


@pytest.mark.case("POL-012")
def test_a_snapshot_stays_as_it_was() -> None:
    made = store(policy("a"))
    before = snapshot(made)
    made.remove("ClusterSLSAPolicy", "", "a")
    assert len(before.policies.policies) == 1
    assert snapshot(made).policies.policies == ()
    with pytest.raises(FrozenInstanceError):
        before.policies = snapshot(made).policies  # type: ignore[misc]


@pytest.mark.case("POL-013")
def test_an_edit_is_in_force_at_once() -> None:
    made = store(policy("a", mode="Audit"))
    assert only(made).mode is Mode.AUDIT
    made.apply(policy("a", mode="Enforce"))
    assert only(made).mode is Mode.ENFORCE


def versioned(source: Document, version: str, uid: str = "u") -> Document:
    metadata = {**source["metadata"], "uid": uid, "resourceVersion": version}
    return {**source, "metadata": metadata}


def test_an_object_is_compiled_once_per_version() -> None:
    made = store(versioned(policy("a", mode="Audit"), "1"))
    seen_again = versioned(policy("a", mode="Enforce"), "1")  # no API server does this: it shows what was looked at
    made.apply(seen_again)
    made.replace("ClusterSLSAPolicy", [seen_again])
    assert only(made).mode is Mode.AUDIT
    made.apply(versioned(policy("a", mode="Warn"), "2"))
    assert only(made).mode is Mode.WARN
    made.apply(versioned(policy("a", mode="Enforce"), "2", uid="another"))
    assert only(made).mode is Mode.ENFORCE


def test_an_object_without_a_version_is_compiled_anew() -> None:
    source = policy("a", mode="Audit")
    made = store(source)
    source["spec"]["mode"] = "Enforce"
    made.apply(source)
    assert only(made).mode is Mode.ENFORCE


def test_duplicates_change_nothing() -> None:
    made = store(policy("a"))
    with pytest.raises(MalformedPolicy, match="there twice"):
        made.replace("ClusterSLSAPolicy", [policy("b"), policy("b")])
    assert str(only(made).name) == "ClusterSLSAPolicy/a"


def test_objects_of_another_kind_change_nothing() -> None:
    made = store(policy("a"))
    with pytest.raises(MalformedPolicy):
        made.replace("ClusterSLSAPolicy", [builder()])
    with pytest.raises(MalformedPolicy):
        made.apply(document("Pod", "a", {}))
    assert str(only(made).name) == "ClusterSLSAPolicy/a"


def test_removing_what_is_not_there_is_no_error() -> None:
    made = store()
    made.remove("TrustRoot", "", "a")
    assert snapshot(made).problems == {}


@pytest.mark.slow
def test_a_thousand_policies_are_compiled_and_linked() -> None:
    sources = [
        policy(
            f"p{number}",
            match={"images": ["ghcr.io/acme/*"], "namespaces": {"names": [f"team-{number}"]}},
            require={
                "buildLevel": 3,
                "builders": ["reusable"],
                "sources": [{"repositories": ["https://github.com/acme/{1}"], "refs": ["refs/tags/v*"]}],
                "signatures": [{"signers": [named_key(), {"publicKey": {"pem": PEM}}]}],
            },
        )
        for number in range(1000)
    ]
    made = store(ACME, builder(), *sources)
    found = snapshot(made)
    assert len(found.policies.policies) == 1000
    assert found.problems == {}
