"""Conditions share what they may cost: a policy that refuses nothing takes none of it from one that does."""

import itertools

import pytest

from controller.core.condition import Condition, Facts, Held
from controller.core.policy import Mode, Policy
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement
from controller.core.work import MAX_WORK
from tests.support.facts import PINNED, builder, evidence, judge_image, policies, policy, provenance, workload
from tests.support.keylessfacts import condition

MODES = (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)


def costing(units: int) -> Condition:
    """True for whoever can pay so much."""

    def paid(facts: Facts) -> Held:
        return Held.TRUE if facts.work.spend(units) else Held.ERROR

    return condition(paid)


def costly(name: str, mode: Mode, units: int) -> Policy:
    return policy(name, mode=mode, build=BuildRequirement(level=2, conditions=(costing(units),)))


def found(*members: Policy) -> list[Reason]:
    pod = workload(PINNED)
    known = policies(*members, builders=(builder(),))
    return [one.reason for one in judge_image(known, pod, pod.images[0], evidence=evidence(provenance())).findings]


@pytest.mark.case("POL-016")
@pytest.mark.parametrize(("stricter", "weaker"), tuple(itertools.combinations(MODES, 2)))
def test_what_a_weaker_policy_costs_is_not_missing_to_a_stricter_one(stricter: Mode, weaker: Mode) -> None:
    last, first = costly("z", stricter, 2), costly("a", weaker, MAX_WORK - 1)
    assert found(first, last)[1] is Reason.Satisfied
    assert found(costly("a", weaker, MAX_WORK), last) == [Reason.ConditionError, Reason.Satisfied]


def test_of_equal_modes_the_first_by_name_pays_first_and_findings_stand_in_order_of_name() -> None:
    greedy, modest = MAX_WORK - 1, 2
    expected = [Reason.Satisfied, Reason.ConditionError]
    assert found(costly("b", Mode.ENFORCE, modest), costly("a", Mode.ENFORCE, greedy)) == expected
    assert found(costly("b", Mode.ENFORCE, greedy), costly("a", Mode.AUDIT, modest)) == list(reversed(expected))
