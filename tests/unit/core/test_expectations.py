"""What one provenance statement must show besides level, builder and repository."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.condition import Facts, Held
from controller.core.demand import Demand
from controller.core.evidence import VerifiedStatement
from controller.core.parameters import parameter_miss
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import BuildRequirement, DependencyRequirement, Part, Requirements, SourceRequirement
from controller.core.signer import Extensions
from controller.core.slsa import TrustedBuilder
from tests.support.facts import BUILD_TYPE, NOW, D, evidence, finding, policy, workload
from tests.support.keylessfacts import (
    CLAIM,
    ENTRY_POINT,
    EXPECTED,
    REF,
    SHOP,
    alternative,
    certificate,
    certified,
    condition,
    keyless,
    named,
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


# One statement, and the order in which it is asked


@pytest.mark.case("SET-001")
@pytest.mark.parametrize(
    "halves",
    [
        (
            keyless(source=CLAIM, times=(), payload="1"),
            certified(build_trigger="x", payload="2"),
        ),
        (keyless(parameters={"debug": 1}, payload="1"), keyless(build_type="https://b.example/t", payload="2")),
    ],
)
def test_what_two_statements_show_between_them_nobody_shows(halves: tuple[VerifiedStatement, ...]) -> None:
    asked = BuildRequirement(
        level=3,
        sources=(alternative(triggers={"push"}),),
        types=frozenset({BUILD_TYPE}),
        parameters=("workflow",),
        max_age=timedelta(days=1),
    )
    assert finding(policy(build=asked), evidence(*halves), workflow()).outcome is Outcome.FAIL
    assert reason(asked) is Reason.Satisfied


@pytest.mark.case("SET-001")
def test_a_base_and_its_alternative_are_met_by_one_statement() -> None:
    require = Requirements(build=BuildRequirement(types=frozenset({BUILD_TYPE})))
    both = policy(require=require, any_of=(Requirements(build=EXPECTED),))

    right_type = certified(source_repository_ref="refs/heads/main", build_config_uri=None, payload="1")
    right_source = keyless(build_type="https://b.example/t", payload="2")
    found = finding(both, evidence(right_type, right_source), workflow())
    assert found.outcome is Outcome.FAIL
    assert (
        finding(both, evidence(right_type, right_source, keyless(payload="3")), workflow()).reason is Reason.Satisfied
    )


ORDERED: list[tuple[Reason, VerifiedStatement]] = [
    (Reason.BuilderNotTrusted, keyless(certificate("https://evil.example"))),
    (Reason.LevelTooLow, keyless(certificate("https://low.example"))),
    (Reason.BuildTypeNotAllowed, keyless(build_type="https://b.example/t")),
    (
        Reason.SourceMismatch,
        certified(source_repository_uri="https://github.com/evil/shop"),
    ),
    (
        Reason.RefNotAllowed,
        certified(source_repository_ref="refs/heads/main"),
    ),
    (Reason.EntryPointMismatch, certified(build_config_uri=None)),
    (Reason.TriggerNotAllowed, certified(build_trigger="schedule")),
    (Reason.ParameterNotAllowed, keyless(parameters={"debug": 1})),
    (Reason.TooOld, keyless(times=(NOW - timedelta(days=2),))),
    (Reason.ConditionFalse, keyless(dependencies=(), runner="github-hosted")),
    (Reason.DependencyLevelTooLow, keyless()),
]


def test_the_closest_statement_gives_the_reason_in_the_order_of_the_steps() -> None:
    asked = BuildRequirement(
        level=3,
        types=frozenset({BUILD_TYPE}),
        sources=(alternative(refs=("refs/tags/v*",), entry_points=(ENTRY_POINT,), triggers={"push"}),),
        parameters=("workflow",),
        max_age=timedelta(days=1),
        conditions=(condition(lambda facts: Held.FALSE if facts.statement == ORDERED[9][1] else Held.TRUE),),
    )
    whole = policy(require=Requirements(build=asked, dependencies=DependencyRequirement(level=1, images=())))
    builders = (workflow(), workflow("low", level=2, by=named("https://low.example")))
    for last in range(1, len(ORDERED) + 1):
        statements = [one for _, one in ORDERED[:last]]
        assert len({one.payload for one in statements}) == 1  # nothing but how close they came tells them apart
        for order in (statements, statements[::-1]):
            assert finding(whole, evidence(*order), *builders).reason is ORDERED[last - 1][0]


def test_of_equally_close_statements_the_one_with_the_lower_digest_is_told() -> None:
    one, two = (
        certified(source_repository_ref=ref, build_config_uri=None, payload=ref)
        for ref in ("refs/heads/a", "refs/heads/b")
    )
    first = min(one, two, key=lambda statement: str(statement.payload))
    assert isinstance(first.signer, type(certificate()))
    for order in ((one, two), (two, one)):
        assert (
            str(first.signer.extensions.source_repository_ref)
            in finding(policy(build=EXPECTED), evidence(*order), workflow()).detail
        )


# Parts joined


def test_joined_demands_ask_what_both_ask() -> None:
    first = Requirements(
        build=BuildRequirement(level=1, builders=frozenset({"a", "b"}), max_age=timedelta(days=2), parameters=("x",))
    )
    second = Requirements(
        build=BuildRequirement(level=3, builders=frozenset({"b", "c"}), max_age=timedelta(days=1), parameters=("y",))
    )
    joined = Demand.of(first, second)
    assert (joined.level, joined.builders, joined.max_age) == (3, frozenset({"b"}), timedelta(days=1))
    assert joined.parameters == (("x",), ("y",))
    assert joined.parts == (Part.BUILD_LEVEL, Part.BUILDERS, Part.BUILD)
    assert Demand.of(first, Requirements(build=BuildRequirement(builders=frozenset({"c"})))).builders == frozenset()


def test_builders_and_types_that_no_two_parts_both_allow_are_met_by_nobody() -> None:
    for one, other in (
        (BuildRequirement(builders=frozenset({"reusable"})), BuildRequirement(builders=frozenset({"x"}))),
        (BuildRequirement(types=frozenset({BUILD_TYPE})), BuildRequirement(types=frozenset({"x"}))),
    ):
        whole = policy(require=Requirements(build=one), any_of=(Requirements(build=other),))
        assert finding(whole, evidence(keyless()), workflow()).outcome is Outcome.FAIL


def test_each_requirement_is_told_by_itself() -> None:
    asked = replace(EXPECTED, builders=frozenset({"reusable"}), max_age=timedelta(days=1))
    passed = finding(policy(build=asked), evidence(keyless()), workflow())
    assert {(one.name, one.outcome) for one in passed.requirements} == {
        (name, Outcome.PASS) for name in ("buildLevel", "builders", "sources", "build")
    }
    branch = certified(source_repository_ref="refs/heads/main", build_config_uri=None)
    missed = finding(policy(build=asked), evidence(branch), workflow())
    assert [(one.name, one.outcome) for one in missed.requirements] == [
        ("buildLevel", Outcome.PASS),
        ("builders", Outcome.PASS),
        ("sources", Outcome.FAIL),
        ("build", None),
    ]
    assert missed.requirements[2].detail == missed.detail
    absent = finding(policy(build=asked), evidence(), workflow())
    assert [one.outcome for one in absent.requirements] == [Outcome.FAIL, None, None, None]


def test_what_was_proven_is_told_with_the_source_by_the_word_that_counts() -> None:
    proven = finding(policy(build=EXPECTED), evidence(keyless(source=replace(CLAIM, ref=None))), workflow()).proven
    assert (proven.level, proven.builders, proven.source, proven.ref, proven.commit) == (
        3,
        ("reusable",),
        SHOP,
        REF,
        "c" * 40,
    )
    silent = finding(policy(build=BuildRequirement(level=1)), evidence(keyless(certificate(extensions=Extensions()))))
    assert silent.proven.level == 1
