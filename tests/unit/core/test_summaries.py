"""Verification summaries: what stands in for provenance, and how far."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.policy import Policy
from controller.core.reasons import Outcome, Reason
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    BuildRequirement,
    DependencyRequirement,
    Part,
    Requirements,
    SBOMRequirement,
    SourceLevelRequirement,
    SourceVerifier,
    SummaryAcceptance,
)
from controller.core.verdict import Finding
from tests.support.facts import NOW, evidence, finding, matcher, policy, signer
from tests.support.keylessfacts import (
    COMMIT,
    EXPECTED,
    REPOSITORY,
    SHOP,
    acceptance,
    certified,
    keyless,
    sbom,
    summary,
    workflow,
)

TWO = BuildRequirement(level=2)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def judged(
    entry: SummaryAcceptance, *statements: VerifiedStatement, asked: BuildRequirement | Requirements = TWO
) -> Finding:
    require = asked if isinstance(asked, Requirements) else Requirements(build=asked)
    return finding(policy(require=require, accept=(entry,)), evidence(*statements), workflow())


def reason(
    entry: SummaryAcceptance, *statements: VerifiedStatement, asked: BuildRequirement | Requirements = TWO
) -> Reason:
    return judged(entry, *statements, asked=asked).reason


@pytest.mark.case("SUM-001")
def test_an_accepted_summary_stands_in_for_the_level() -> None:
    found = judged(acceptance(), summary())
    assert (found.reason, found.proven.level, found.proven.signer) == (Reason.Satisfied, 3, "key verifier of acme")
    assert [(one.name, one.outcome) for one in found.requirements] == [("buildLevel", Outcome.PASS)]
    assert finding(policy(build=TWO), evidence(summary()), workflow()).reason is Reason.NoProvenance


@pytest.mark.case("SUM-002")
@pytest.mark.case("SUM-003")
@pytest.mark.parametrize(
    "levels",
    [
        ("SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3"),
        ("SLSA_BUILD_LEVEL_UNEVALUATED",),
        ("ACME_GOLD", "SLSA_SOURCE_LEVEL_3"),
        ("SLSA_BUILD_LEVEL_3 ",),
        ("slsa_build_level_3",),
        (),
    ],
)
def test_what_claims_no_one_build_level_claims_none(levels: tuple[str, ...]) -> None:
    assert reason(acceptance(), summary(levels)) is Reason.SummaryMismatch


@pytest.mark.case("SUM-004")
@pytest.mark.parametrize(
    "resource", ["ghcr.io/acme/cart", f"{REPOSITORY}-evil", f"{REPOSITORY}/x", "ghcr.io/acme", "{repository}", ""]
)
def test_a_summary_of_another_resource_is_none_of_this(resource: str) -> None:
    assert reason(acceptance(), summary(resource=resource)) is Reason.SummaryMismatch
    either = acceptance(resources=("pkg:oci/shop", f"oci://{REPOSITORY}", "{repository}"))
    assert reason(either, summary(resource=f"oci://{REPOSITORY}")) is Reason.Satisfied


@pytest.mark.case("SUM-005")
@pytest.mark.case("SUM-006")
@pytest.mark.parametrize(
    "other",
    [
        summary(by=signer("person")),
        summary(by=signer("verifier", root="elsewhere")),
        summary(verifier="https://evil.example"),
        summary(passed=False),
    ],
)
def test_another_signer_verifier_or_result_is_not_accepted(other: VerifiedStatement) -> None:
    assert reason(acceptance(), other) is Reason.SummaryMismatch
    assert reason(acceptance(), other, summary()) is Reason.Satisfied


@pytest.mark.case("SUM-007")
def test_a_failed_summary_beside_a_good_one_changes_nothing() -> None:
    assert reason(acceptance(), summary(passed=False, payload="F"), summary()) is Reason.Satisfied


@pytest.mark.case("SUM-008")
def test_the_age_of_a_summary_is_by_the_verifiers_time_else_by_the_signing_time() -> None:
    daily = acceptance(max_age=DAY)
    assert reason(daily, summary(verified_at=NOW - DAY, times=())) is Reason.Satisfied
    assert reason(daily, summary(verified_at=NOW - DAY - SECOND)) is Reason.TooOld
    assert reason(daily, summary(times=(NOW - DAY,))) is Reason.Satisfied
    assert reason(daily, summary(times=(NOW - DAY - SECOND,))) is Reason.TooOld
    assert reason(daily, summary(times=())) is Reason.NoSigningTime
    assert reason(daily, summary(verified_at=NOW + SECOND)) is Reason.SummaryMismatch
    assert reason(daily, summary(verified_at=NOW)) is Reason.Satisfied
    assert reason(daily, summary(verified_at=NOW - SECOND, times=(NOW - DAY - SECOND,))) is Reason.TooOld
    assert reason(daily, summary(verified_at=NOW - DAY - SECOND, times=(NOW,))) is Reason.TooOld
    assert reason(acceptance(), summary(times=())) is Reason.Satisfied
    assert reason(acceptance(), summary(verified_at=NOW + DAY)) is Reason.Satisfied
    assert reason(acceptance(), summary(verified_at=NOW + DAY + SECOND)) is Reason.SummaryMismatch


@pytest.mark.case("SUM-009")
def test_the_policy_that_was_verified_by_must_be_the_one_asked() -> None:
    by_uri, by_digest = acceptance(policy_uris={"https://p.example/1"}), acceptance(policy_digests={"sha256:aa"})
    assert reason(by_uri, summary(policy_uri="https://p.example/1")) is Reason.Satisfied
    for uri in ("https://p.example/2", None):
        assert reason(by_uri, summary(policy_uri=uri)) is Reason.SummaryMismatch
    assert reason(by_digest, summary(policy_digests={"sha1": "bb", "sha256": "aa"})) is Reason.Satisfied
    for digests in ({"sha256": "bb"}, {"sha512": "aa"}, {}, None):
        assert reason(by_digest, summary(policy_digests=digests)) is Reason.SummaryMismatch


@pytest.mark.case("SUM-010")
def test_what_is_not_covered_still_needs_provenance() -> None:
    found = judged(acceptance(), summary(), asked=EXPECTED)
    assert found.reason is Reason.NoProvenance
    assert "buildLevel by a verification summary" in found.detail
    low = replace(workflow(), max_level=1)
    whole = policy(build=EXPECTED, accept=(acceptance(),))
    assert finding(whole, evidence(summary(), keyless()), low).reason is Reason.Satisfied
    elsewhere = certified(source_repository_uri="https://github.com/evil/shop", build_config_uri=None)
    assert finding(whole, evidence(summary(), elsewhere), low).reason is Reason.SourceMismatch
    assert finding(whole, evidence(keyless()), low).reason is Reason.LevelTooLow


@pytest.mark.case("SUM-025")
def test_a_summary_stands_in_for_all_that_its_entry_covers() -> None:
    entry = acceptance(Part.BUILD_LEVEL, Part.SOURCES, policy_uris={"https://p.example/1"})
    good = summary(policy_uri="https://p.example/1")
    assert reason(entry, good, asked=EXPECTED) is Reason.Satisfied
    assert reason(entry, good, asked=replace(EXPECTED, builders=frozenset({"reusable"}))) is Reason.NoProvenance
    assert reason(entry, good, asked=replace(EXPECTED, max_age=DAY)) is Reason.NoProvenance


@pytest.mark.case("SUM-026")
@pytest.mark.parametrize("level", [3, 4, 999])
def test_a_summary_is_believed_up_to_its_entrys_level(level: int) -> None:
    asked = BuildRequirement(level=3)
    assert reason(acceptance(level=2), summary((f"SLSA_BUILD_LEVEL_{level}",)), asked=asked) is Reason.LevelTooLow
    found = judged(acceptance(level=2), summary((f"SLSA_BUILD_LEVEL_{level}",)))
    assert (found.reason, found.proven.level) == (Reason.Satisfied, 2)
    assert reason(acceptance(), summary(("SLSA_BUILD_LEVEL_2",)), asked=asked) is Reason.LevelTooLow


def test_a_summary_that_was_refused_is_told_as_one_where_nothing_came_closer() -> None:
    about_another = Refused(step=1, detail="verified, but about another digest", where="x", kind=Kind.SUMMARY)
    accepting = policy(build=TWO, accept=(acceptance(),))
    found = finding(accepting, evidence(refused=(about_another,)), workflow())
    assert found.reason is Reason.SummaryMismatch
    assert "another digest" in found.detail
    assert finding(policy(build=TWO), evidence(refused=(about_another,)), workflow()).reason is Reason.NoProvenance


@pytest.mark.parametrize("statement", [summary(passed=False), summary(by=signer("person")), summary(levels=())])
def test_a_summary_that_is_not_accepted_hides_no_closer_provenance(statement: VerifiedStatement) -> None:
    branch = certified(source_repository_ref="refs/heads/main", build_config_uri=None)
    assert reason(acceptance(), statement, branch, asked=EXPECTED) is Reason.RefNotAllowed


def test_what_a_summary_leaves_and_nothing_shows_is_told_beside_what_it_covers() -> None:
    found = judged(acceptance(), summary(), asked=replace(EXPECTED, max_age=DAY))
    told = [(one.name, one.outcome) for one in found.requirements]
    assert told == [("buildLevel", Outcome.PASS), ("sources", Outcome.FAIL), ("build", None)]
    assert "no provenance" in found.requirements[1].detail


def test_what_an_entry_covers_and_nobody_asks_makes_no_difference() -> None:
    entry = acceptance(Part.DEPENDENCIES)
    assert reason(entry, summary()) is Reason.NoProvenance
    assert reason(entry, summary(), keyless()) is Reason.Satisfied


def test_two_summaries_stand_in_for_what_each_covers() -> None:
    level, source = acceptance(), replace(acceptance(Part.SOURCES), verifier_id="https://other.example")
    both = policy(build=EXPECTED, accept=(level, source))
    other = summary(verifier="https://other.example", payload="O")
    assert finding(both, evidence(summary(), other), workflow()).reason is Reason.Satisfied
    assert finding(both, evidence(summary()), workflow()).outcome is Outcome.FAIL


@pytest.mark.parametrize("levels", [(), ("ACME_GOLD",), ("SLSA_BUILD_LEVEL_0",)])
def test_a_summary_needs_no_level_to_stand_in_for_what_is_none(levels: tuple[str, ...]) -> None:
    asked = replace(EXPECTED, level=None)
    assert reason(acceptance(Part.SOURCES), summary(levels), asked=asked) is Reason.Satisfied
    assert reason(acceptance(Part.SOURCES), summary(levels), asked=EXPECTED) is Reason.NoProvenance
    assert reason(acceptance(Part.SOURCES), summary(levels, passed=False), asked=asked) is Reason.SummaryMismatch


def test_two_summaries_of_one_verifier_by_different_policies_add_up_as_their_entries_say() -> None:
    level = acceptance(policy_uris={"https://p.example/level"})
    source = acceptance(Part.SOURCES, policy_uris={"https://p.example/source"})
    of_level = summary(policy_uri="https://p.example/level", payload="L")
    of_source = summary((), policy_uri="https://p.example/source", payload="S")
    both = policy(build=EXPECTED, accept=(level, source))
    assert finding(both, evidence(of_level, of_source), workflow()).reason is Reason.Satisfied
    for alone in (of_level, of_source):
        assert finding(both, evidence(alone), workflow()).reason is Reason.NoProvenance
    low = summary(("SLSA_BUILD_LEVEL_1",), policy_uri="https://p.example/level", payload="L")
    assert finding(both, evidence(low, of_source), workflow()).outcome is Outcome.FAIL


def test_a_summary_that_falls_short_in_one_covered_part_covers_none() -> None:
    entry = acceptance(Part.BUILD_LEVEL, Part.SOURCES)
    low = summary(("SLSA_BUILD_LEVEL_1",))
    elsewhere = certified(source_repository_uri="https://github.com/evil/shop", build_config_uri=None)
    assert reason(entry, low, elsewhere, asked=EXPECTED) is Reason.SourceMismatch


def test_a_source_level_is_of_the_expected_source_even_where_a_summary_covers_it() -> None:
    verifier = SourceVerifier(verifier_id="https://scs.example", signers=(matcher("scs"),), max_level=3)
    asked = Requirements(build=EXPECTED, source_level=SourceLevelRequirement(level=2, summaries=(verifier,)))

    def attested(repository: str) -> VerifiedStatement:
        levels = ("SLSA_SOURCE_LEVEL_3",)
        by = signer("scs")
        return summary(levels, by=by, verifier="https://scs.example", resource=repository, commit=COMMIT, payload="S")

    entry = acceptance(Part.BUILD_LEVEL, Part.SOURCES)
    evil = "https://github.com/evil/shop"
    elsewhere = certified(source_repository_uri=evil, build_config_uri=None)
    assert reason(entry, summary(), elsewhere, attested(evil), asked=asked) is Reason.SourceMismatch
    assert reason(entry, summary(), keyless(), attested(SHOP), asked=asked) is Reason.Satisfied


def test_an_sbom_is_signed_by_whom_provenance_names_and_no_summary_names_anybody() -> None:
    asked = Requirements(build=TWO, sbom=SBOMRequirement(formats=frozenset(SBOMFormat), signers=None))
    assert reason(acceptance(), summary(), sbom(), asked=asked) is Reason.NoSBOM
    low = policy(require=asked, accept=(acceptance(),))
    spoken_for = evidence(summary(), keyless(), sbom())
    assert finding(low, spoken_for, workflow(level=1)).reason is Reason.NoSBOM
    assert finding(low, spoken_for, workflow()).reason is Reason.Satisfied


# Dependencies by a summary


def depending(level: int | None = 1) -> Requirements:
    return Requirements(build=TWO, dependencies=DependencyRequirement(level=level, images=()))


@pytest.mark.case("SUM-011")
@pytest.mark.case("SUM-012")
@pytest.mark.case("SUM-013")
@pytest.mark.parametrize(
    ("counted", "expected"),
    [
        (None, Reason.DependencyLevelTooLow),
        ({}, Reason.Satisfied),
        ({"SLSA_BUILD_LEVEL_1": 4, "SLSA_BUILD_LEVEL_3": 1}, Reason.Satisfied),
        ({"SLSA_BUILD_LEVEL_0": 1, "SLSA_BUILD_LEVEL_3": 9}, Reason.DependencyLevelTooLow),
        ({"SLSA_BUILD_LEVEL_0": 0, "SLSA_BUILD_LEVEL_3": 9}, Reason.Satisfied),
        ({"SLSA_BUILD_LEVEL_UNEVALUATED": 1}, Reason.DependencyLevelTooLow),
        ({"SLSA_SOURCE_LEVEL_3": 2}, Reason.DependencyLevelTooLow),
        ({"SLSA_SOURCE_LEVEL_3": 2, "SLSA_BUILD_LEVEL_1": 1}, Reason.DependencyLevelTooLow),
        ({"SLSA_SOURCE_LEVEL_3": 2, "SLSA_BUILD_LEVEL_1": 2}, Reason.Satisfied),
        ({"ACME_GOLD": 1}, Reason.DependencyLevelTooLow),
    ],
)
def test_dependency_levels_are_counted_and_no_claim_is_not_none(
    counted: dict[str, int] | None, expected: Reason
) -> None:
    entry = acceptance(Part.BUILD_LEVEL, Part.DEPENDENCIES)
    assert reason(entry, summary(dependencies=counted), asked=depending()) is expected


def test_of_two_levels_that_are_asked_of_dependencies_the_strictest_counts() -> None:
    entry = acceptance(Part.BUILD_LEVEL, Part.DEPENDENCIES)
    for levels in ((1, 3), (3, 1)):
        base, other = (depending(level) for level in levels)
        both = policy(require=base, any_of=(other,), accept=(entry,))
        low, high = (summary(dependencies={f"SLSA_BUILD_LEVEL_{level}": 1}) for level in (2, 3))
        assert finding(both, evidence(low), workflow()).reason is Reason.DependencyLevelTooLow
        assert finding(both, evidence(high), workflow()).reason is Reason.Satisfied


def test_dependency_levels_count_only_where_the_entry_covers_dependencies() -> None:
    assert reason(acceptance(), summary(dependencies={}), asked=depending()) is Reason.NoProvenance
    assert reason(acceptance(), summary(dependencies={}), keyless(), asked=depending()) is Reason.DependencyLevelTooLow


def test_a_summary_that_covers_no_dependencies_need_not_tell_their_levels() -> None:
    low = replace(workflow(level=1), records_dependencies=True)
    asks = policy(require=depending(), accept=(acceptance(),))
    assert finding(asks, evidence(summary(), keyless()), low).reason is Reason.Satisfied
    assert finding(asks, evidence(keyless()), low).reason is Reason.LevelTooLow


def test_a_summary_that_may_tell_a_level_need_not_where_none_is_asked() -> None:
    asked = BuildRequirement(builders=frozenset({"another"}))
    assert reason(acceptance(Part.BUILD_LEVEL, Part.BUILDERS), summary(()), asked=asked) is Reason.Satisfied


def test_a_summary_without_a_claim_vouches_where_no_level_is_asked() -> None:
    entry = acceptance(Part.BUILD_LEVEL, Part.DEPENDENCIES)
    assert reason(entry, summary(), asked=depending(None)) is Reason.Satisfied


# Alternatives


@pytest.mark.case("SET-018")
def test_an_alternative_may_be_met_by_a_summary() -> None:
    strict = Requirements(build=BuildRequirement(level=3, builders=frozenset({"reusable"})))
    whole = policy(any_of=(strict, Requirements(build=TWO)), accept=(acceptance(),))
    assert finding(whole, evidence(summary()), workflow()).reason is Reason.Satisfied
    assert finding(whole, evidence(keyless()), workflow()).reason is Reason.Satisfied
    assert finding(whole, evidence(), workflow()).reason is Reason.NoProvenance


@pytest.mark.case("SET-019")
def test_where_no_alternative_holds_each_ones_nearest_miss_is_told() -> None:
    def whole(*alternatives: BuildRequirement) -> Policy:
        return policy(any_of=tuple(Requirements(build=one) for one in alternatives))

    far, near = BuildRequirement(builders=frozenset({"other"})), replace(EXPECTED, max_age=timedelta(minutes=1))
    for order in ((far, near), (near, far)):
        found = finding(whole(*order), evidence(keyless()), workflow())
        assert found.reason is Reason.TooOld
        assert "anyOf[0]: " in found.detail
        assert "anyOf[1]: " in found.detail
        assert "BuilderNotTrusted" in found.detail
        assert {one.name for one in found.requirements} >= {"anyOf[0].builders", "anyOf[1].build"} or order[0] is near
