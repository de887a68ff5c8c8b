"""Exceptions: what they excuse, and what nothing excuses."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.core.errors import Problem
from controller.core.evidence import Evidence, Gap
from controller.core.exception import ExemptImage, PolicyException
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import BrokenPolicy, Mode, Policy, PolicyName, Tags
from controller.core.policyset import PolicySet
from controller.core.reasons import Outcome, Reason
from controller.core.selector import Operator, Requirement, Selector
from controller.core.verdict import Finding, Verdict, conclude
from controller.core.workload import Workload
from tests.support.facts import NOW, OTHER, PINNED, D, builder, evidence, judge_image, policy, provenance, workload

PRODUCTION = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")
DOWN = Evidence(digest=D, gaps=(Gap(reason=Reason.RegistryUnavailable, detail="503"),))
UNRESOLVED = Evidence(digest=None, gaps=DOWN.gaps)
TAGGED = "ghcr.io/acme/shop:v1"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def exception(
    *,
    name: str = "legacy",
    of: PolicyName = PRODUCTION,
    namespace: str = "shop",
    image: str = "ghcr.io/acme/shop",
    digest: Digest | None = None,
    expires: datetime = NOW + DAY,
    created: datetime | None = NOW - DAY,
    ticket: str | None = "OPS-1",
) -> PolicyException:
    return PolicyException(
        name=name,
        policies=frozenset({of}),
        namespaces=(Glob.compile(namespace),),
        images=(ExemptImage(images=ImageGlob.compile(image), digest=digest),),
        expires=expires,
        created=created,
        reason="vendor build",
        ticket=ticket,
    )


def verdict(
    exceptions: tuple[PolicyException, ...] | PolicyException,
    *members: Policy | BrokenPolicy,
    pod: Workload | None = None,
    found: Evidence | None = None,
) -> Verdict:
    given = exceptions if isinstance(exceptions, tuple) else (exceptions,)
    known = PolicySet(policies=members or (policy(),), builders={"reusable": builder()}, exceptions=given)
    asked = pod or workload()
    held = evidence() if found is None else found
    images = tuple(judge_image(known, asked, image, evidence=held) for image in asked.images)
    return conclude(images, expected=len(asked.images))


def only(given: Verdict) -> Finding:
    (finding,) = given.findings
    return finding


@pytest.mark.case("EXC-001")
def test_a_finding_that_is_covered_skips_and_names_what_covers_it() -> None:
    given = verdict(exception())
    finding = only(given)
    assert given.allowed
    assert (finding.outcome, finding.reason, finding.mode) == (Outcome.SKIP, Reason.Excepted, Mode.ENFORCE)
    assert (finding.proven.exception, finding.proven.ticket) == ("legacy", "OPS-1")
    assert finding.detail.startswith("SLSAException legacy (OPS-1) covers this until 2026-06-02; it would be NoProv")


def test_what_is_satisfied_needs_no_exception() -> None:
    assert only(verdict(exception(), found=evidence(provenance()))).reason is Reason.Satisfied


@pytest.mark.case("EXC-002")
@pytest.mark.parametrize(("expires", "allowed"), [(NOW, False), (NOW - SECOND, False), (NOW + SECOND, True)])
def test_an_exception_stops_at_the_second_it_expires(expires: datetime, *, allowed: bool) -> None:
    assert verdict(exception(expires=expires)).allowed is allowed


@pytest.mark.case("EXC-003")
def test_siblings_are_not_excused() -> None:
    given = verdict(exception(), pod=workload(PINNED, f"ghcr.io/acme/cart@{D}"))
    assert [finding.reason for finding in given.findings] == [Reason.Excepted, Reason.NoProvenance]
    assert not given.allowed


@pytest.mark.case("EXC-004")
@pytest.mark.case("EXC-008")
def test_another_policy_is_not_excused() -> None:
    given = verdict(exception(), policy(), policy("other"), policy("production", namespace="shop"))
    assert [finding.reason for finding in given.findings].count(Reason.Excepted) == 1
    assert not given.allowed
    nobody = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="nobody")
    assert not verdict(exception(of=nobody)).allowed


@pytest.mark.case("EXC-005")
@pytest.mark.parametrize(
    ("created", "expires", "allowed"),
    [
        (NOW - DAY, NOW + 89 * DAY, True),
        (NOW - DAY, NOW + 89 * DAY + SECOND, False),
        (NOW - 365 * DAY, NOW + DAY, False),
        (None, NOW + 90 * DAY, True),
        (None, NOW + 90 * DAY + SECOND, False),
    ],
)
def test_an_exception_that_reaches_too_far_does_not_count(
    created: datetime | None, expires: datetime, *, allowed: bool
) -> None:
    assert verdict(exception(created=created, expires=expires)).allowed is allowed


@pytest.mark.case("EXC-006")
def test_an_exception_for_a_digest_is_for_no_other() -> None:
    assert verdict(exception(digest=D)).allowed
    assert not verdict(exception(digest=OTHER)).allowed


@pytest.mark.parametrize("other", [exception(namespace="prod"), exception(image="ghcr.io/acme/cart")])
def test_an_exception_covers_its_own_namespaces_and_images(other: PolicyException) -> None:
    assert not verdict(other).allowed
    assert verdict(exception(namespace="*", image="ghcr.io/**")).allowed


@pytest.mark.case("EXC-007")
def test_a_broken_policy_is_not_excused() -> None:
    bent = BrokenPolicy(name=PRODUCTION, mode=Mode.ENFORCE, match=Match(), problems=(Problem(path="p", message="m"),))
    given = verdict(exception(), bent)
    assert only(given).reason is Reason.PolicyBroken
    assert given.code == 503


@pytest.mark.case("EXC-013")
def test_a_denied_digest_is_not_excused() -> None:
    assert only(verdict(exception(), policy(deny=frozenset({D})))).reason is Reason.Denied
    allows_tags = policy(deny=frozenset({D}), tags=Tags.ALLOW)
    assert only(verdict(exception(), allows_tags, pod=workload(TAGGED))).reason is Reason.Denied


@pytest.mark.case("EXC-013")
@pytest.mark.parametrize("tags", [Tags.PIN, Tags.DENY, Tags.ALLOW])
def test_a_digest_that_may_be_the_denied_one_is_not_excused(tags: Tags) -> None:
    given = verdict(exception(), policy(deny=frozenset({D}), tags=tags), pod=workload(TAGGED), found=UNRESOLVED)
    assert not given.allowed
    assert verdict(exception(), policy(tags=tags), pod=workload(TAGGED), found=UNRESOLVED).allowed


@pytest.mark.case("EXC-013")
@pytest.mark.parametrize("tags", [Tags.PIN, Tags.DENY])
def test_a_tag_that_points_to_something_else_now_may_be_the_denied_digest_later(tags: Tags) -> None:
    denying = policy(deny=frozenset({OTHER}), tags=tags)
    assert not verdict(exception(), denying, pod=workload(TAGGED), found=evidence()).allowed
    assert only(verdict(exception(), denying, found=evidence())).reason is Reason.Excepted


@pytest.mark.case("EXC-006")
def test_a_tag_that_was_refused_is_not_excused_for_the_digest_that_it_points_to_now() -> None:
    tagged = workload(TAGGED)
    assert only(verdict(exception(digest=D), policy(), pod=tagged, found=evidence())).reason is Reason.TagNotPinned
    allows = policy(tags=Tags.ALLOW)
    assert only(verdict(exception(digest=D), allows, pod=tagged, found=evidence())).reason is Reason.Excepted


def test_one_of_several_namespaces_and_of_several_images_is_enough() -> None:
    several = replace(
        exception(),
        namespaces=(Glob.compile("prod"), Glob.compile("sho*")),
        images=(
            ExemptImage(images=ImageGlob.compile("ghcr.io/acme/cart")),
            ExemptImage(images=ImageGlob.compile("**")),
        ),
    )
    assert only(verdict(several)).reason is Reason.Excepted


@pytest.mark.case("EXC-009")
def test_ignorance_is_excused_by_an_exception_for_the_repository_and_not_by_one_for_a_digest() -> None:
    assert only(verdict(exception(), found=DOWN)).reason is Reason.Excepted
    allows = policy(tags=Tags.ALLOW)
    by_digest = verdict(exception(digest=D), allows, pod=workload(TAGGED), found=UNRESOLVED)
    assert only(by_digest).reason is Reason.RegistryUnavailable
    assert verdict(exception(digest=D), found=DOWN).allowed


@pytest.mark.case("EXC-012")
def test_a_tag_that_was_not_pinned_is_excused() -> None:
    assert only(verdict(exception(), pod=workload(TAGGED))).reason is Reason.Excepted


def test_a_malformed_reference_could_be_any_image_and_is_excused_by_none() -> None:
    any_image = exception(image="**")
    assert not verdict(any_image, pod=workload("ghcr.io/acme/shop@sha256:abc")).allowed


def test_what_may_not_even_apply_is_excused() -> None:
    selector = Selector((Requirement(key="tier", operator=Operator.EXISTS),))
    scoped = policy(match=Match(namespace_selector=selector))
    assert not verdict((), scoped, pod=workload(namespace_known=False)).allowed
    assert verdict(exception(), scoped, pod=workload(namespace_known=False)).allowed


def test_weaker_modes_are_excused_too_and_warn_no_more() -> None:
    finding = only(verdict(exception(), policy(mode=Mode.WARN)))
    assert (finding.reason, finding.warns, finding.mode) == (Reason.Excepted, False, Mode.WARN)


def test_of_several_the_first_by_name_is_named_and_foreign_text_is_fit_to_print() -> None:
    several = (exception(name="b"), exception(name="a", ticket="x\x1b[31m"), exception(name="0", expires=NOW))
    finding = only(verdict(several))
    assert finding.proven.exception == "a"
    assert finding.detail.isprintable()
    assert replace(finding, detail="").proven.ticket == "x?[31m"
    assert NOW.tzinfo is UTC
