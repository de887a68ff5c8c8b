"""What is remembered makes no difference to what is found, and goes with what it was made of."""

import gc
import weakref
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from controller.core import recall, scopes
from controller.core.evidence import Evidence
from controller.core.image import Repository
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policyset import PolicySet
from controller.core.reasons import Outcome, Reason
from controller.core.recall import Recall
from controller.core.records import SBOMFormat
from controller.core.requirements import BuildRequirement, Requirements, SBOMRequirement
from controller.core.scopes import Scopes
from controller.core.selector import Operator, Requirement, Selector
from controller.core.slsa import TrustedBuilder
from tests.support.facts import (
    BUILD,
    NOW,
    builder,
    evidence,
    judge_image,
    matcher,
    policies,
    policy,
    provenance,
    signature,
    signatures,
    signer,
    sources,
    workload,
)
from tests.support.keylessfacts import EXPECTED, acceptance, keyless, sbom, summary, workflow

REPOSITORY = Repository("ghcr.io", "acme/shop")


def reason(members: PolicySet, found: Evidence, *, later: timedelta = timedelta()) -> Reason:
    pod = workload()
    return judge_image(members, pod, pod.images[0], evidence=found, now=NOW + later).findings[0].reason


def test_the_same_is_worked_out_once_for_the_same_evidence() -> None:
    known, found, asked, made = Recall(), evidence(), object(), count(1)
    assert [known.once(found, asked, "about", lambda: next(made)) for _ in range(3)] == [1, 1, 1]


def test_other_evidence_another_question_and_another_subject_are_worked_out_for_themselves() -> None:
    known, found, asked = Recall(), evidence(), object()
    assert known.once(found, asked, "about", lambda: 1) == 1
    assert known.once(evidence(), asked, "about", lambda: 2) == 2
    assert known.once(found, object(), "about", lambda: 3) == 3
    assert known.once(found, asked, "another", lambda: 4) == 4


def test_what_is_remembered_goes_with_the_evidence() -> None:
    class Made:
        """Something that can be watched."""

    known, found = Recall(), evidence(provenance())
    gone = weakref.ref(known.once(found, BUILD, None, Made))
    assert gone() is not None
    del found
    assert gone() is None


def test_what_is_remembered_goes_with_its_policies_at_once() -> None:
    gc.disable()
    try:
        known, found = Recall(), evidence()
        known.once(found, BUILD, None, lambda: 1)
        gone = weakref.ref(known)
        del known
        assert gone() is None
    finally:
        gc.enable()


def test_memory_starts_anew_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "MAX_REMEMBERED", 3)
    known, found, asked = Recall(), evidence(), object()
    for number in range(10):
        assert known.once(found, asked, number, lambda number=number: number) == number  # type: ignore[misc]
        assert sum(len(results) for _, results in known._evidence.values()) <= 3
    monkeypatch.setattr(scopes, "MAX_SCOPES", 3)
    known_scopes = Scopes((policy(),))
    for number in range(10):
        assert known_scopes.about(f"team-{number}", REPOSITORY) == (policy(),)
        assert len(known_scopes._scopes) <= 3


def test_selections_are_bounded_by_the_policies_in_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes pods chooses repositories and labels, and so how many selections there are, of all policies."""
    monkeypatch.setattr(scopes, "MAX_MEMBERS", 20)
    wanted = [Requirement(key="app", operator=Operator.IN, values=frozenset({str(n), "all"})) for n in range(8)]
    members = tuple(policy(f"p{n}", match=Match(pod_selector=Selector((one,)))) for n, one in enumerate(wanted))
    known = Scopes(members)
    for number in [*range(8), *range(8)]:
        selected = known.select(workload(labels={"app": str(number)}), REPOSITORY)
        assert [one.name.name for one, _ in selected] == [f"p{number}"]
        assert len(known._labelled) + len(known._distinct) <= 2
    named = tuple(
        policy(f"p{n}", match=Match(images=(ImageGlob.compile(f"ghcr.io/acme/app-{n}*"),))) for n in range(30)
    )
    known = Scopes(named)
    for number in range(30):
        about = known.about("shop", Repository.parse(f"ghcr.io/acme/app-{number}"))
        assert [one.name.name for one in about] == [f"p{n}" for n in range(30) if str(number).startswith(str(n))]
        assert sum(len(one.policies) for one in known._distinct.values()) <= 20


def test_what_was_found_weighs_as_much_as_it_says_of_requirements() -> None:
    """A policy may ask for hundreds of things, and a finding tells each."""
    required = tuple(signatures(f"key-{n}") for n in range(40))
    members, found = policies(policy(build=None, required=required)), evidence(signature("release"))
    verdict = judge_image(members, workload(), workload().images[0], evidence=found)
    told = sum(len(one.requirements) for one in verdict.findings)
    assert told >= 40
    assert members.recall._remembered >= told


def test_reviews_by_a_summary_take_no_more_memory_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a summary leaves to be shown is asked of the provenance, by one and the same demand every time."""
    monkeypatch.setattr(recall, "MAX_REMEMBERED", 20)
    accepting = policy(build=EXPECTED, accept=(acceptance(),))
    members, found, made = policies(accepting, builders=(workflow(level=1),)), evidence(summary(), keyless()), count(1)
    assert members.recall.once(found, accepting, None, lambda: next(made)) == 1
    for _ in range(50):
        assert reason(members, found) is Reason.Satisfied
    assert members.recall.once(found, accepting, None, lambda: next(made)) == 1


def test_an_age_is_asked_anew_of_evidence_that_was_judged_before() -> None:
    young = policies(policy(build=replace(BUILD, max_age=timedelta(days=1))))
    found = evidence(replace(provenance(), times=(NOW,)))
    told = [reason(young, found, later=timedelta(days=days)) for days in (0, 2, 1)]
    assert told == [Reason.Satisfied, Reason.TooOld, Reason.Satisfied]


def test_changed_policies_and_builders_count_at_once_for_the_same_evidence() -> None:
    found = evidence(provenance())
    other = replace(BUILD, sources=(sources("https://github.com/acme/other"),))
    stranger: TrustedBuilder = builder(key="another")
    judged = (policies(policy()), policies(policy(build=other)), policies(policy(), builders=(stranger,)))
    told = [reason(members, found) for members in (*judged, judged[0])]
    assert told == [Reason.Satisfied, Reason.SourceMismatch, Reason.BuilderNotTrusted, Reason.Satisfied]


def test_one_policy_judges_two_repositories_of_one_evidence_each_by_its_own_name() -> None:
    found = evidence(provenance())
    members, shop, other = policies(policy()), workload(), workload(f"ghcr.io/acme/other@{found.digest}")
    told = [judge_image(members, pod, pod.images[0], evidence=found).findings[0].reason for pod in (shop, other, shop)]
    assert told == [Reason.Satisfied, Reason.SourceMismatch, Reason.Satisfied]


def test_one_signature_counts_for_its_own_repository_only_whichever_was_asked_before() -> None:
    required = (signatures("release", match_repository=True),)
    members, found = (
        policies(policy(build=None, required=required)),
        evidence(signature("release", repository=REPOSITORY)),
    )
    shop, other = workload(), workload(f"ghcr.io/acme/other@{found.digest}")
    told = [judge_image(members, pod, pod.images[0], evidence=found).findings[0].reason for pod in (shop, other, shop)]
    assert told == [Reason.Satisfied, Reason.NoSignature, Reason.Satisfied]


def test_what_is_asked_at_several_places_is_told_under_the_name_of_each() -> None:
    """One requirement object, in two policies, at two places of one, and in alternatives."""
    one, bom = signatures("release"), SBOMRequirement(formats=frozenset(SBOMFormat), signers=(matcher("release"),))
    whole = Requirements(signatures=(one, one), sbom=bom)
    first = policy("a", require=whole, any_of=(whole, Requirements(signatures=(one,), sbom=bom)))
    members, found = policies(first, policy("b", require=whole)), evidence(signature("release"))
    sboms = evidence(signature("release"), sbom(signer("release")))
    for _ in range(2):
        told = judge_image(members, workload(), workload().images[0], evidence=sboms).findings
        names = [[each.name for each in finding.requirements] for finding in told]
        own = ["signatures[0]", "signatures[1]", "sbom"]
        assert names == [[*own, *(f"anyOf[0].{name}" for name in own)], own]
        missed = judge_image(members, workload(), workload().images[0], evidence=found).findings
        assert [each.name for each in missed[1].requirements if each.outcome is Outcome.FAIL] == ["sbom"]


def test_equal_demands_of_two_policies_are_met_by_what_each_policys_own_globs_matched() -> None:
    by_name, by_owner = ImageGlob.compile("ghcr.io/acme/*"), ImageGlob.compile("ghcr.io/*/shop")
    require = Requirements(build=BuildRequirement(level=3, sources=(sources("https://github.com/acme/{1}"),)))
    owner, name = policy("a", match=Match(images=(by_owner,)), require=require), policy("b", require=require)
    members, found, pod = policies(owner, name), evidence(provenance()), workload()
    assert name.match.images == (by_name,)
    for _ in range(2):
        told = judge_image(members, pod, pod.images[0], evidence=found).findings
        assert [each.reason for each in told] == [Reason.SourceMismatch, Reason.Satisfied]


def test_scopes_tell_namespaces_and_repositories_apart() -> None:
    named = policy("named", match=Match(namespaces=(Glob.compile("shop"),)))
    images = policy("images", match=Match(images=(ImageGlob.compile("ghcr.io/acme/*"),)))
    found = Scopes((images, named))
    assert found.about("shop", REPOSITORY) == found.about("shop", REPOSITORY) == (images, named)
    assert found.about("other", REPOSITORY) == (images,)
    assert found.about("shop", Repository("quay.io", "acme/shop")) == (named,)
    assert found.about("other", None) == (images,)
