"""What was found once is found again only while everything that decides is the same: each part of it by itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.core import recall
from controller.core.condition import Held
from controller.core.evidence import Evidence
from controller.core.exception import ExemptImage, PolicyException
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Mode, Policy, PolicyName, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.provenance import Dependency
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement, DependencyRequirement, Requirements
from controller.core.season import Season
from controller.core.selector import Operator, Requirement, Selector
from controller.core.workload import Form
from tests.support.again import SEED, Counted, Review, asking, compiled, labelled
from tests.support.facts import (
    IMAGES,
    NOW,
    PINNED,
    builder,
    evidence,
    policies,
    policy,
    provenance,
    signature,
    signatures,
    workload,
)
from tests.support.keylessfacts import acceptance, keyless, summary, workflow

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
TICK = datetime.resolution

WEB = Selector((Requirement(key="app", operator=Operator.IN, values=frozenset({"web"})),))
OTHERS = evidence(replace(provenance(key="stranger"), times=(NOW,)))

CHANGED: Mapping[str, tuple[Policy, Review, Review]] = {
    "evidence": (policy(), SEED, replace(SEED, found=OTHERS)),
    "repository": (policy(), SEED, replace(SEED, pod=workload(PINNED.replace("/shop", "/other")))),
    "tag beside no digest": (
        policy(tags=Tags.ALLOW),
        SEED,
        replace(SEED, pod=workload("ghcr.io/acme/shop:v1")),
    ),
    "form": (
        policy(),
        replace(SEED, pod=workload("ghcr.io/acme/shop:v1", form=Form.TEMPLATE)),
        replace(SEED, pod=workload("ghcr.io/acme/shop:v1", form=Form.POD)),
    ),
    "pod labels": (
        policy(match=Match(images=IMAGES, pod_selector=WEB)),
        replace(SEED, pod=labelled(app="web"), found=OTHERS),
        replace(SEED, pod=labelled(app="db"), found=OTHERS),
    ),
    "labels of the namespace": (
        policy(match=Match(images=IMAGES, namespace_selector=WEB)),
        replace(SEED, pod=workload(namespace_labels={"app": "web"}), found=OTHERS),
        replace(SEED, pod=workload(namespace_labels={"app": "db"}), found=OTHERS),
    ),
    "labels of the namespace that are not known": (
        policy(match=Match(images=IMAGES, namespace_selector=WEB)),
        replace(SEED, pod=workload(namespace_labels={"app": "web"})),
        replace(SEED, pod=workload(namespace_known=False)),
    ),
    "namespace that is told of": (
        policy(match=Match(images=IMAGES, namespace_selector=WEB)),
        replace(SEED, pod=workload(namespace_known=False)),
        replace(SEED, pod=workload(namespace="other", namespace_known=False)),
    ),
    "age": (asking(max_age=DAY), SEED, SEED.at(NOW + DAY + TICK)),
    "clock that goes back": (asking(max_age=DAY), SEED.at(NOW + DAY + TICK), SEED.at(NOW + DAY)),
    "condition that looks at the time": (
        asking(compiled("now < timestamp('2026-06-01T12:00:01Z')")),
        SEED,
        SEED.at(NOW + SECOND),
    ),
    "condition that looks at the workload": (
        asking(compiled("!has(workload.labels.debug)")),
        SEED,
        replace(SEED, pod=labelled(debug="yes")),
    ),
    "work that conditions may cost": (
        asking(compiled("size(provenance.builderID) > 0")),
        SEED,
        replace(SEED, moment=replace(SEED.moment, work=1)),
    ),
    "labels that conditions pay for": (
        asking(compiled("size(provenance.builderID) > 0")),
        replace(SEED, moment=replace(SEED.moment, work=2000)),
        replace(SEED, pod=labelled(a="x" * 20000), moment=replace(SEED.moment, work=2000)),
    ),
    "setting for uncovered images": (
        policy(mode=Mode.AUDIT),
        SEED,
        replace(SEED, moment=replace(SEED.moment, uncovered=Uncovered.DENY)),
    ),
    "mirror pod": (policy(), replace(SEED, found=OTHERS), replace(SEED, found=OTHERS, pod=workload(mirror=True))),
}


@pytest.mark.parametrize("part", CHANGED)
def test_a_change_of_one_part_alone_is_judged_anew(part: str) -> None:
    one, before, after = CHANGED[part]
    members = policies(one)
    first, second = before.judged(members), after.judged(members)
    assert second == after.judged(policies(one)), part
    assert first.findings != second.findings, part
    assert before.judged(members) == first


def test_another_user_name_and_pod_are_no_part_of_it() -> None:
    counted = Counted(lambda _: Held.TRUE, lasting=True)
    members = policies(asking(counted.condition))
    told = [replace(SEED, pod=replace(SEED.pod, name=name)).judged(members).findings for name in ("a", "b", "c")]
    assert told[0] is told[1] is told[2]
    assert counted.asked == 1


def test_the_namespace_is_no_part_of_it_where_the_same_policies_surely_apply() -> None:
    """The first pod of a namespace finds what was found for another: a cluster has many namespaces and few images."""
    members = policies(policy(match=Match(images=IMAGES, namespace_selector=WEB)))
    web, db, unknown = {"app": "web"}, {"app": "db"}, None
    told = {
        (name, known and known["app"]): replace(
            SEED, pod=replace(workload(namespace=name), namespace_labels=known)
        ).judged(members)
        for name in ("shop", "other")
        for known in (web, db, unknown)
    }
    assert told["shop", "web"].findings is told["other", "web"].findings
    assert [len(told[name, "db"].findings) for name in ("shop", "other")] == [1, 1]
    assert told["shop", "db"].findings[0].reason is told["other", "db"].findings[0].reason is Reason.Uncovered
    assert [name in told[name, None].findings[0].detail for name in ("shop", "other")] == [True, True]


def test_an_exception_counts_and_ends_for_what_was_found_before() -> None:
    exception = PolicyException(
        name="legacy",
        policies=frozenset({PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")}),
        namespaces=(Glob.compile("shop"),),
        images=(ExemptImage(images=ImageGlob.compile("ghcr.io/acme/shop")),),
        expires=NOW + SECOND,
        created=NOW - DAY,
        reason="vendor build",
    )
    review = replace(SEED, found=OTHERS)
    members = PolicySet(policies=(policy(),), builders={"reusable": builder()}, exceptions=(exception,))
    elsewhere = replace(review, pod=workload(namespace="other"))
    told = [one.judged(members).findings[0].reason for one in (review, review.at(NOW + SECOND), elsewhere, review)]
    assert told == [Reason.Excepted, Reason.BuilderNotTrusted, Reason.BuilderNotTrusted, Reason.Excepted]
    shorter = replace(review, moment=replace(review.moment, exception_maximum=SECOND))
    assert shorter.judged(members).findings[0].reason is Reason.BuilderNotTrusted


def test_the_evidence_of_dependencies_is_judged_anew() -> None:
    base = Digest.of(b"base")
    recorded = Dependency(uri="pkg:docker/ghcr.io/acme-base/debian@12", digests={"sha256": base.hex})
    require = Requirements(build=BuildRequirement(level=3), dependencies=DependencyRequirement(level=1, images=()))
    members = policies(policy(require=require), builders=(replace(workflow(), records_dependencies=True),))
    review = Review(found=evidence(keyless(dependencies=(recorded,))))
    attested = {base: Evidence(digest=base, statements=(keyless(subject=base),))}
    known = replace(review, moment=replace(review.moment, dependencies=attested))
    told = [one.judged(members).findings[0].reason for one in (review, known, review)]
    assert told == [Reason.DependencyLevelTooLow, Reason.Satisfied, Reason.DependencyLevelTooLow]


def test_the_age_and_the_future_of_a_summary_are_asked_anew() -> None:
    entry = replace(acceptance(), max_age=DAY)
    members = policies(policy(build=BuildRequirement(level=2), accept=(entry,)), builders=(workflow(),))
    review = Review(found=evidence(summary(verified_at=NOW, times=(NOW,))))
    times = (NOW - TICK, NOW, NOW + DAY, NOW + DAY + TICK, NOW + DAY, NOW - TICK)
    told = [review.at(now).judged(members).findings[0].reason is Reason.Satisfied for now in times]
    assert told == [False, True, True, False, True, False]


def test_the_lead_of_a_summary_without_an_age_is_asked_anew() -> None:
    """Of a verifier's clock a day is forgiven, and no more."""
    members = policies(policy(build=BuildRequirement(level=2), accept=(acceptance(),)), builders=(workflow(),))
    review = Review(found=evidence(summary(verified_at=NOW)))
    times = (NOW - DAY - TICK, NOW - DAY, NOW - DAY - TICK, NOW)
    told = [review.at(now).judged(members).findings[0].reason is Reason.Satisfied for now in times]
    assert told == [False, True, False, True]


def test_a_season_ends_where_an_answer_changes_and_not_before() -> None:
    season = Season(NOW)
    assert not season.is_past(NOW - DAY, 2 * DAY)
    assert season.is_past(NOW - DAY, DAY - SECOND)
    assert season.is_ahead(NOW + 3 * DAY, DAY)
    assert not season.is_ahead(NOW + DAY, DAY)
    assert (season.first, season.last, season.lasting) == (NOW, NOW + DAY, True)
    ahead = Season(NOW)
    assert ahead.is_ahead(NOW + DAY, DAY - TICK)
    assert (ahead.first, ahead.last) == (Season(NOW).first, NOW)
    for edge in (season.first, season.last):
        again = Season(edge)
        assert not again.is_past(NOW - DAY, 2 * DAY)
        assert again.is_past(NOW - DAY, DAY - SECOND)


def test_times_at_the_end_of_all_times_are_no_error() -> None:
    latest, earliest = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    season = Season(NOW)
    assert not season.is_past(latest, timedelta.max)
    assert season.is_past(earliest, timedelta())
    assert season.is_ahead(latest, DAY)
    assert not season.is_ahead(earliest, timedelta())
    assert not season.is_ahead(earliest, DAY)
    assert season.first <= NOW <= season.last


def test_findings_count_for_as_many_results_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "MAX_REMEMBERED", 100)
    required = (signatures("release"),)
    members = policies(*(policy(f"p{n}", build=None, required=required) for n in range(50)))
    kept = [replace(SEED, found=evidence(signature("release", payload=str(n)))) for n in range(8)]
    for review in kept:
        review.judged(members)
        assert 50 <= members.recall._remembered <= 200
    del kept, review
    assert members.recall._remembered == 0
