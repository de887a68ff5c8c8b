"""The source level of the commit that was built."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from controller.core.evaluate import judge_image, select
from controller.core.evidence import VerifiedStatement
from controller.core.policy import Policy, Uncovered
from controller.core.provenance import SourceClaim
from controller.core.question import Moment
from controller.core.reasons import Reason
from controller.core.requirements import Requirements, SourceLevelRequirement, SourceVerifier
from controller.core.signer import Extensions
from tests.support.facts import NOW, evidence, finding, matcher, policies, policy, signer, workload
from tests.support.keylessfacts import COMMIT, EXPECTED, SHOP, certificate, certified, keyless, summary, workflow

SCS = "https://scs.example"


def asking(level: int = 2, *, most: int = 3) -> Policy:
    verifier = SourceVerifier(verifier_id=SCS, signers=(matcher("scs"),), max_level=most)
    return policy(
        require=Requirements(build=EXPECTED, source_level=SourceLevelRequirement(level=level, summaries=(verifier,)))
    )


def attested(
    level: str = "SLSA_SOURCE_LEVEL_3",
    *others: str,
    key: str = "scs",
    verifier: str = SCS,
    repository: str = f"git+{SHOP}",
    commit: str = COMMIT,
    passed: bool = True,
    payload: str = "S",
) -> VerifiedStatement:
    levels = (level, *others)
    by = signer(key)
    return summary(levels, by=by, verifier=verifier, resource=repository, commit=commit, passed=passed, payload=payload)


def reason(*statements: VerifiedStatement, asked: Policy | None = None) -> Reason:
    return finding(asked or asking(), evidence(*statements), workflow()).reason


@pytest.mark.case("SRC-032")
@pytest.mark.case("SRC-034")
@pytest.mark.parametrize("repository", [SHOP, f"git+{SHOP}", f"{SHOP}.git", f"{SHOP}/"])
def test_a_summary_about_the_commit_and_repository_tells_its_source_level(repository: str) -> None:
    assert reason(keyless(), attested(repository=repository)) is Reason.Satisfied
    assert reason(keyless(), attested("SLSA_SOURCE_LEVEL_2", "ORG_SOURCE_REVIEWED")) is Reason.Satisfied


@pytest.mark.case("SRC-033")
@pytest.mark.parametrize(
    "other",
    [
        attested(commit="d" * 40),
        attested(repository="https://github.com/evil/shop"),
        attested(repository="https://github.com/Acme/shop"),
        attested(repository="http://github.com/acme/shop"),
        attested(passed=False),
        attested("SLSA_SOURCE_LEVEL_1"),
        attested("SLSA_SOURCE_LEVEL_UNEVALUATED"),
        attested("SLSA_BUILD_LEVEL_3"),
        attested("SLSA_SOURCE_LEVEL_2", "SLSA_SOURCE_LEVEL_3"),
        attested(key="person"),
        attested(verifier="https://evil.example"),
    ],
)
def test_a_summary_of_anything_else_tells_nothing(other: VerifiedStatement) -> None:
    assert reason(keyless(), other) is Reason.SourceLevelTooLow
    assert reason(keyless(), other, attested(payload="G")) is Reason.Satisfied


@pytest.mark.case("SRC-033")
def test_without_any_summary_the_level_is_unknown() -> None:
    assert reason(keyless()) is Reason.SourceLevelTooLow


@pytest.mark.case("SRC-038")
def test_a_source_summary_counts_for_the_statement_of_its_commit_only() -> None:
    other = certified(source_repository_digest="d" * 40, payload="O")
    assert reason(other, attested()) is Reason.SourceLevelTooLow
    assert reason(other, keyless(), attested()) is Reason.Satisfied
    branch = certified(source_repository_ref="refs/heads/main", build_config_uri=None)
    assert reason(branch, other, attested()) is not Reason.Satisfied


def test_a_summary_that_was_made_in_the_future_tells_nothing() -> None:
    def made(time: datetime) -> VerifiedStatement:
        levels, by = ("SLSA_SOURCE_LEVEL_3",), signer("scs")
        return summary(levels, by=by, verifier=SCS, resource=SHOP, commit=COMMIT, verified_at=time)

    assert reason(keyless(), made(NOW + timedelta(hours=24))) is Reason.Satisfied
    assert reason(keyless(), made(NOW + timedelta(hours=24, seconds=1))) is Reason.SourceLevelTooLow
    assert reason(keyless(), made(NOW - timedelta(days=3650))) is Reason.Satisfied


@pytest.mark.case("SRC-039")
def test_a_verifier_is_believed_up_to_its_level() -> None:
    assert reason(keyless(), attested(), asked=asking(3, most=2)) is Reason.SourceLevelTooLow
    assert reason(keyless(), attested(), asked=asking(2, most=2)) is Reason.Satisfied
    assert reason(keyless(), attested("SLSA_SOURCE_LEVEL_4"), asked=asking(3)) is Reason.Satisfied


def test_a_commit_that_nobody_may_tell_has_no_level() -> None:
    verifier = SourceVerifier(verifier_id=SCS, signers=(matcher("scs"),), max_level=3)
    alone = policy(require=Requirements(source_level=SourceLevelRequirement(level=1, summaries=(verifier,))))
    silent = keyless(certificate(extensions=Extensions()))
    assert reason(keyless(), attested(), asked=alone) is Reason.Satisfied
    assert reason(silent, attested(), asked=alone) is Reason.SourceLevelTooLow
    assert reason(certified(source_repository_digest=None), attested(), asked=alone) is Reason.SourceLevelTooLow
    assert reason(keyless(signer("person")), attested(), asked=alone) is Reason.BuilderNotTrusted
    unsigned = replace(keyless(source=SourceClaim(repository=SHOP, commit=COMMIT)), signer=None)
    assert reason(unsigned, attested(), asked=alone) is Reason.BuilderNotTrusted


def test_a_summary_of_the_future_counts_from_its_time_on_whatever_was_found_before() -> None:
    made = attested()
    assert made.summary is not None
    found = evidence(keyless(), replace(made, summary=replace(made.summary, time_verified=NOW)))
    members, pod = policies(asking(), builders=(workflow(),)), workload()
    selected = select(members, pod, pod.images[0])

    def told(now: datetime) -> Reason:
        moment = Moment(now=now, uncovered=Uncovered.ALLOW)
        verdict = judge_image(members, pod, pod.images[0], selected=selected, evidence=found, moment=moment)
        return verdict.findings[0].reason

    early, late = NOW - timedelta(days=1, seconds=1), NOW - timedelta(days=1)
    assert [told(now) for now in (early, late, early)] == [
        Reason.SourceLevelTooLow,
        Reason.Satisfied,
        Reason.SourceLevelTooLow,
    ]
