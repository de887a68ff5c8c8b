"""What must hold of judgement with everything a policy can ask: summaries, attestations, SBOMs, children."""

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TypeVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.core.condition import Held
from controller.core.errors import Problem
from controller.core.evidence import Evidence, Gap, Kind, Refused, VerifiedStatement
from controller.core.exception import ExemptImage, PolicyException
from controller.core.image import Digest
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import BrokenPolicy, Mode, Policy, PolicyName
from controller.core.policyset import PolicySet
from controller.core.provenance import SourceClaim
from controller.core.question import EXCEPTION_MAXIMUM
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
)
from controller.core.signer import Extensions
from controller.core.slsa import SourceFrom
from controller.core.verdict import ImageVerdict
from controller.core.window import Window
from tests.support.facts import NOW, D, judge_image, matcher, policies, policy, signature, signatures, signer, workload
from tests.support.keylessfacts import (
    COMMIT,
    EXPECTED,
    EXTENSIONS,
    SHOP,
    acceptance,
    attestation,
    certificate,
    certified,
    condition,
    keyless,
    named,
    sbom,
    scanned,
    summary,
    workflow,
)

T = TypeVar("T")
DAY = timedelta(days=1)
BUILDERS = (
    replace(
        workflow(),
        records_dependencies=True,
        revoked=(Window(start=NOW - 20 * DAY, end=NOW - 15 * DAY),),
    ),
    workflow("low", level=1, by=named("https://low.example")),
    workflow("told", by=named("https://told.example"), source_from=SourceFrom.PROVENANCE),
)
ELSEWHERE: dict[str, str | None] = {"source_repository_uri": "https://github.com/evil/shop", "build_config_uri": None}
CHILDREN = (Digest.of(b"amd64"), Digest.of(b"arm64"))
SCS = SourceVerifier(verifier_id="https://scs.example", signers=(matcher("scs"),), max_level=3)

OLD_SCAN = attestation(times=(NOW - 9 * DAY,), payload="old scan")
GOOD: tuple[VerifiedStatement, ...] = (
    keyless(),
    summary(
        ("SLSA_SOURCE_LEVEL_2",),
        by=signer("scs"),
        verifier="https://scs.example",
        resource=SHOP,
        commit=COMMIT,
        payload="source",
    ),
    sbom(),
    attestation(),
    signature("release"),
    signature("security", payload="second"),
)
STATEMENTS: tuple[VerifiedStatement, ...] = (
    *GOOD,
    keyless(certificate("https://low.example"), payload="low"),
    keyless(certificate("https://evil.example"), payload="evil"),
    keyless(
        certificate("https://low.example", extensions=replace(EXTENSIONS, **ELSEWHERE)),
        source=SourceClaim(),
        payload="low elsewhere",
    ),
    certified(**ELSEWHERE, payload="elsewhere"),
    certified(source_repository_ref="refs/heads/main", build_config_uri=None, payload="branch"),
    keyless(times=(NOW - 9 * DAY,), payload="old"),
    replace(keyless(payload="unsigned"), signer=None),
    keyless(times=(NOW - 16 * DAY,), payload="revoked"),
    keyless(times=(), payload="timeless"),
    keyless(certificate("https://told.example", extensions=Extensions()), payload="told"),
    keyless(
        certificate("https://told.example", extensions=Extensions()),
        source=SourceClaim(repository="https://github.com/evil/shop"),
        payload="told evil",
    ),
    summary(),
    summary(passed=False, payload="failed"),
    summary(("SLSA_BUILD_LEVEL_1",), dependencies={}, payload="one"),
    summary(by=signer("person"), payload="stranger"),
    sbom(certificate("https://low.example"), payload="low bom"),
    sbom(certificate("https://evil.example"), payload="evil bom"),
    attestation(signer("person"), payload="person's"),
    OLD_SCAN,
)
some = st.lists(st.sampled_from(STATEMENTS), max_size=7, unique=True)
statements = st.one_of(
    some, st.builds(lambda good, more: list(dict.fromkeys([*good, *more])), st.sampled_from([GOOD, GOOD[:3]]), some)
)
"""Some are enough for most policies, with others beside: what is refused anyway shows little."""
gaps = st.lists(st.just(Gap(reason=Reason.RegistryUnavailable, detail="503")), max_size=1)


def candidate(detail: str, where: str, *, step: int = 0, kind: Kind | None = None) -> Refused:
    return Refused(step=step, detail=detail, where=where, kind=kind)


refusals = st.lists(
    st.builds(
        candidate,
        st.sampled_from(["no", "never"]),
        st.sampled_from("xy"),
        step=st.integers(0, 1),
        kind=st.sampled_from([None, *Kind]),
    ),
    max_size=2,
)


def seldom(absent: T, *asked: T) -> st.SearchStrategy[T]:
    """Mostly what asks for nothing: of much that is asked at once something is missing nearly always."""
    return st.sampled_from([absent] * 3 * len(asked) + list(asked))


builds = st.builds(
    BuildRequirement,
    level=st.sampled_from([1, 2, 3]),
    builders=seldom(None, frozenset({"low"}), frozenset({"reusable", "told"})),
    sources=st.sampled_from([(), EXPECTED.sources]),
    max_age=seldom(None, DAY),
    conditions=seldom((), (condition(lambda facts: Held.TRUE if facts.statement.times else Held.ERROR),)),
)
requirements = st.builds(
    Requirements,
    build=builds,
    source_level=seldom(None, SourceLevelRequirement(level=2, summaries=(SCS,))),
    dependencies=seldom(None, DependencyRequirement(level=1, images=())),
    signatures=seldom((), (signatures("release", "security", threshold=2),)),
    sbom=seldom(None, SBOMRequirement(formats=frozenset(SBOMFormat), signers=None)),
    attestations=seldom((), (scanned(max_age=DAY),)),
)
ACCEPTED = (
    acceptance(),
    acceptance(level=2),
    acceptance(Part.BUILD_LEVEL, Part.SOURCES, Part.DEPENDENCIES),
    acceptance(Part.BUILDERS, Part.BUILD, level=2),
)
members = st.builds(
    policy,
    require=requirements,
    any_of=st.lists(requirements, max_size=2).map(tuple),
    accept=st.lists(st.sampled_from(ACCEPTED), max_size=2, unique=True).map(tuple),
)


NEWEST = Requirements(attestations=(scanned(newest=True),))
any_members = st.builds(
    lambda one, other: replace(one, any_of=(*one.any_of, *other)),
    members,
    st.lists(st.just(NEWEST), max_size=1).map(tuple),
)
"""With alternatives that ask for the newest, too: for them less evidence is not always worth less."""
TENANT = PolicyName(kind="SLSAPolicy", namespace="shop", name="tenant")
exceptions = st.builds(
    PolicyException,
    name=st.just("e"),
    policies=st.just(frozenset({TENANT})),
    namespaces=st.sampled_from(["shop", "*", "other"]).map(lambda text: (Glob.compile(text),)),
    images=st.sampled_from([None, D, CHILDREN[0]]).map(
        lambda digest: (ExemptImage(images=ImageGlob.compile("ghcr.io/**"), digest=digest),)
    ),
    expires=st.sampled_from([NOW - DAY, NOW, NOW + DAY, NOW + 400 * DAY]),
    created=st.sampled_from([None, NOW - DAY, NOW - 400 * DAY]),
    reason=st.just("r"),
)


def about(statement: VerifiedStatement, digest: Digest) -> VerifiedStatement:
    return statement if statement.subject is None else replace(statement, subject=digest)


def gathered(
    own: list[VerifiedStatement],
    *children: list[VerifiedStatement],
    refused: list[Refused] | None = None,
    missing: list[Gap] | None = None,
) -> Evidence:
    return Evidence(
        digest=D,
        statements=tuple(own),
        refused=tuple(refused or ()),
        gaps=tuple(missing or ()),
        children=tuple(
            Evidence(digest=digest, statements=tuple(about(one, digest) for one in held))
            for digest, held in zip(CHILDREN, children, strict=False)
        ),
    )


def judged(one: Policy, evidence: Evidence) -> ImageVerdict:
    pod = workload()
    return judge_image(policies(one, builders=BUILDERS), pod, pod.images[0], evidence=evidence)


def refuses(one: Policy, evidence: Evidence) -> bool:
    return any(finding.refuses for finding in judged(one, evidence).findings)


@pytest.mark.case("SET-005")
@given(any_members, statements, statements, statements, refusals, st.randoms(use_true_random=False))
@example(policy(), [], [], [], [candidate("no", "x"), candidate("never", "y")], Random(1))  # swaps two
def test_order_means_nothing(one, own, amd, arm, refused, random) -> None:  # type: ignore[no-untyped-def]
    before = judged(one, gathered(own, amd, arm, refused=refused))
    for items in (own, amd, arm, refused):
        random.shuffle(items)
    assert judged(one, gathered(own, amd, arm, refused=refused)) == before


@pytest.mark.case("SET-014")
@settings(deadline=None)  # it judges once for every statement
@given(members, statements, statements, statements)
@example(policy(require=Requirements(attestations=(scanned(max_age=DAY),))), [attestation(), OLD_SCAN], [], [])
def test_removing_a_statement_admits_nothing(one, own, amd, arm) -> None:  # type: ignore[no-untyped-def]
    if refuses(one, gathered(own, amd, arm)):
        for held in (own, amd, arm):
            for statement in list(held):
                held.remove(statement)
                assert refuses(one, gathered(own, amd, arm))
                held.append(statement)


@given(members, statements, statements, refusals)
def test_junk_changes_no_verdict(one, own, amd, refused) -> None:  # type: ignore[no-untyped-def]
    assert refuses(one, gathered(own, amd)) == refuses(one, gathered(own, amd, refused=refused))


@given(members, statements, statements, gaps)
def test_ignorance_admits_nothing_that_knowledge_refuses(one, own, amd, missing) -> None:  # type: ignore[no-untyped-def]
    assert refuses(one, gathered(own, amd)) == refuses(one, gathered(own, amd, missing=missing))


@given(members, statements)
def test_children_that_were_not_read_admit_nothing(one, own) -> None:  # type: ignore[no-untyped-def]
    unread = replace(gathered(own), unread=CHILDREN)
    assert refuses(one, unread) == refuses(one, gathered(own))


@given(members, statements, statements)
def test_a_policy_asks_no_less_with_an_alternative_removed_from_none(one, own, amd) -> None:  # type: ignore[no-untyped-def]
    """What holds with alternatives holds without them: they only ask for more."""
    if not refuses(one, gathered(own, amd)):
        assert not refuses(replace(one, any_of=()), gathered(own, amd))


@pytest.mark.case("SET-001")
@given(any_members, st.permutations(STATEMENTS).map(lambda found: found[:12]))
def test_what_is_admitted_needs_one_provenance_statement_and_no_other(one, own) -> None:  # type: ignore[no-untyped-def]
    """However much lies there, over the policy and its alternatives: what two only show together counts for nothing."""
    if not refuses(one, gathered(own)):
        built = [statement for statement in own if statement.kind is Kind.PROVENANCE]
        beside = [statement for statement in own if statement.kind is not Kind.PROVENANCE]
        assert not all(refuses(one, gathered([*kept, *beside])) for kept in [[], *([each] for each in built)])


@given(members, statements, statements)
def test_accepting_no_summaries_admits_nothing_more(one, own, amd) -> None:  # type: ignore[no-untyped-def]
    if refuses(one, gathered(own, amd)):
        assert refuses(replace(one, accept_summaries=()), gathered(own, amd))


@given(members, statements, statements)
def test_what_is_told_of_each_requirement_agrees_with_the_finding(one, own, amd) -> None:  # type: ignore[no-untyped-def]
    (finding, *_) = judged(one, gathered(own, amd)).findings
    outcomes = {told.outcome for told in finding.requirements}
    assert finding.requirements
    if finding.outcome is Outcome.PASS:
        assert outcomes == {Outcome.PASS}
    else:
        assert Outcome.FAIL in outcomes
    assert finding.detail.isprintable()


@given(members, statements)
@example(policy(build=BuildRequirement(level=2), accept=(acceptance(level=2),)), [summary()])
def test_the_level_is_never_above_what_a_builder_or_a_summarys_entry_may_tell(one, own) -> None:  # type: ignore[no-untyped-def]
    (finding, *_) = judged(one, gathered(own)).findings
    spoken = (b.max_level for b in BUILDERS for statement in own if b.speaks_for(statement))
    summarised = (entry.max_level for entry in one.accept_summaries if Part.BUILD_LEVEL in entry.covers)
    assert (finding.proven.level or 0) <= max([1, *spoken, *summarised])


@given(members, statements)
def test_what_is_admitted_shows_the_level_and_the_source_that_are_asked(one, own) -> None:  # type: ignore[no-untyped-def]
    (finding, *_) = judged(one, gathered(own)).findings
    if finding.refuses:
        return
    assert (finding.proven.level or 0) >= one.require.build.level
    vouched = any(Part.SOURCES in entry.covers for entry in one.accept_summaries)
    assert vouched or not one.require.build.sources or finding.proven.source == SHOP


@given(members, statements, st.sampled_from([Mode.WARN, Mode.AUDIT]))
def test_weaker_modes_never_refuse(one, own, mode) -> None:  # type: ignore[no-untyped-def]
    assert not refuses(replace(one, mode=mode), gathered(own))


@given(members, statements)
def test_a_broken_policy_admits_no_more_than_a_sound_one(one, own) -> None:  # type: ignore[no-untyped-def]
    broken = BrokenPolicy(name=one.name, mode=one.mode, match=one.match, problems=(Problem(path="p", message="m"),))
    pod = workload()
    found = judge_image(PolicySet(policies=(broken,)), pod, pod.images[0], evidence=gathered(own))
    assert any(finding.refuses for finding in found.findings)


@given(members, members, statements)
def test_a_namespaced_policy_only_tightens(one, other, own) -> None:  # type: ignore[no-untyped-def]
    tenant = replace(other, name=TENANT)
    pod = workload()
    both = judge_image(policies(one, tenant, builders=BUILDERS), pod, pod.images[0], evidence=gathered(own))
    alone = refuses(one, gathered(own))
    assert any(finding.refuses for finding in both.findings) >= alone


@given(members, members, statements, exceptions)
def test_an_exception_lets_in_what_its_own_policy_refuses_and_nothing_else(one, other, own, exception) -> None:  # type: ignore[no-untyped-def]
    pod = workload()
    both = policies(one, replace(other, name=TENANT), builders=BUILDERS)
    found = judge_image(replace(both, exceptions=(exception,)), pod, pod.images[0], evidence=gathered(own))
    before = judge_image(both, pod, pod.images[0], evidence=gathered(own))
    excused = [finding for finding in found.findings if finding.reason is Reason.Excepted]
    assert {finding.policy for finding in excused} <= {TENANT}
    kept = [finding for finding in before.findings if finding.policy not in {each.policy for each in excused}]
    assert [finding for finding in found.findings if finding not in excused] == kept
    if excused:
        assert exception.counts(now=NOW, maximum=EXCEPTION_MAXIMUM)
