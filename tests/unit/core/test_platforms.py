"""An index and its children: each requirement by the index, or by every runnable child."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controller.core.condition import Facts, Held
from controller.core.evidence import Evidence, VerifiedStatement
from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    BuildRequirement,
    Requirements,
    SBOMRequirement,
    SourceLevelRequirement,
    SourceVerifier,
)
from tests.support.facts import (
    NOW,
    D,
    finding,
    matcher,
    policy,
    signature,
    signatures,
    signer,
)
from tests.support.families import AMD, ARM, DOWN, built, child, index, judged, reason
from tests.support.keylessfacts import (
    COMMIT,
    EXPECTED,
    SHOP,
    acceptance,
    attestation,
    certificate,
    condition,
    keyless,
    named,
    sbom,
    scanned,
    summary,
    workflow,
)

DAY = timedelta(days=1)


@pytest.mark.case("IDX-001")
def test_a_child_whose_index_alone_is_attested_is_refused_with_a_hint() -> None:
    found = judged(Evidence(digest=D))
    assert found.reason is Reason.NoProvenance
    assert "pin that index" in found.detail
    signed = policy(build=None, required=(signatures("release"),))
    assert "pin that index" in judged(Evidence(digest=D), signed).detail


def test_the_hint_is_given_only_where_it_can_help() -> None:
    unread = Evidence(digest=D, unread=(AMD,))
    assert "pin the index" not in judged(unread).detail
    assert "pin the index" not in judged(index(children=(child(AMD),))).detail
    assert "pin the index" not in judged(Evidence(digest=D, statements=(keyless(certificate("x")),))).detail


@pytest.mark.case("IDX-002")
def test_every_child_attested_is_as_good_as_the_index() -> None:
    found = judged(index(children=(built(AMD), built(ARM))))
    assert (found.reason, found.proven.level) == (Reason.Satisfied, 3)
    assert "each platform" in found.detail


@pytest.mark.case("IDX-003")
@pytest.mark.case("IDX-004")
def test_one_child_unattested_refuses_and_is_named() -> None:
    found = judged(index(children=(built(AMD), child(ARM))))
    assert found.reason is Reason.NoProvenance
    assert found.detail.startswith("linux/arm64: ")
    unnamed = replace(child(ARM), platform=None)
    assert judged(index(children=(built(AMD), unnamed))).detail.startswith(f"{ARM}: ")


def test_a_child_that_is_not_there_is_not_attested() -> None:
    assert reason(index(children=(built(AMD), Evidence(digest=None, found=False)))) is Reason.NoProvenance


@pytest.mark.case("IDX-009")
def test_an_index_without_children_has_none_that_could_answer_for_it() -> None:
    assert reason(index()) is Reason.NoProvenance
    assert reason(Evidence(digest=D, unread=(AMD,))) is Reason.NoProvenance
    half = replace(index(children=(built(AMD),)), unread=(ARM,))
    assert reason(half) is Reason.NoProvenance


@pytest.mark.case("IDX-013")
def test_an_attested_index_binds_its_children_by_digest() -> None:
    assert reason(index(keyless(), children=(child(AMD), child(ARM)))) is Reason.Satisfied
    assert reason(replace(index(keyless()), unread=(AMD, ARM))) is Reason.Satisfied


@pytest.mark.case("IDX-015")
def test_provenance_that_nobody_signed_is_level_one_child_by_child() -> None:
    children = tuple(built(one, replace(keyless(), signer=None)) for one in (AMD, ARM))
    found = judged(index(children=children), policy(build=BuildRequirement(level=1)))
    assert (found.reason, found.proven.level) == (Reason.Satisfied, 1)
    assert "unauthenticated" in found.detail
    assert reason(index(children=children), policy(build=BuildRequirement(level=2))) is Reason.LevelTooLow
    assert reason(index(children=(children[0], child(ARM))), policy(build=BuildRequirement(level=1))) is (
        Reason.NoProvenance
    )


@pytest.mark.case("IDX-016")
@pytest.mark.parametrize("signers", [None, (named(),)])
def test_each_requirement_is_met_by_the_index_or_by_every_child(signers: tuple[object, ...] | None) -> None:
    boms = tuple(child(one, sbom(subject=one)) for one in (AMD, ARM))
    require = Requirements(
        build=EXPECTED,
        sbom=SBOMRequirement(formats=frozenset(SBOMFormat), signers=signers),  # type: ignore[arg-type]
    )
    asked = policy(require=require)
    assert reason(index(keyless(), children=boms), asked) is Reason.Satisfied
    assert reason(index(keyless(), children=(boms[0], child(ARM))), asked) is Reason.NoSBOM
    assert reason(index(sbom(), children=(built(AMD), built(ARM))), asked) is Reason.Satisfied
    whole = tuple(
        replace(built(one.digest or D), statements=(*built(one.digest or D).statements, *one.statements))
        for one in boms
    )
    assert reason(index(children=whole), asked) is Reason.Satisfied
    stranger = child(ARM, sbom(certificate("https://evil.example"), subject=ARM))
    assert reason(index(keyless(), children=(boms[0], stranger)), asked) is Reason.NoSBOM


def test_an_sbom_of_the_index_is_by_a_signer_of_every_childs_provenance() -> None:
    require = Requirements(
        build=BuildRequirement(level=3), sbom=SBOMRequirement(formats=frozenset(SBOMFormat), signers=None)
    )
    other = certificate("https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v9.0.0")
    mixed = (built(AMD), built(ARM, keyless(other)))
    assert reason(index(sbom(), children=mixed), policy(require=require)) is Reason.NoSBOM


def test_signatures_and_levels_of_children_are_those_of_the_weakest() -> None:
    signed = policy(build=None, required=(signatures("release"),))
    both = tuple(child(one, replace(signature("release"), subject=one)) for one in (AMD, ARM))
    assert reason(index(children=both), signed) is Reason.Satisfied
    assert reason(index(children=(both[0], child(ARM))), signed) is Reason.NoSignature
    low = built(ARM, keyless(certificate("https://low.example")))
    found = finding(
        policy(build=BuildRequirement(level=2)),
        index(children=(built(AMD), low)),
        workflow(),
        workflow("low", level=2, by=named("https://low.example")),
    )
    assert (found.reason, found.proven.level) == (Reason.Satisfied, 2)


@pytest.mark.parametrize("levels", [(3, 2), (2, 3)])
def test_what_summaries_of_all_children_show_is_what_the_weakest_shows(levels: tuple[int, int]) -> None:
    """Here the provenance stands at the index, and the level is told by summaries about the children."""
    asked = policy(build=replace(EXPECTED, level=2), accept=(acceptance(),))
    children = tuple(
        child(digest, summary((f"SLSA_BUILD_LEVEL_{level}",), subject=digest))
        for digest, level in zip((AMD, ARM), levels, strict=True)
    )
    found = finding(asked, index(keyless(), children=children), workflow(level=1))
    assert (found.reason, found.proven.level) == (Reason.Satisfied, 2)


def test_a_summary_about_the_index_stands_in_for_its_children_and_theirs_for_it() -> None:
    asked = policy(build=EXPECTED, accept=(acceptance(),))

    def result(found: Evidence) -> Reason:
        return finding(asked, found, workflow(level=1)).reason

    assert result(index(summary(), children=(built(AMD), built(ARM)))) is Reason.Satisfied
    summarised = tuple(child(one, summary(subject=one)) for one in (AMD, ARM))
    assert result(index(keyless(), children=summarised)) is Reason.Satisfied
    assert result(index(keyless(), children=(summarised[0], child(ARM)))) is Reason.LevelTooLow
    assert result(index(keyless(), children=())) is Reason.LevelTooLow
    unread = replace(index(keyless(), children=summarised[:1]), unread=(ARM,))
    assert result(unread) is Reason.LevelTooLow


def test_a_source_summary_counts_wherever_it_is_attached() -> None:
    verifier = SourceVerifier(verifier_id="https://scs.example", signers=(matcher("scs"),), max_level=3)
    asked = policy(
        require=Requirements(build=EXPECTED, source_level=SourceLevelRequirement(level=2, summaries=(verifier,)))
    )
    source = summary(
        ("SLSA_SOURCE_LEVEL_2",), by=signer("scs"), verifier="https://scs.example", resource=SHOP, commit=COMMIT
    )
    assert reason(index(source, children=(built(AMD), built(ARM))), asked) is Reason.Satisfied
    assert reason(index(keyless(), children=(child(AMD, source),)), asked) is Reason.Satisfied


def test_a_condition_sees_the_digest_of_the_image_and_the_statement_of_the_child() -> None:
    def look(facts: Facts) -> Held:
        return Held.TRUE if facts.digest == D and facts.statement.subject in (AMD, ARM) else Held.FALSE

    asked = policy(build=BuildRequirement(level=3, conditions=(condition(look),)))
    assert reason(index(children=(built(AMD), built(ARM))), asked) is Reason.Satisfied


OLD, NEW = NOW - 2 * DAY, NOW - DAY
GOOD_UNTIL_OLD = (condition(lambda facts: Held.TRUE if facts.statement.signed_at == OLD else Held.FALSE),)


def scan(digest: Digest, *, at: datetime) -> VerifiedStatement:
    return attestation(times=(at,), payload=f"{digest} {at}", subject=digest)


def newest(found: Evidence) -> Reason:
    entry = scanned(newest=True, conditions=GOOD_UNTIL_OLD)
    return finding(policy(require=Requirements(attestations=(entry,))), found).reason


@pytest.mark.case("SUM-021")
def test_no_older_one_of_a_child_makes_the_newest_of_the_index_good() -> None:
    children = (child(AMD, scan(AMD, at=OLD)), child(ARM, scan(ARM, at=OLD)))
    assert newest(index(children=children)) is Reason.Satisfied
    assert newest(index(scan(D, at=OLD), scan(D, at=NEW), children=children)) is Reason.ConditionFalse
    assert newest(index(scan(D, at=OLD), children=children)) is Reason.Satisfied


def test_a_child_whose_newest_is_bad_refuses_beside_good_ones() -> None:
    worse = child(ARM, scan(ARM, at=OLD), scan(ARM, at=NEW))
    assert newest(index(children=(child(AMD, scan(AMD, at=OLD)), worse))) is Reason.ConditionFalse


def test_what_may_be_the_newest_of_the_index_is_not_made_good_by_children_either() -> None:
    children = (child(AMD, scan(AMD, at=OLD)), child(ARM, scan(ARM, at=OLD)))
    assert newest(index(children=children, gaps=(DOWN,))) is Reason.RegistryUnavailable
    assert newest(index(scan(D, at=OLD), children=children, gaps=(DOWN,))) is Reason.RegistryUnavailable
