"""One statement shows everything, and the closest one is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.condition import Held
from controller.core.demand import Demand
from controller.core.evidence import VerifiedStatement
from controller.core.expectation import source_miss
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import BuildRequirement, DependencyRequirement, Part, Requirements
from controller.core.signer import Extensions
from controller.core.step import Step
from controller.core.testimony import Voice
from controller.core.verdict import Proven
from tests.support.facts import BUILD_TYPE, NOW, evidence, finding, policy
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
    workflow,
)


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
    assert finding(policy(build=asked), evidence(keyless()), workflow()).reason is Reason.Satisfied


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


def test_of_two_lists_of_sources_the_one_that_is_missed_first_counts() -> None:
    testimony = Voice(builder=workflow(), source=CLAIM, proven=Proven())
    branch, elsewhere = (alternative(refs=("refs/heads/main",)),), (alternative("https://github.com/evil/shop"),)
    for groups in ((branch, elsewhere), (elsewhere, branch)):
        found = source_miss(groups, testimony, ((),))
        assert found is not None
        assert (found[0], found[1].reason) == (Step.REPOSITORY, Reason.SourceMismatch)


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
