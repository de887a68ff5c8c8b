"""What is not known of an index and its children: told where it could make a difference, and asked for only there."""

from dataclasses import replace

import pytest

from controller.core.evaluate import children_matter, needs_evidence, select
from controller.core.evidence import Evidence
from controller.core.image import Digest
from controller.core.policy import Policy, Tags, Uncovered
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import (
    Requirements,
)
from tests.support.facts import (
    PINNED,
    D,
    judge_image,
    policies,
    policy,
    signature,
    signatures,
    workload,
)
from tests.support.families import AMD, ARM, DOWN, built, child, index, judged, reason
from tests.support.keylessfacts import (
    EXPECTED,
    keyless,
    workflow,
)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (index(children=(built(AMD), child(ARM)), gaps=(DOWN,)), Reason.RegistryUnavailable),
        (index(children=(built(AMD), child(ARM, gaps=(DOWN,)))), Reason.RegistryUnavailable),
        (index(children=(child(AMD), child(ARM, gaps=(DOWN,)))), Reason.NoProvenance),
        (index(children=(child(AMD, gaps=(DOWN,)), child(ARM))), Reason.NoProvenance),
        (index(children=(replace(built(AMD), gaps=(DOWN,)), built(ARM))), Reason.Satisfied),
        (index(keyless(), children=(child(AMD, gaps=(DOWN,)),)), Reason.Satisfied),
        (index(children=(built(AMD), built(ARM)), gaps=(DOWN,)), Reason.Satisfied),
    ],
    ids=[
        "the index",
        "the one child",
        "no difference",
        "no difference first",
        "met",
        "met by the index",
        "met by both",
    ],
)
def test_a_gap_is_told_where_it_could_have_made_the_difference(found: Evidence, expected: Reason) -> None:
    assert reason(found) is expected


def test_a_failure_is_told_before_ignorance_of_something_else() -> None:
    asked = policy(build=EXPECTED, required=(signatures("release"),))
    signed = replace(signature("release"), subject=AMD)
    mixed = index(children=(child(AMD, signed), child(ARM, gaps=(DOWN,))))
    assert reason(mixed, asked) is Reason.NoProvenance
    assert judged(mixed, asked).outcome is Outcome.FAIL


def test_a_failure_is_told_before_ignorance_in_whatever_order_they_are_asked() -> None:
    mixed = index(children=(built(AMD), child(ARM, gaps=(DOWN,))))
    asked = policy(build=EXPECTED, required=(signatures("release"),))
    assert reason(mixed, asked) is Reason.NoSignature


def test_ignorance_of_one_alternative_is_ignorance() -> None:
    mixed = index(signature("person"), children=(built(AMD), child(ARM, gaps=(DOWN,))))
    signed, attested = Requirements(signatures=(signatures("release"),)), Requirements(build=EXPECTED)
    for alternatives in ((signed, attested), (attested, signed)):
        assert reason(mixed, policy(any_of=alternatives)) is Reason.RegistryUnavailable  # however close another came
    assert reason(mixed, policy(any_of=(signed,))) is Reason.NoSignature


def test_alternatives_stand_in_for_nothing_that_is_required_besides() -> None:
    require, attested = Requirements(signatures=(signatures("release"),)), Requirements(build=EXPECTED)
    asked = policy(require=require, any_of=(attested,))
    assert reason(index(keyless()), asked) is Reason.NoSignature
    assert reason(index(signature("release")), asked) is Reason.NoProvenance
    assert reason(index(keyless(), signature("release")), asked) is Reason.Satisfied


@pytest.mark.parametrize(
    ("found", "matter"),
    [
        (Evidence(digest=D, unread=(AMD, ARM)), True),
        (Evidence(digest=D, unread=(AMD,), gaps=(DOWN,)), True),
        (Evidence(digest=D, unread=(AMD,), statements=(keyless(),)), False),
        (Evidence(digest=D), False),
        (index(children=(child(AMD),)), False),
        (Evidence(digest=None, found=False), False),
    ],
)
def test_children_matter_where_something_is_not_met_and_they_were_not_read(found: Evidence, *, matter: bool) -> None:
    findings = (judged(found),)
    assert children_matter(findings, found) is matter


@pytest.mark.parametrize(
    ("one", "image"),
    [(policy(deny=frozenset({D})), PINNED), (policy(tags=Tags.DENY), "ghcr.io/acme/shop:v1")],
    ids=["denied", "tag"],
)
def test_children_do_not_matter_where_no_evidence_would(one: Policy, image: str) -> None:
    unread = Evidence(digest=D, unread=(AMD,))
    pod = workload(image)
    verdict = judge_image(policies(one, builders=(workflow(),)), pod, pod.images[0], evidence=unread)
    assert verdict.findings[0].outcome is Outcome.FAIL
    assert not children_matter(verdict.findings, unread)
    uncovered = judge_image(policies(), pod, pod.images[0], evidence=unread, uncovered=Uncovered.DENY)
    assert not children_matter(uncovered.findings, unread)


@pytest.mark.case("POL-025")
@pytest.mark.parametrize(
    "found",
    [
        replace(index(keyless()), unread=(ARM, AMD)),
        index(keyless(), children=(child(ARM), child(AMD))),
        replace(index(keyless(), children=(child(ARM),)), listed=(AMD,)),
    ],
    ids=["unread", "read", "an index within"],
)
def test_an_index_whose_child_is_denied_is_refused_whatever_it_carries(found: Evidence) -> None:
    for asked in (policy(build=EXPECTED, deny=frozenset({AMD})), policy(build=None, deny=frozenset({AMD}))):
        denied = judged(found, asked)
        assert (denied.reason, denied.detail) == (Reason.Denied, f"the policy denies {AMD}")
        assert judged(found, replace(asked, deny=frozenset({Digest.of(b"else")}))).reason is Reason.Satisfied


@pytest.mark.case("POL-025")
def test_what_may_consist_of_something_denied_is_unknown() -> None:
    found = replace(index(keyless()), unlisted=DOWN)
    assert judged(found, policy(build=EXPECTED, deny=frozenset({AMD}))).reason is Reason.RegistryUnavailable
    assert judged(found, policy(build=None, deny=frozenset({AMD}))).reason is Reason.RegistryUnavailable
    assert judged(found).reason is Reason.Satisfied


@pytest.mark.case("POL-025")
def test_a_denied_digest_is_told_without_the_registry_and_what_it_lists_with_it() -> None:
    pod = workload()
    for denied, needed in ((D, False), (AMD, True)):
        selected = select(policies(policy(build=None, deny=frozenset({denied}))), pod, pod.images[0])
        assert needs_evidence(selected, pod.form, pod.images[0]) is needed
