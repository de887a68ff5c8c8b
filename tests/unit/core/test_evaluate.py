"""Policies on one image: modes, tags, scope, ignorance."""

from dataclasses import replace

import pytest

from controller.core.evaluate import needs_evidence, select
from controller.core.evidence import Evidence
from controller.core.match import Applies, Match
from controller.core.policy import Mode, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.reasons import Outcome, Reason
from controller.core.selector import Operator, Requirement, Selector
from controller.core.verdict import Finding, Verdict, conclude
from controller.core.workload import Form
from tests.support.evaluating import DOWN, GOOD, TAGGED, broken, only, verdict
from tests.support.facts import (
    OTHER,
    PINNED,
    D,
    builder,
    evidence,
    judge_image,
    policies,
    policy,
    provenance,
    signatures,
    workload,
)


def test_the_base_situation_is_admitted() -> None:
    given = verdict(policies(policy()), workload())
    assert given.allowed
    assert given.code == 200
    assert only(given).reason is Reason.Satisfied


def test_a_failed_enforce_policy_refuses_with_403_and_ignorance_with_503() -> None:
    assert verdict(policies(policy()), workload(), evidence()).code == 403
    assert verdict(policies(policy()), workload(), DOWN).code == 503


@pytest.mark.case("SET-011")
def test_facts_that_satisfy_satisfy_whatever_else_could_not_be_found_out() -> None:
    assert verdict(policies(policy()), workload(), replace(GOOD, gaps=DOWN.gaps)).allowed


@pytest.mark.case("SET-012")
def test_facts_that_do_not_satisfy_are_an_error_while_something_is_unknown() -> None:
    junk = evidence(provenance(key="person"), gaps=DOWN.gaps)
    finding = only(verdict(policies(policy()), workload(), junk))
    assert (finding.outcome, finding.reason) == (Outcome.ERROR, Reason.RegistryUnavailable)


@pytest.mark.case("REG-008")
def test_an_image_that_is_not_there_fails() -> None:
    finding = only(verdict(policies(policy()), workload(), Evidence(digest=None, found=False)))
    assert finding.reason is Reason.ImageNotFound


@pytest.mark.case("POL-025")
def test_a_denied_digest_is_refused_whatever_it_carries() -> None:
    denying = policy(deny=frozenset({D}))
    assert only(verdict(policies(denying), workload())).reason is Reason.Denied
    assert only(verdict(policies(denying), workload(), DOWN)).reason is Reason.Denied
    assert (
        only(verdict(policies(policy(deny=frozenset({D}), tags=Tags.ALLOW)), workload(TAGGED))).reason is Reason.Denied
    )
    assert verdict(policies(policy(deny=frozenset({OTHER}))), workload()).allowed


@pytest.mark.case("SET-015")
def test_all_policies_apply_and_the_unsatisfied_one_is_named() -> None:
    signed = policy("signed", build=None, required=(signatures("security"),))
    given = verdict(policies(policy(), signed), workload())
    assert not given.allowed
    assert [str(f.policy) for f in given.findings if f.refuses] == ["ClusterSLSAPolicy/signed"]


def test_every_requirement_of_a_policy_must_be_met() -> None:
    both = policy(required=(signatures("security"),))
    assert only(verdict(policies(both), workload())).reason is Reason.NoSignature
    either = policy(required=(signatures("release"), signatures("security")))
    assert only(verdict(policies(either), workload())).reason is Reason.NoSignature


# Modes


@pytest.mark.case("MODE-001")
@pytest.mark.case("MODE-002")
@pytest.mark.parametrize(("mode", "warned"), [(Mode.WARN, True), (Mode.AUDIT, False)])
def test_weaker_modes_admit_and_still_say_fail(mode: Mode, *, warned: bool) -> None:
    given = verdict(policies(policy(mode=mode)), workload(), evidence())
    assert given.allowed
    finding = given.findings[0]
    assert finding.outcome is Outcome.FAIL
    assert finding.warns is warned


@pytest.mark.case("MODE-003")
def test_a_weaker_policy_never_softens_an_enforcing_one() -> None:
    given = verdict(
        policies(policy("a", mode=Mode.WARN), policy("b"), policy("c", mode=Mode.AUDIT)), workload(), evidence()
    )
    assert [f.policy.name for f in given.findings if f.policy and f.refuses] == ["b"]
    assert [f.policy.name for f in given.findings if f.policy and f.warns] == ["a"]


@pytest.mark.case("MODE-004")
def test_an_audit_policy_that_cannot_find_out_refuses_nothing() -> None:
    assert verdict(policies(policy(mode=Mode.AUDIT)), workload(), DOWN).allowed
    assert not verdict(policies(policy()), workload(), DOWN).allowed


@pytest.mark.case("MODE-007")
def test_the_order_of_policies_means_nothing() -> None:
    members = (policy("a", mode=Mode.WARN), policy("b"), policy("c", build=None, required=(signatures("x"),)))
    assert verdict(policies(*members), workload()) == verdict(policies(*reversed(members)), workload())


@pytest.mark.case("MODE-023")
def test_the_status_tells_failure_before_a_bug_before_ignorance() -> None:
    fails, errs = evidence(), DOWN
    pod = workload(PINNED, f"ghcr.io/acme/shop:v1@{D}")
    members = policies(policy())
    failed, erred = (
        judge_image(members, pod, pod.images[0], evidence=e, uncovered=Uncovered.ALLOW) for e in (fails, errs)
    )
    bug = replace(erred, findings=(Finding(policy=None, mode=Mode.ENFORCE, reason=Reason.InternalError),))
    assert conclude((erred, failed), expected=2).code == 403
    assert conclude((erred, bug), expected=2).code == 500
    assert conclude((erred, erred), expected=2).code == 503


# Tags


@pytest.mark.case("MODE-009")
def test_a_tag_that_was_not_pinned_is_refused_on_pods() -> None:
    assert only(verdict(policies(policy(tags=Tags.PIN)), workload(TAGGED))).reason is Reason.TagNotPinned


@pytest.mark.case("MODE-010")
def test_tags_deny_refuses_tags_everywhere() -> None:
    for form in Form:
        denying = policies(policy(tags=Tags.DENY, build=None))
        assert verdict(denying, workload(TAGGED, form=form)).findings[0].reason is Reason.TagNotAllowed
        assert verdict(denying, workload(form=form)).allowed


@pytest.mark.case("MODE-011")
def test_tags_allow_judges_what_the_tag_points_to_and_says_that_it_moves() -> None:
    finding = only(verdict(policies(policy(tags=Tags.ALLOW)), workload(TAGGED)))
    assert finding.reason is Reason.Satisfied
    assert "can move" in finding.detail


@pytest.mark.case("MODE-012")
def test_the_strictest_word_on_tags_wins() -> None:
    given = verdict(policies(policy("a", tags=Tags.ALLOW), policy("b", tags=Tags.DENY)), workload(TAGGED))
    assert not given.allowed
    assert [f.reason for f in given.findings] == [Reason.Satisfied, Reason.TagNotAllowed]


@pytest.mark.case("MODE-014")
@pytest.mark.case("COV-025")
def test_a_template_is_judged_by_what_its_tag_points_to() -> None:
    assert verdict(policies(policy(tags=Tags.PIN)), workload(TAGGED, form=Form.TEMPLATE)).allowed


@pytest.mark.case("MODE-019")
@pytest.mark.parametrize("mode", [Mode.WARN, Mode.AUDIT])
def test_pinning_is_asked_by_enforcing_policies_only(mode: Mode) -> None:
    finding = verdict(policies(policy(tags=Tags.PIN, mode=mode)), workload(TAGGED)).findings[0]
    assert finding.reason is Reason.Satisfied


# Broken policies, malformed references, mirror pods


def test_a_broken_policy_guards_its_scope_and_names_the_field() -> None:
    given = verdict(PolicySet(policies=(broken(),)), workload(), None)
    assert given.code == 503
    assert "spec.require.bildLevel" in given.findings[0].detail
    assert verdict(PolicySet(policies=(broken(),)), workload("quay.io/a/b:1"), None).allowed


@pytest.mark.case("MODE-006")
def test_a_broken_audit_policy_refuses_nothing() -> None:
    given = verdict(PolicySet(policies=(broken(Mode.AUDIT),)), workload(), None)
    assert given.allowed
    assert given.findings[0].reason is Reason.PolicyBroken


@pytest.mark.case("REF-007")
def test_a_malformed_reference_could_be_any_image_and_fails() -> None:
    for members, pod in ((policies(policy()), workload("ghcr.io/acme/shop@sha256:abc")),):
        assert only(verdict(members, pod, None)).reason is Reason.MalformedReference
    assert verdict(policies(policy(mode=Mode.AUDIT)), workload("A//b"), None).allowed
    assert not verdict(PolicySet(), workload("A//b"), None, uncovered=Uncovered.DENY).allowed


@pytest.mark.case("COV-018")
def test_a_mirror_pod_is_judged_as_under_audit() -> None:
    given = verdict(policies(policy()), workload(mirror=True), evidence(), uncovered=Uncovered.DENY)
    assert given.allowed
    assert given.findings[0].outcome is Outcome.FAIL


# Evidence is asked for only where it can matter


@pytest.mark.case("MODE-015")
def test_images_that_need_no_evidence_cause_no_request() -> None:
    cases = {
        "ghcr.io/acme/shop:v1": (policy(tags=Tags.DENY, build=None), False),
        PINNED: (policy(tags=Tags.DENY, build=None), False),
        "quay.io/a/b:1": (policy(), False),
        "ghcr.io/acme/cart:v0": (policy(tags=Tags.DENY), False),
        "ghcr.io/acme/cart:v3": (policy(), False),
        f"ghcr.io/acme/cart@{D}": (policy(), True),
        f"ghcr.io/acme/cart:v4@{D}": (policy(deny=frozenset({D})), False),
        f"ghcr.io/acme/cart:v5@{D}": (policy(deny=frozenset({OTHER})), True),
        "ghcr.io/acme/cart:v1": (policy(tags=Tags.ALLOW), True),
        "ghcr.io/acme/cart:v2": (policy(tags=Tags.ALLOW, deny=frozenset({D}), build=None), True),
    }
    for text, (one, needed) in cases.items():
        pod = workload(text)
        assert needs_evidence(select(policies(one), pod, pod.images[0]), pod.form, pod.images[0]) is needed, text


def test_unknown_scope_is_selected_as_unknown() -> None:
    selector = Selector((Requirement(key="tier", operator=Operator.EXISTS),))
    pod = workload(namespace_known=False)
    selected = select(policies(policy(match=Match(namespace_selector=selector))), pod, pod.images[0])
    assert [applies for _, applies in selected] == [Applies.UNKNOWN]


def test_evidence_about_another_image_than_the_reference_names_is_a_bug_and_not_an_answer() -> None:
    with pytest.raises(ValueError, match="its own image"):
        verdict(policies(policy()), workload(), Evidence(digest=OTHER))


# Nothing vacuous


def test_nothing_vacuous_can_be_constructed() -> None:
    with pytest.raises(ValueError, match="asks for something"):
        policy(build=None)
    with pytest.raises(ValueError, match="0 judged"):
        conclude((), expected=1)
    with pytest.raises(ValueError, match="nothing vacuous"):
        Verdict(images=(), unchanged=False)
    with pytest.raises(ValueError, match="reason"):
        Evidence(digest=None)
    with pytest.raises(ValueError, match="problems"):
        replace(broken(), problems=())
    with pytest.raises(ValueError, match="level"):
        builder(level=4)
    assert conclude((), expected=0).allowed
