"""SBOMs and other attestations."""

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.condition import Held
from controller.core.evidence import Evidence, Gap, Kind, Refused, VerifiedStatement
from controller.core.predicates import PROVENANCE_V1
from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    AttestationRequirement,
    BuildRequirement,
    Requirements,
    SBOMRequirement,
)
from controller.core.signer import Extensions, Signer
from tests.support.facts import NOW, D, evidence, finding, matcher, policy, signer
from tests.support.keylessfacts import (
    EXPECTED,
    OLD_EXTENSIONS,
    SIGNED,
    VULN,
    attestation,
    certificate,
    certified,
    condition,
    keyless,
    named,
    said,
    sbom,
    scanned,
    workflow,
)

ANY_FORMAT = frozenset(SBOMFormat)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def with_sbom(*statements: VerifiedStatement, formats: frozenset[SBOMFormat] = ANY_FORMAT, level: int = 3) -> Reason:
    require = Requirements(build=BuildRequirement(level=level), sbom=SBOMRequirement(formats=formats, signers=None))
    other = workflow("other", by=named("https://github.com/evil/ci/.github/workflows/image.yml@refs/tags/v*"))
    return finding(policy(require=require), evidence(*statements), workflow(), other).reason


def with_scan(
    requirement: AttestationRequirement, *statements: VerifiedStatement, gaps: tuple[Gap, ...] = ()
) -> Reason:
    found = evidence(*statements, gaps=gaps)
    return finding(policy(require=Requirements(attestations=(requirement,))), found).reason


@pytest.mark.case("SUM-016")
@pytest.mark.parametrize(
    ("format_", "version"), [(SBOMFormat.SPDX, "2.3"), (SBOMFormat.SPDX, "3.0.1"), (SBOMFormat.CYCLONEDX, "1.6")]
)
def test_an_sbom_by_the_signer_of_the_provenance_is_enough(format_: SBOMFormat, version: str) -> None:
    assert with_sbom(keyless(), sbom(format_=format_, version=version)) is Reason.Satisfied


@pytest.mark.case("SUM-029")
@pytest.mark.parametrize(
    "by",
    [
        certificate("https://github.com/evil/ci/.github/workflows/image.yml@refs/tags/v1"),
        certificate(root="elsewhere"),
        certificate(issuer="https://gitlab.com"),
        said(source_repository_uri="https://github.com/evil/shop"),
        certificate(extensions=Extensions()),
        signer("builder"),
    ],
)
def test_an_sbom_by_another_signer_than_the_provenances_is_none(by: Signer) -> None:
    assert with_sbom(keyless(), sbom(by)) is Reason.NoSBOM


@pytest.mark.case("SUM-029")
@pytest.mark.parametrize("repository", ["evil/shop", "acme/shop-evil", None])
def test_an_sbom_by_an_old_certificate_of_another_repository_is_by_another_signer(repository: str | None) -> None:
    """Of the old generation nothing but extension 5 tells who called a reusable workflow."""
    ours = certificate(extensions=OLD_EXTENSIONS)
    theirs = certificate(extensions=replace(OLD_EXTENSIONS, workflow_repository=repository))
    built = keyless(ours, source=SourceClaim())
    assert with_sbom(built, sbom(ours)) is Reason.Satisfied
    assert with_sbom(built, sbom(theirs)) is Reason.NoSBOM


def test_an_sbom_of_another_run_of_the_same_workflow_for_the_same_repository_is_by_the_same_signer() -> None:
    assert with_sbom(keyless(), sbom(said(run_invocation_uri="2", source_repository_digest="e" * 40))) is (
        Reason.Satisfied
    )


def test_the_sbom_is_by_the_signer_of_a_statement_that_meets_everything() -> None:
    """Beside P there is genuine provenance of the same workflow, called from elsewhere, with an SBOM of its own."""
    require = Requirements(build=EXPECTED, sbom=SBOMRequirement(formats=ANY_FORMAT, signers=None))
    evil = "https://github.com/evil/shop"
    attacked = evidence(
        keyless(), certified(source_repository_uri=evil, build_config_uri=None), sbom(said(source_repository_uri=evil))
    )
    assert finding(policy(require=require), attacked, workflow()).reason is Reason.NoSBOM


@pytest.mark.parametrize("by", [None, signer("person")])
def test_provenance_that_no_builder_speaks_for_names_nobody_who_signs_the_sbom(by: Signer | None) -> None:
    built = replace(keyless(), signer=by)
    assert with_sbom(built, replace(sbom(), signer=by), level=1) is Reason.NoSBOM


@pytest.mark.case("SUM-017")
@pytest.mark.case("SUM-018")
@pytest.mark.case("SUM-019")
def test_unsigned_foreign_refused_and_other_formats_are_no_sbom() -> None:
    named_signer = Requirements(sbom=SBOMRequirement(formats=frozenset({SBOMFormat.SPDX}), signers=(matcher("sbom"),)))
    refused = Refused(step=1, detail="verified, but about another digest", where="x", kind=Kind.SBOM)

    def reason(found: Evidence) -> Reason:
        return finding(policy(require=named_signer), found).reason

    assert reason(evidence(sbom(signer("sbom")))) is Reason.Satisfied
    assert reason(evidence(replace(sbom(), signer=None))) is Reason.NoSBOM
    assert reason(evidence(sbom(signer("person")))) is Reason.NoSBOM
    assert reason(evidence(sbom(signer("sbom", root="elsewhere")))) is Reason.NoSBOM
    assert reason(evidence(sbom(signer("sbom"), format_=SBOMFormat.CYCLONEDX))) is Reason.NoSBOM
    assert reason(evidence(refused=(refused,))) is Reason.NoSBOM
    assert reason(evidence()) is Reason.NoSBOM


@pytest.mark.case("SUM-020")
@pytest.mark.parametrize(
    ("held", "expected"),
    [(Held.TRUE, Reason.Satisfied), (Held.FALSE, Reason.ConditionFalse), (Held.ERROR, Reason.ConditionError)],
)
def test_an_attestation_must_meet_its_conditions(held: Held, expected: Reason) -> None:
    assert with_scan(scanned(conditions=(condition(held),)), attestation()) is expected


OLDER = attestation(times=(SIGNED - DAY,), payload="older")
NEWER = attestation(times=(SIGNED,), payload="newer")
OLDER_IS_GOOD = (condition(lambda facts: Held.TRUE if facts.statement == OLDER else Held.FALSE),)


@pytest.mark.case("SUM-021")
def test_an_older_good_attestation_helps_only_where_any_will_do() -> None:
    assert with_scan(scanned(conditions=OLDER_IS_GOOD), OLDER, NEWER) is Reason.Satisfied
    assert with_scan(scanned(conditions=OLDER_IS_GOOD, newest=True), OLDER, NEWER) is Reason.ConditionFalse
    assert with_scan(scanned(conditions=OLDER_IS_GOOD, newest=True), OLDER) is Reason.Satisfied


def test_of_several_that_were_signed_last_all_must_do() -> None:
    same = replace(NEWER, times=OLDER.times)
    assert with_scan(scanned(conditions=OLDER_IS_GOOD, newest=True), OLDER, same) is Reason.ConditionFalse


def test_a_later_timestamp_makes_nothing_newer() -> None:
    stamped = replace(OLDER, times=(*OLDER.times, SIGNED + SECOND))
    good = (condition(lambda facts: Held.TRUE if facts.statement == stamped else Held.FALSE),)
    assert with_scan(scanned(conditions=good, newest=True), stamped, NEWER) is Reason.ConditionFalse


def test_where_the_newest_is_asked_one_without_a_time_may_be_it() -> None:
    untimed = attestation(times=(), payload="untimed")
    assert with_scan(scanned(newest=True), NEWER, untimed) is Reason.NoSigningTime
    assert with_scan(scanned(), NEWER, untimed) is Reason.Satisfied


def test_where_the_newest_is_asked_a_stranger_can_push_nothing_newer() -> None:
    later = attestation(signer("person"), times=(SIGNED + SECOND,), payload="stranger")
    assert with_scan(scanned(conditions=OLDER_IS_GOOD, newest=True), OLDER, later) is Reason.Satisfied


def test_where_the_newest_is_asked_ignorance_refuses_beside_a_good_one() -> None:
    gap = Gap(reason=Reason.RegistryUnavailable, detail="503")
    assert with_scan(scanned(newest=True), NEWER, gaps=(gap,)) is Reason.RegistryUnavailable
    assert with_scan(scanned(), NEWER, gaps=(gap,)) is Reason.Satisfied


@pytest.mark.case("SET-017")
def test_the_age_of_an_attestation_is_judged() -> None:
    week = scanned(max_age=7 * DAY)
    assert with_scan(week, attestation(times=(NOW - 7 * DAY,))) is Reason.Satisfied
    assert with_scan(week, attestation(times=(NOW - 7 * DAY - SECOND,))) is Reason.TooOld
    assert with_scan(week, attestation(times=())) is Reason.NoSigningTime
    old = tuple(attestation(times=(NOW - n * DAY,), payload=str(n)) for n in range(8, 98))
    assert with_scan(week, *old) is Reason.TooOld
    assert with_scan(week, *old, attestation()) is Reason.Satisfied


@pytest.mark.case("SUM-022")
@pytest.mark.case("SUM-023")
@pytest.mark.parametrize(
    "other",
    [
        attestation(predicate_type="https://cosign.sigstore.dev/attestation/v1"),
        attestation(predicate_type=f"{VULN}/"),
        attestation(predicate_type=VULN[:-1]),
        attestation(signer("person")),
        attestation(signer("scanner", root="elsewhere")),
        keyless(),
    ],
)
def test_another_valid_attestation_is_not_the_one_that_is_asked(other: VerifiedStatement) -> None:
    assert with_scan(scanned(), other) is Reason.NoAttestation
    assert with_scan(scanned(), other, attestation()) is Reason.Satisfied


@pytest.mark.case("SUM-023")
def test_an_attestation_that_was_refused_is_none() -> None:
    refused = Refused(step=0, detail="signed by no key", where="x", kind=None)
    found = finding(policy(require=Requirements(attestations=(scanned(),))), evidence(refused=(refused,)))
    assert found.reason is Reason.NoAttestation
    assert "signed by no key" in found.detail


@pytest.mark.case("SET-013")
def test_an_sbom_that_may_be_there_is_unknown() -> None:
    gap = Gap(reason=Reason.RegistryUnavailable, detail="503")
    require = Requirements(build=EXPECTED, sbom=SBOMRequirement(formats=ANY_FORMAT, signers=None))
    found = finding(policy(require=require), evidence(keyless(), gaps=(gap,)), workflow())
    assert found.reason is Reason.RegistryUnavailable
    assert [(one.name, one.outcome.value if one.outcome else None) for one in found.requirements] == [
        ("buildLevel", "pass"),
        ("sources", "pass"),
        ("sbom", "error"),
    ]


def test_a_condition_is_asked_of_the_attestation_itself() -> None:
    only_scan = (condition(lambda facts: Held.TRUE if facts.statement.subject == D else Held.FALSE),)
    assert with_scan(scanned(conditions=only_scan), attestation()) is Reason.Satisfied
    provenance_too = AttestationRequirement(predicate_type=PROVENANCE_V1, signers=(named(),))
    assert with_scan(provenance_too, keyless()) is Reason.Satisfied
