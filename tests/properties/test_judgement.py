"""What must hold of judgement whatever the evidence: monotone, blind to order, level never above the builder's."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.evidence import Evidence, Gap, Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.policy import Mode, Policy, Tags, Uncovered
from controller.core.provenance import SourceClaim
from controller.core.reasons import Outcome, Reason
from controller.core.requirements import BuildRequirement
from controller.core.verdict import ImageVerdict
from tests.support.facts import (
    BUILD,
    D,
    builder,
    judge_build,
    judge_image,
    policies,
    policy,
    provenance,
    signature,
    signatures,
    sources,
    workload,
)

BUILDERS = (builder("one", level=1, key="k1"), builder("two", level=2, key="k2"), builder("three", level=3, key="k3"))

claims = st.builds(
    SourceClaim,
    repository=st.sampled_from([None, "https://github.com/acme/shop", "https://github.com/evil/shop"]),
    ref=st.sampled_from([None, "refs/tags/v1", "refs/heads/main"]),
)
provenances = st.builds(
    provenance,
    key=st.sampled_from(["k1", "k2", "k3", "person"]),
    root=st.sampled_from(["acme", "elsewhere"]),
    source=claims,
).map(lambda statement: replace(statement, payload=Digest.of(repr(statement.provenance).encode())))  # it names them
image_signatures = st.builds(signature, st.sampled_from(["k1", "k2", "person"]), payload=st.sampled_from("ghi"))
statements = st.lists(st.one_of(provenances, image_signatures), max_size=6)
refusals = st.lists(
    st.builds(
        Refused,
        step=st.integers(0, 1),
        detail=st.just("no"),
        where=st.sampled_from("xyz"),
        kind=st.sampled_from([None, *Kind]),
    ),
    max_size=3,
)
gaps = st.lists(st.builds(Gap, reason=st.just(Reason.RegistryUnavailable), detail=st.just("503")), max_size=1)
requirements = st.builds(
    BuildRequirement,
    level=st.sampled_from([1, 2, 3]),
    builders=st.sampled_from([None, frozenset({"two"}), frozenset({"one", "three"})]),
    sources=st.sampled_from([(), (sources("https://github.com/acme/{1}", refs=("refs/tags/v*",)),)]),
)
members = st.builds(
    policy,
    mode=st.just(Mode.ENFORCE),
    tags=st.just(Tags.PIN),
    build=requirements,
    required=st.sampled_from([(), (signatures("k1", "k2"),), (signatures("k1", "k2", threshold=2),)]),
)


def judged(one: Policy, evidence: Evidence) -> ImageVerdict:
    pod = workload()
    known = policies(one, builders=BUILDERS)
    return judge_image(known, pod, pod.images[0], evidence=evidence, uncovered=Uncovered.ALLOW)


def refuses(one: Policy, evidence: Evidence) -> bool:
    return any(finding.refuses for finding in judged(one, evidence).findings)


def gathered(found: list[VerifiedStatement], refused: list[Refused], missing: list[Gap]) -> Evidence:
    return Evidence(digest=D, statements=tuple(found), refused=tuple(refused), gaps=tuple(missing))


@pytest.mark.case("SET-005")
@given(members, statements, refusals, gaps, st.randoms(use_true_random=False))
def test_order_of_evidence_means_nothing(one, found, refused, missing, random) -> None:  # type: ignore[no-untyped-def]
    before = judged(one, gathered(found, refused, missing))
    for items in (found, refused, missing):
        random.shuffle(items)
    assert judged(one, gathered(found, refused, missing)) == before


@pytest.mark.case("SET-014")
@given(members, statements, refusals, gaps)
def test_removing_a_statement_never_turns_a_refusal_into_an_admission(one, found, refused, missing) -> None:  # type: ignore[no-untyped-def]
    if refuses(one, gathered(found, refused, missing)):
        for index in range(len(found)):
            assert refuses(one, gathered(found[:index] + found[index + 1 :], refused, missing))


@given(members, statements, refusals)
def test_junk_beside_it_never_changes_a_verdict(one, found, refused) -> None:  # type: ignore[no-untyped-def]
    assert refuses(one, gathered(found, [], [])) == refuses(one, gathered(found, refused, []))


@given(members, statements, gaps)
def test_ignorance_never_admits_what_knowledge_refuses(one, found, missing) -> None:  # type: ignore[no-untyped-def]
    if refuses(one, gathered(found, [], [])):
        assert refuses(one, gathered(found, [], missing))


@given(members, gaps)
def test_no_evidence_admits_nothing(one, missing) -> None:  # type: ignore[no-untyped-def]
    assert refuses(one, gathered([], [], missing))


@given(provenances, requirements)
def test_the_level_never_exceeds_the_builders_maximum(statement, requirement) -> None:  # type: ignore[no-untyped-def]
    known = {one.name: one for one in BUILDERS}
    answer = judge_build(requirement, Evidence(digest=D, statements=(statement,)), known, (("shop",),))
    top = max((b.max_level for b in BUILDERS if b.speaks_for(statement)), default=1)
    assert answer.proven.level is not None
    assert answer.proven.level <= top
    if answer.satisfied and requirement.level is not None:
        assert requirement.level <= top


@given(provenances)
def test_every_failure_has_a_reason_of_its_class(statement) -> None:  # type: ignore[no-untyped-def]
    answer = judge_build(BUILD, Evidence(digest=D, statements=(statement,)), {"two": BUILDERS[1]}, (("shop",),))
    assert answer.reason.outcome in (Outcome.PASS, Outcome.FAIL)


@given(members, statements)
def test_a_namespaced_policy_beside_it_loosens_nothing(one, found) -> None:  # type: ignore[no-untyped-def]
    evidence = gathered(found, [], [])
    tenant = replace(one, name=replace(one.name, kind="SLSAPolicy", namespace="shop"), mode=Mode.AUDIT)
    pod = workload()
    both = judge_image(
        policies(one, tenant, builders=BUILDERS), pod, pod.images[0], evidence=evidence, uncovered=Uncovered.ALLOW
    )
    assert any(finding.refuses for finding in both.findings) == refuses(one, evidence)
