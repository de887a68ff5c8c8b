"""Judging provenance: which one statement satisfies, and what is told when none does."""

from dataclasses import replace

import pytest

from controller.core.evidence import Evidence, Kind, Refused
from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement
from controller.core.slsa import SourceFrom, TrustedBuilder
from tests.support.facts import BUILD, BUILDER_ID, OTHER, D, builder, evidence, judge_build, provenance, sources

SHOP = (("shop",),)
EVIL = SourceClaim(repository="https://github.com/evil/shop", ref="refs/tags/v1.2.3")
BRANCH = SourceClaim(repository="https://github.com/acme/shop", ref="refs/heads/main")


def reason(found: Evidence, *builders: TrustedBuilder, requirement: BuildRequirement = BUILD) -> Reason:
    known = {one.name: one for one in builders or (builder(),)}
    return judge_build(requirement, found, known, SHOP).reason


def test_one_statement_that_shows_everything_satisfies() -> None:
    answer = judge_build(BUILD, evidence(provenance()), {"reusable": builder()}, SHOP)
    assert answer.reason is Reason.Satisfied
    assert (answer.proven.level, answer.proven.builders) == (3, ("reusable",))
    assert answer.proven.source == "https://github.com/acme/shop"


def test_no_provenance_is_told_apart_from_provenance_that_did_not_hold() -> None:
    refused = Refused(step=0, detail="signed by none", where="sha256:x", kind=None)
    signature = Refused(step=0, detail="signed by none", where="sha256:x", kind=Kind.IMAGE_SIGNATURE)
    assert reason(evidence()) is Reason.NoProvenance
    assert reason(evidence(refused=(refused,))) is Reason.NotVerified
    assert reason(evidence(refused=(signature,))) is Reason.NoProvenance


@pytest.mark.case("SIGN-007")
@pytest.mark.case("SIGN-022")
def test_the_right_builder_id_by_another_signer_is_not_trusted() -> None:
    assert reason(evidence(provenance(key="person"))) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-008")
def test_the_right_signer_with_another_builder_id_is_not_trusted() -> None:
    assert reason(evidence(provenance(builder_id=BUILDER_ID + ".evil"))) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-009")
def test_the_key_of_one_builder_does_not_speak_for_another() -> None:
    a, b = builder("a", key="a", ids=("https://a.example/b",)), builder("b", key="b", ids=("https://b.example/b",))
    mixed = provenance(key="a", builder_id="https://b.example/b")
    assert reason(evidence(mixed), a, b) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-010")
def test_a_build_type_that_the_builder_does_not_list_is_not_its_own() -> None:
    narrow = builder(build_types=frozenset({"https://acme.example/other@v1"}))
    assert reason(evidence(provenance()), narrow) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-015")
def test_a_builder_below_the_asked_level_is_told_as_the_level() -> None:
    assert reason(evidence(provenance()), builder(level=2)) is Reason.LevelTooLow


@pytest.mark.case("SIGN-023")
def test_of_two_builders_that_speak_for_a_statement_the_higher_counts_and_both_are_named() -> None:
    low, high = builder("low", level=2), builder("high", level=3)
    known = {"low": low, "high": high}
    assert judge_build(BUILD, evidence(provenance()), known, SHOP).reason is Reason.Satisfied
    asks_two = BuildRequirement(level=2)
    proven = judge_build(asks_two, evidence(provenance()), known, SHOP).proven
    assert (proven.level, proven.builders) == (3, ("high", "low"))


def test_only_builders_that_meet_the_level_are_named() -> None:
    known = {"low": builder("low", level=2), "high": builder("high", level=3)}
    assert judge_build(BUILD, evidence(provenance()), known, SHOP).proven.builders == ("high",)


@pytest.mark.case("SIGN-024")
def test_a_trusted_builder_that_the_policy_does_not_list_is_not_enough() -> None:
    listed = BuildRequirement(level=3, builders=frozenset({"other"}))
    assert reason(evidence(provenance()), builder(), builder("other", key="x"), requirement=listed) is (
        Reason.BuilderNotTrusted
    )


@pytest.mark.case("SIGN-029")
def test_level_one_alone_is_met_by_any_verified_provenance() -> None:
    assert reason(evidence(provenance(key="person")), requirement=BuildRequirement(level=1)) is Reason.Satisfied


@pytest.mark.case("SIGN-032")
@pytest.mark.parametrize(
    "requirement",
    [
        BuildRequirement(level=1, sources=BUILD.sources),
        BuildRequirement(sources=BUILD.sources),
        BuildRequirement(level=1, builders=frozenset({"reusable"})),
        BuildRequirement(level=2),
    ],
)
def test_anything_beyond_level_one_needs_a_builder_that_speaks(requirement: BuildRequirement) -> None:
    assert reason(evidence(provenance(key="person")), requirement=requirement) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-033")
def test_the_same_key_under_another_trust_root_is_another_signer() -> None:
    assert reason(evidence(provenance(root="elsewhere"))) is Reason.BuilderNotTrusted


@pytest.mark.case("SRC-030")
def test_a_key_does_not_tell_the_source_unless_the_builder_says_so() -> None:
    silent = builder(source_from=SourceFrom.CERTIFICATE)
    assert reason(evidence(provenance()), silent) is Reason.BuilderNotTrusted
    assert reason(evidence(provenance()), silent, requirement=BuildRequirement(level=3)) is Reason.Satisfied


@pytest.mark.case("SIGN-027")
def test_the_predicate_tells_the_source_where_the_builder_lets_it() -> None:
    assert reason(evidence(provenance()), builder(source_from=SourceFrom.PROVENANCE)) is Reason.Satisfied


@pytest.mark.case("SRC-023")
def test_a_source_that_could_not_be_read_meets_no_expectation() -> None:
    assert reason(evidence(provenance(source=SourceClaim()))) is Reason.SourceMismatch


@pytest.mark.case("SRC-026")
def test_a_genuine_high_level_from_another_repository_proves_nothing() -> None:
    answer = judge_build(BUILD, evidence(provenance(source=EVIL)), {"reusable": builder()}, SHOP)
    assert answer.reason is Reason.SourceMismatch
    assert "https://github.com/evil/shop" in answer.detail
    assert "https://github.com/acme/shop" in answer.detail


@pytest.mark.case("SRC-025")
def test_it_does_no_harm_beside_the_right_one() -> None:
    assert reason(evidence(provenance(source=EVIL, payload="E"), provenance())) is Reason.Satisfied


@pytest.mark.case("SRC-007")
@pytest.mark.case("SRC-008")
@pytest.mark.parametrize(
    "ref", ["refs/tags/x@refs/heads/main", "refs/heads/v1.2.3", "v1.2.3", "refs/tags/v1/x", "", None]
)
def test_a_ref_is_compared_as_a_whole(ref: str | None) -> None:
    claim = SourceClaim(repository="https://github.com/acme/shop", ref=ref)
    requirement = BuildRequirement(
        level=3, sources=(sources("https://github.com/acme/{1}", refs=("refs/heads/main", "refs/tags/v*")),)
    )
    assert reason(evidence(provenance(source=claim)), requirement=requirement) is Reason.RefNotAllowed


@pytest.mark.case("SRC-031")
def test_any_listed_repository_will_do() -> None:
    requirement = BuildRequirement(sources=(sources("https://github.com/acme/old", "https://github.com/acme/{1}"),))
    assert reason(evidence(provenance()), requirement=requirement) is Reason.Satisfied


@pytest.mark.case("SRC-036")
@pytest.mark.case("SRC-037")
def test_an_alternative_holds_as_a_whole_or_not_at_all() -> None:
    alternatives = (
        sources("https://github.com/acme/shop", refs=("refs/heads/main",)),
        sources("https://github.com/acme/fork", refs=("refs/tags/v*",)),
    )
    requirement = BuildRequirement(sources=alternatives)
    assert reason(evidence(provenance(source=BRANCH)), requirement=requirement) is Reason.Satisfied
    assert reason(evidence(provenance()), requirement=requirement) is Reason.RefNotAllowed


@pytest.mark.case("SET-001")
def test_two_statements_never_make_one() -> None:
    right_source = provenance(key="person", payload="1")
    right_builder = provenance(source=EVIL, payload="2")
    assert reason(evidence(right_source, right_builder)) is Reason.SourceMismatch


def test_the_closest_statement_is_told_whatever_its_place() -> None:
    far, near = provenance(key="person", payload="far"), provenance(source=BRANCH, payload="near")
    for payloads in (("a", "b"), ("b", "a")):
        first, second = provenance(key="person", payload=payloads[0]), provenance(source=BRANCH, payload=payloads[1])
        assert reason(evidence(first, second)) is Reason.RefNotAllowed
    assert reason(evidence(far, near)) is Reason.RefNotAllowed


def test_foreign_text_is_fit_to_print() -> None:
    hostile = provenance(builder_id="https://b.example/\x1b[31m\u202e" + "x" * 5000)
    answer = judge_build(BUILD, evidence(hostile), {"reusable": builder()}, SHOP)
    assert answer.detail.isascii()
    assert answer.detail.isprintable()
    assert len(answer.detail) < 700


def test_evidence_about_another_digest_cannot_be_held() -> None:
    with pytest.raises(ValueError, match="its own digest"):
        Evidence(digest=D, statements=(replace(provenance(), subject=OTHER),))


@pytest.mark.case("SIGN-001")
def test_unsigned_provenance_is_level_one_and_says_so() -> None:
    unsigned = replace(provenance(), signer=None)
    answer = judge_build(BuildRequirement(level=1), evidence(unsigned), {"reusable": builder()}, SHOP)
    assert answer.reason is Reason.Satisfied
    assert "unauthenticated" in answer.detail


@pytest.mark.case("SIGN-002")
@pytest.mark.case("SET-010")
@pytest.mark.parametrize("requirement", [BUILD, BuildRequirement(level=2)])
def test_unsigned_provenance_reaches_no_higher_level(requirement: BuildRequirement) -> None:
    assert reason(evidence(replace(provenance(), signer=None)), requirement=requirement) is Reason.LevelTooLow


@pytest.mark.case("SIGN-003")
@pytest.mark.parametrize(
    "requirement",
    [BuildRequirement(level=1, sources=BUILD.sources), BuildRequirement(level=1, builders=frozenset({"reusable"}))],
)
def test_unsigned_provenance_meets_no_expectation(requirement: BuildRequirement) -> None:
    assert reason(evidence(replace(provenance(), signer=None)), requirement=requirement) is Reason.BuilderNotTrusted
