"""What was found once is found again only while everything that decides is the same: each part of it by itself."""

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.core import recall
from controller.core.condition import Condition, Facts, Held
from controller.core.evaluate import judge_image, select
from controller.core.evidence import Evidence
from controller.core.exception import ExemptImage, PolicyException
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Mode, Policy, PolicyName, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.provenance import Dependency
from controller.core.question import Moment
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement, DependencyRequirement, Requirements
from controller.core.season import Season
from controller.core.selector import Operator, Requirement, Selector
from controller.core.verdict import ImageVerdict
from controller.core.work import MAX_WORK
from controller.core.workload import Form, Workload
from controller.expressions.condition import Use, compile_condition
from tests.support.facts import (
    BUILD,
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
SIGNED = replace(provenance(), times=(NOW,))


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything that a judgement of one image is given besides the policies."""

    pod: Workload = field(default_factory=workload)
    found: Evidence = field(default_factory=lambda: evidence(SIGNED))
    moment: Moment = field(default_factory=lambda: Moment(now=NOW, uncovered=Uncovered.ALLOW))

    def judged(self, members: PolicySet) -> ImageVerdict:
        image = self.pod.images[0]
        selected = select(members, self.pod, image)
        return judge_image(members, self.pod, image, selected=selected, evidence=self.found, moment=self.moment)

    def at(self, now: datetime) -> "Review":
        return replace(self, moment=replace(self.moment, now=now))


class Counted:
    """A condition that counts how often it is asked."""

    def __init__(self, look: Callable[[Facts], Held], *, lasting: bool) -> None:
        self._look, self.asked = look, 0
        self.condition = Condition(name="c", expression="c", message=None, lasting=lasting, test=self._test)

    def _test(self, facts: Facts) -> tuple[Held, str]:
        self.asked += 1
        return self._look(facts), ""


def asking(*conditions: Condition, **build: object) -> Policy:
    return policy(build=replace(BUILD, conditions=conditions, **build))  # type: ignore[arg-type]


def compiled(expression: str) -> Condition:
    found = compile_condition("c", expression, None, Use.BUILD)
    assert isinstance(found, Condition)
    return found


def labelled(**labels: str) -> Workload:
    return workload(labels=labels)


WEB = Selector((Requirement(key="app", operator=Operator.IN, values=frozenset({"web"})),))
SEED = Review()
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


def test_what_conditions_may_cost_is_no_part_of_it_where_there_are_none() -> None:
    members = policies(policy())
    costly = replace(SEED, pod=labelled(app="x" * 999), moment=replace(SEED.moment, work=1))
    assert costly.judged(members).findings is SEED.judged(members).findings


def test_labels_count_by_their_size_and_none_is_kept() -> None:
    """Who makes pods chooses their labels: what is remembered must not grow with them."""
    counted = Counted(lambda _: Held.TRUE, lasting=True)
    members = policies(asking(counted.condition))
    for label in ("aaa", "bbb", "ccc"):
        replace(SEED, pod=labelled(app=label)).judged(members)
    assert counted.asked == 1
    replace(SEED, pod=labelled(app="a", tier="b")).judged(members)
    assert counted.asked == 2


def test_what_looks_at_the_review_or_can_not_be_evaluated_is_asked_each_time() -> None:
    for held, lasting, asked in (
        (Held.TRUE, True, 1),
        (Held.FALSE, True, 1),
        (Held.ERROR, True, 3),
        (Held.TRUE, False, 3),
    ):
        counted = Counted(lambda _, held=held: held, lasting=lasting)  # type: ignore[misc]
        members = policies(asking(counted.condition))
        for _ in range(3):
            SEED.judged(members)
        assert counted.asked == asked, (held, lasting)


@pytest.mark.parametrize("held", [Held.TRUE, Held.FALSE])
def test_of_a_condition_on_the_pod_nothing_else_is_judged_anew_while_it_says_the_same(held: Held) -> None:
    lasting = Counted(lambda _: Held.TRUE, lasting=True)
    on_pod = Counted(lambda facts: held if facts.workload.name != "odd" else Held.ERROR, lasting=False)
    members = policies(asking(lasting.condition, on_pod.condition))
    names = ("a", "b", "c", "odd", "a")
    told = [replace(SEED, pod=replace(SEED.pod, name=name)).judged(members).findings for name in names]
    assert told[0] is told[1] is told[2] is told[4]
    assert [found[0].reason for found in told[2:4]] == [
        Reason.Satisfied if held is Held.TRUE else Reason.ConditionFalse,
        Reason.ConditionError,
    ]
    assert (lasting.asked, on_pod.asked) == (2, 6), "the odd one was asked twice, and all else anew"


def test_the_first_condition_on_the_pod_that_says_otherwise_decides_as_if_nothing_were_remembered() -> None:
    """Both are of one judgement: that the second still says the same is nothing where the first does not."""
    by_label = compiled("workload.labels.app == 'web'"), compiled("workload.labels.tier == 'front'")
    members = policies(asking(*by_label))
    pods = [labelled(app=app, tier=tier) for app, tier in (("web", "front"), ("bad", "front"), ("web", "other"))]
    for pod in (*pods, *reversed(pods)):
        review = replace(SEED, pod=pod)
        assert review.judged(members) == review.judged(policies(asking(*by_label)))


def test_asking_again_costs_little_however_much_judging_may_cost() -> None:
    left: list[int] = []

    def look(facts: Facts) -> Held:
        left.append(next(units for units in (MAX_WORK, MAX_WORK // 8 + 1, MAX_WORK // 8, 0) if facts.work.spend(units)))
        return Held.TRUE

    members = policies(asking(Counted(look, lasting=False).condition))
    for _ in range(2):
        SEED.judged(members)
    assert left == [MAX_WORK, MAX_WORK // 8]


def test_what_is_remembered_of_a_condition_on_the_pod_holds_no_pod() -> None:
    class Labels(dict[str, str]):
        """Labels that can be watched."""

    members, labels = policies(asking(Counted(lambda _: Held.TRUE, lasting=False).condition)), Labels(app="web")
    gone, before = weakref.ref(labels), members.recall._remembered
    replace(SEED, pod=replace(SEED.pod, labels=labels)).judged(members)
    del labels
    assert gone() is None
    assert members.recall._remembered > before


def test_what_conditions_said_weighs_in_memory() -> None:
    conditions = [Counted(lambda _: Held.TRUE, lasting=False).condition for _ in range(40)]
    light, heavy = policies(asking(*conditions[:1])), policies(asking(*conditions))
    for members in (light, heavy):
        SEED.judged(members)
    assert heavy.recall._remembered == light.recall._remembered + 39


def test_an_expression_lasts_that_names_neither_the_time_nor_the_workload() -> None:
    expressions = {"image.registry == 'ghcr.io'": True, "statement.kind == 'x'": True, "now == now": False}
    expressions |= {"workload.name == 'web'": False, "has(workload.labels) && true": False}
    for expression, lasting in expressions.items():
        for use in Use:
            found = compile_condition("c", expression, None, use)
            assert isinstance(found, Condition)
            assert found.lasting is lasting, expression


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
