"""Conditions beside what was found before: which are asked again, and what that may cost and keep."""

import weakref
from dataclasses import replace

import pytest

from controller.core.condition import Condition, Facts, Held
from controller.core.reasons import Reason
from controller.core.work import MAX_WORK
from controller.expressions.condition import Use, compile_condition
from tests.support.again import SEED, Counted, asking, compiled, labelled
from tests.support.facts import policies, policy


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
