"""What one provenance statement must show besides level, builder and repository."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.condition import Facts, Held
from controller.core.evidence import VerifiedStatement
from controller.core.parameters import parameter_miss
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement, SourceRequirement
from controller.core.slsa import TrustedBuilder
from tests.support.facts import BUILD_TYPE, NOW, D, evidence, finding, policy, workload
from tests.support.keylessfacts import (
    CLAIM,
    ENTRY_POINT,
    EXPECTED,
    REF,
    SHOP,
    alternative,
    certified,
    condition,
    keyless,
    said,
    workflow,
)


def reason(
    requirement: BuildRequirement, *statements: VerifiedStatement, builder: TrustedBuilder | None = None
) -> Reason:
    found = evidence(*(statements or (keyless(),)))
    return finding(policy(build=requirement), found, builder or workflow()).reason


def asking(*sources: SourceRequirement) -> BuildRequirement:
    return BuildRequirement(level=3, sources=sources)


# Where it comes from


@pytest.mark.case("SRC-013")
@pytest.mark.parametrize(
    "asked", [alternative(repository_ids={"99"}), alternative(owner_ids={"99"}), alternative(owner_ids={"11"})]
)
def test_a_repository_made_anew_under_the_old_name_is_another(asked: SourceRequirement) -> None:
    assert reason(asking(asked)) is Reason.SourceMismatch


def test_the_forges_ids_are_met_by_what_the_certificate_carries() -> None:
    assert reason(asking(alternative(repository_ids={"11"}, owner_ids={"1234567", "2"}))) is Reason.Satisfied


@pytest.mark.case("SRC-014")
@pytest.mark.parametrize("trigger", ["pull_request", "pull_request_target", "issue_comment"])
def test_a_trigger_that_is_not_listed_is_not_allowed(trigger: str) -> None:
    triggered = certified(build_trigger=trigger)
    assert reason(asking(alternative(triggers={"push", "release"})), triggered) is Reason.TriggerNotAllowed
    assert reason(asking(alternative(triggers={"push", "release"}))) is Reason.Satisfied


@pytest.mark.case("SRC-015")
def test_another_entry_point_is_not_the_official_one() -> None:
    debug = said(build_config_uri=f"{SHOP}/.github/workflows/debug.yml@{REF}")
    built = keyless(debug, source=replace(CLAIM, entry_point=None))
    assert reason(asking(alternative(entry_points=(ENTRY_POINT,))), built) is Reason.EntryPointMismatch
    assert reason(asking(alternative(entry_points=(".github/workflows/*.yml",))), built) is Reason.Satisfied


@pytest.mark.case("SRC-037")
def test_what_is_told_of_alternatives_is_the_one_that_came_closest() -> None:
    near = alternative(refs=(REF,), triggers={"release"})
    far = alternative("https://github.com/acme/other")
    assert reason(asking(far, near)) is Reason.TriggerNotAllowed
    assert reason(asking(near, far, alternative(refs=(REF,)))) is Reason.Satisfied


# How it was built


@pytest.mark.case("SRC-027")
def test_a_build_type_that_is_not_listed_is_not_allowed() -> None:
    assert reason(BuildRequirement(level=3, types=frozenset({"https://b.example/t"}))) is Reason.BuildTypeNotAllowed
    assert reason(BuildRequirement(level=3, types=frozenset({BUILD_TYPE}))) is Reason.Satisfied


@pytest.mark.case("SRC-017")
def test_parameters_that_are_not_complete_meet_no_list_of_them() -> None:
    built = keyless(parameters={"workflow": {"ref": REF}})
    assert built.provenance is not None
    partial = replace(built, provenance=replace(built.provenance, parameters_complete=False))
    asked = BuildRequirement(level=3, parameters=("workflow",))
    assert reason(asked, built) is Reason.Satisfied
    assert reason(asked, partial) is Reason.ParameterNotAllowed
    assert reason(BuildRequirement(level=3), partial) is Reason.Satisfied


@pytest.mark.case("SRC-017")
@pytest.mark.case("SRC-018")
@pytest.mark.case("SRC-019")
def test_an_external_parameter_that_no_entry_allows_refuses() -> None:
    built = keyless(parameters={"workflow": {"ref": REF}, "debug": True})
    assert reason(BuildRequirement(level=3, parameters=("workflow",)), built) is Reason.ParameterNotAllowed
    assert reason(BuildRequirement(level=3, parameters=("workflow", "debug")), built) is Reason.Satisfied
    assert reason(BuildRequirement(level=3), built) is Reason.Satisfied


@pytest.mark.case("SRC-020")
@pytest.mark.parametrize(
    ("allowed", "given", "fine"),
    [
        (("inputs",), {"inputs": {"anything": {"deep": 1}}}, True),
        (("inputs.channel",), {"inputs": {"channel": {"deep": 1}}}, True),
        (("inputs.channel",), {"inputs": {"channel": "a", "debug": True}}, False),
        (("inputs.channel",), {"inputs": {}}, True),
        (("inputs.channel",), {"inputs": None}, True),
        (("inputs.channel",), {"inputs": "channel"}, False),
        (("inputs.channel",), {"inputs": ["channel"]}, False),
        (("inputs.channel",), {"inputs.channel": 1}, False),
        (("inputs.channel",), {"channel": 1}, False),
        (("inputs.a.b",), {"inputs": {"a": {"b": 1, "c": 1}}}, False),
        (("input",), {"inputs": 1}, False),
        (("inputs",), {"Inputs": 1}, False),
        (("inputs",), {"other": None}, False),
        (("inputs",), {}, True),
    ],
)
def test_an_entry_allows_its_own_subtree_and_nothing_beside_it(
    allowed: tuple[str, ...], given: dict[str, object], *, fine: bool
) -> None:
    assert (parameter_miss(allowed, given) is None) is fine


def test_parameters_of_any_depth_are_looked_at_no_deeper_than_the_entries_are() -> None:
    deep: dict[str, object] = {}
    for _ in range(5000):
        deep = {"a": deep}
    assert parameter_miss(("a",), deep) is None
    assert parameter_miss(("a.b",), deep) is not None


@pytest.mark.case("SRC-028")
def test_an_age_exactly_reached_is_not_exceeded() -> None:
    month, second = timedelta(days=30), timedelta(seconds=1)
    asked = BuildRequirement(level=3, max_age=month)
    assert reason(asked, keyless(times=(NOW - month,))) is Reason.Satisfied
    assert reason(asked, keyless(times=(NOW - month - second,))) is Reason.TooOld
    assert reason(asked, keyless(times=(NOW - month - second, NOW))) is Reason.TooOld


@pytest.mark.case("SRC-029")
def test_without_a_verified_time_no_age_can_be_told() -> None:
    assert reason(BuildRequirement(level=3, max_age=timedelta(days=30)), keyless(times=())) is Reason.NoSigningTime
    assert reason(BuildRequirement(level=3), keyless(times=())) is Reason.Satisfied


@pytest.mark.case("POL-015")
@pytest.mark.parametrize(
    ("held", "expected"),
    [(Held.TRUE, Reason.Satisfied), (Held.FALSE, Reason.ConditionFalse), (Held.ERROR, Reason.ConditionError)],
)
def test_every_condition_must_be_true_and_an_error_is_not(held: Held, expected: Reason) -> None:
    asked = BuildRequirement(level=3, conditions=(condition(Held.TRUE), condition(held, name="no-debug")))
    assert reason(asked) is expected


def test_a_false_condition_tells_its_message_and_an_error_its_reason() -> None:
    def told(held: Held, message: str | None) -> str:
        asked = BuildRequirement(level=3, conditions=(condition(held, name="no-debug", message=message),))
        return finding(policy(build=asked), evidence(keyless()), workflow()).detail

    assert told(Held.FALSE, "debug builds\nstay out") == "condition no-debug: debug builds?stay out"
    assert told(Held.FALSE, None) == "condition no-debug: e"
    assert told(Held.ERROR, "debug builds stay out") == "condition no-debug: no such key"


@pytest.mark.case("POL-017")
def test_a_condition_sees_the_statement_the_image_the_workload_and_one_time() -> None:
    seen: list[Facts] = []

    def look(facts: Facts) -> Held:
        seen.append(facts)
        return Held.TRUE

    built = keyless()
    assert reason(BuildRequirement(level=3, conditions=(condition(look),)), built) is Reason.Satisfied
    pod = workload()
    assert seen == [
        Facts(statement=built, reference=pod.images[0].reference, digest=D, workload=pod, now=NOW)  # type: ignore[arg-type]
    ]


def test_conditions_are_asked_only_of_what_meets_everything_before_them() -> None:
    def never(_facts: Facts) -> Held:
        raise AssertionError("asked in vain")

    asked = replace(EXPECTED, max_age=timedelta(minutes=1), conditions=(condition(never),))
    assert reason(asked) is Reason.TooOld
