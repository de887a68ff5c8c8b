"""Which policies are about an image, and what becomes of one that none is about."""

import pytest

from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Mode, Policy, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.reasons import Reason
from controller.core.selector import Operator, Requirement, Selector
from controller.core.workload import Form, Workload
from tests.support.evaluating import broken, only, verdict
from tests.support.facts import (
    IMAGES,
    OTHER,
    D,
    evidence,
    policies,
    policy,
    signature,
    signatures,
    workload,
)
from tests.support.keylessfacts import acceptance


def test_absent_parts_match_everything() -> None:
    assert not verdict(policies(policy(match=Match())), workload("quay.io/a/b@" + str(D)), evidence()).allowed


def test_one_of_several_namespaces_and_of_several_images_is_enough() -> None:
    several = Match(
        namespaces=(Glob.compile("prod"), Glob.compile("sho*")), images=(ImageGlob.compile("quay.io/**"), *IMAGES)
    )
    found = evidence()
    assert not verdict(policies(policy(match=several)), workload(), found).allowed
    assert verdict(policies(policy(match=several)), workload(namespace="test"), found).allowed
    assert verdict(policies(policy(match=several)), workload(f"docker.io/acme/shop@{D}"), found).allowed


@pytest.mark.case("REF-012")
def test_an_excluded_image_is_not_the_policys_business() -> None:
    match = Match(images=IMAGES, exclude_images=(ImageGlob.compile("ghcr.io/acme/shop"),))
    finding = only(verdict(policies(policy(match=match)), workload(), evidence()))
    assert finding.reason is Reason.Uncovered


@pytest.mark.case("POL-008")
def test_a_namespaced_policy_stays_in_its_namespace() -> None:
    members = policies(policy(namespace="a"))
    assert not verdict(members, workload(namespace="a"), evidence()).allowed
    assert verdict(members, workload(namespace="b"), evidence()).allowed


@pytest.mark.case("POL-006")
@pytest.mark.case("POL-019")
def test_a_namespaced_policy_loosens_nothing_and_is_told_apart() -> None:
    weaker = policy(namespace="shop", build=None, required=(signatures("release"),))
    given = verdict(policies(policy(), weaker), workload(), evidence(signature("release")))
    assert not given.allowed
    assert [str(f.policy) for f in given.findings] == ["ClusterSLSAPolicy/production", "SLSAPolicy/shop/production"]


@pytest.mark.case("POL-010")
@pytest.mark.parametrize(
    ("uncovered", "allowed", "warned"),
    [(Uncovered.ALLOW, True, False), (Uncovered.WARN, True, True), (Uncovered.DENY, False, False)],
)
def test_what_no_policy_matches_follows_the_setting_and_is_always_told(
    uncovered: Uncovered, *, allowed: bool, warned: bool
) -> None:
    given = verdict(policies(policy()), workload("quay.io/a/b:1"), None, uncovered=uncovered)
    finding = only(given)
    assert (given.allowed, finding.warns, finding.reason) == (allowed, warned, Reason.Uncovered)


@pytest.mark.case("POL-024")
@pytest.mark.parametrize("weak", [policy(mode=Mode.AUDIT), policy(namespace="shop")])
def test_neither_audit_nor_a_tenants_policy_covers(weak: Policy) -> None:
    given = verdict(policies(weak), workload(), uncovered=Uncovered.DENY)
    assert not given.allowed
    assert {f.reason for f in given.findings if f.refuses} == {Reason.Uncovered}


SELECTS_PRODUCTION = Match(
    namespace_selector=Selector((Requirement(key="tier", operator=Operator.IN, values=frozenset({"production"})),))
)


@pytest.mark.case("POL-024")
@pytest.mark.parametrize(
    ("covering", "pod"),
    [
        (PolicySet(policies=(broken(Mode.WARN, Match()),)), workload()),
        (policies(policy(mode=Mode.WARN, match=SELECTS_PRODUCTION)), workload(namespace_known=False)),
        (policies(policy(mode=Mode.WARN)), workload(f"evil.example/x@sha512:{'0' * 128}")),
        (policies(policy(match=Match(), deny=frozenset({OTHER}), build=None)), workload()),
        (policies(policy(match=Match(), tags=Tags.DENY, build=None)), workload()),
        (policies(policy(match=Match(), tags=Tags.DENY, build=None, accept=(acceptance(),))), workload()),
    ],
    ids=[
        "broken",
        "scope unknown",
        "reference malformed",
        "denies a digest only",
        "denies tags only",
        "accepts summaries for nothing",
    ],
)
def test_what_judges_no_origin_covers_nothing(covering: PolicySet, pod: Workload) -> None:
    given = verdict(covering, pod, evidence(), uncovered=Uncovered.DENY)
    assert not given.allowed
    assert Reason.Uncovered in {f.reason for f in given.findings if f.refuses}


@pytest.mark.case("POL-011")
def test_a_namespace_whose_labels_are_unknown_is_an_error_never_a_no() -> None:
    selector = Selector((Requirement(key="tier", operator=Operator.IN, values=frozenset({"production"})),))
    members = policies(policy(match=Match(namespace_selector=selector)))
    assert only(verdict(members, workload(namespace_known=False), evidence())).reason is Reason.PoliciesNotSynced
    assert verdict(members, workload(namespace_labels={"tier": "test"}), evidence()).allowed
    assert not verdict(members, workload(namespace_labels={"tier": "production"}), evidence()).allowed


@pytest.mark.case("POL-022")
def test_pod_labels_select_alike_for_pods_and_templates() -> None:
    selector = Selector((Requirement(key="app", operator=Operator.IN, values=frozenset({"web"})),))
    members = policies(policy(match=Match(pod_selector=selector)))
    for form in Form:
        assert not verdict(members, workload(form=form, labels={"app": "web"}), evidence()).allowed
        assert verdict(members, workload(form=form, labels={"app": "db"}), evidence()).allowed


@pytest.mark.parametrize(
    ("operator", "values", "labels", "holds"),
    [
        (Operator.IN, {"a"}, {"k": "a"}, True),
        (Operator.IN, {"a"}, {}, False),
        (Operator.NOT_IN, {"a"}, {"k": "a"}, False),
        (Operator.NOT_IN, {"a"}, {}, True),
        (Operator.EXISTS, set(), {"k": ""}, True),
        (Operator.EXISTS, set(), {}, False),
        (Operator.DOES_NOT_EXIST, set(), {}, True),
        (Operator.DOES_NOT_EXIST, set(), {"k": "a"}, False),
    ],
)
def test_selector_operators_mean_what_they_mean_in_kubernetes(
    operator: Operator, values: set[str], labels: dict[str, str], *, holds: bool
) -> None:
    assert Selector((Requirement(key="k", operator=operator, values=frozenset(values)),)).matches(labels) is holds


def test_namespace_names_are_globs() -> None:
    members = policies(policy(match=Match(namespaces=(Glob.compile("pay-*"),))))
    assert not verdict(members, workload(namespace="pay-in"), evidence()).allowed
    assert verdict(members, workload(namespace="shop"), evidence()).allowed
