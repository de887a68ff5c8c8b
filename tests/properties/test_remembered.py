"""What is remembered is what would be found anew, to the last byte, whatever was judged before with the same memory."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.condition import Condition
from controller.core.evaluate import judge_image, select
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob
from controller.core.policy import Policy, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.question import Moment
from controller.core.reasons import Reason
from controller.core.records import MAX_CLOCK_LEAD
from controller.core.requirements import BuildRequirement, Part, Requirements
from controller.core.selector import Operator, Requirement, Selector
from controller.core.verdict import ImageVerdict
from controller.core.work import MAX_WORK
from controller.core.workload import Form
from controller.expressions.condition import Use, compile_condition
from tests.support.facts import IMAGES, NOW, PINNED, D, evidence, policy, signature, signatures, workload
from tests.support.keylessfacts import (
    acceptance,
    attestation,
    certificate,
    keyless,
    scanned,
    summary,
    workflow,
)

T = TypeVar("T")

DAY = timedelta(days=1)
TICK = datetime.resolution
BUILDERS = {one.name: one for one in (workflow(), workflow("low", level=1))}


def compiled(expression: str, use: Use = Use.BUILD) -> Condition:
    found = compile_condition("c", expression, None, use)
    assert isinstance(found, Condition), found
    return found


def mostly(usual: T, *others: T) -> st.SearchStrategy[T]:
    """So that most of what is asked for comes together."""
    return st.one_of(st.just(usual), st.sampled_from((usual, *others)))


OF_PROVENANCE = compiled("size(provenance.builderID) > 0 && image.repository.endsWith('/shop')")
OF_REVIEW = (
    compiled("workload.namespace == 'shop'"),
    compiled("!has(workload.labels.debug)"),
    compiled("workload.labels.app == 'web'"),  # an error where there is no such label
    compiled("workload.kind == 'Pod' && size(provenance.buildType) > 0"),
    compiled("now < timestamp('2026-06-02T12:00:00Z')"),
    compiled("workload.name != 'b'"),
)
conditions = st.lists(st.sampled_from((OF_PROVENANCE, *OF_REVIEW)), max_size=3).map(tuple)
of_attestations = mostly(
    (), (compiled("workload.namespace != 'other'", Use.ATTESTATION),), (compiled("now == now", Use.ATTESTATION),)
)
builds = st.builds(
    BuildRequirement,
    level=st.sampled_from([2, 3]),
    max_age=st.sampled_from([None, DAY]),
    conditions=conditions,
)
requirements = st.builds(
    Requirements,
    build=builds,
    signatures=mostly((), (signatures("release"),)),
    attestations=of_attestations.map(lambda found: (scanned(max_age=DAY, conditions=found),) if found else ()),
)
web = Selector((Requirement(key="app", operator=Operator.IN, values=frozenset({"web"})),))
matches = mostly(
    Match(images=IMAGES),
    Match(images=IMAGES, namespaces=(Glob.compile("shop"),)),
    Match(images=IMAGES, namespace_selector=web),
    Match(images=IMAGES, pod_selector=web),
)
members = st.builds(
    policy,
    match=matches,
    tags=mostly(Tags.ALLOW, Tags.PIN),
    require=requirements,
    any_of=mostly((), (Requirements(build=BuildRequirement(level=2, conditions=(OF_REVIEW[0],))),)),
    accept=mostly((), (acceptance(),), (replace(acceptance(Part.SOURCES), max_age=DAY),)),
)
several = st.lists(members, min_size=1, max_size=2).map(
    lambda found: tuple(replace(one, name=replace(one.name, name=f"p{n}")) for n, one in enumerate(found))
)

CHILD = Digest.of(b"child")
OF_CHILD = Evidence(digest=CHILD, statements=(keyless(subject=CHILD),))
SEVERAL = (
    evidence(keyless(times=(NOW,)), signature("release"), attestation(times=(NOW,))),
    evidence(keyless(times=(NOW,)), keyless(times=(NOW - DAY,), payload="other"), attestation(times=())),
    evidence(signature("release"), summary(verified_at=NOW), keyless(times=(NOW - DAY,))),
    evidence(gaps=(Gap(reason=Reason.RegistryUnavailable, detail="503"),)),
    Evidence(digest=D, statements=(keyless(certificate("https://other.example")),), children=(OF_CHILD,)),
)
FACTS: Mapping[str, tuple[Any, ...]] = {
    "image": (PINNED, "ghcr.io/acme/shop:v1", PINNED.replace("/shop", "/web")),
    "form": tuple(Form),
    "namespace": ("shop", "other"),
    "labels": ({}, {"app": "web"}, {"app": "db"}, {"app": "web", "debug": "yes"}, {"app": "x" * 999}),
    "namespace_labels": ({"app": "web"}, {"app": "db"}),
    "namespace_known": (True, False),
    "mirror": (False, True),
    "name": ("a", "b"),
    "evidence": SEVERAL,
    "now": (NOW, NOW - TICK, NOW + DAY, NOW + DAY + TICK, NOW - MAX_CLOCK_LEAD - TICK),
    "uncovered": tuple(Uncovered),
    "dependencies": ({}, {CHILD: OF_CHILD}),
    "work": (MAX_WORK, 2000, 600),
}
"""Everything that a judgement of one image is given besides the policies, and what it may be."""


def judged(members: PolicySet, given: Mapping[str, Any]) -> ImageVerdict:
    of_pod = ("form", "namespace", "labels", "namespace_labels", "namespace_known", "mirror")
    of_moment = ("now", "uncovered", "dependencies", "work")
    pod = replace(workload(given["image"], **{name: given[name] for name in of_pod}), name=given["name"])
    image, moment = pod.images[0], Moment(**{name: given[name] for name in of_moment})
    selected = select(members, pod, image)
    return judge_image(members, pod, image, selected=selected, evidence=given["evidence"], moment=moment)


@settings(deadline=None)  # it judges each review twice
@given(
    asked=several,
    first=st.fixed_dictionaries({name: mostly(*values) for name, values in FACTS.items()}),
    changing=st.lists(st.sampled_from(sorted(FACTS)), min_size=1, max_size=3, unique=True),
)
def test_what_was_judged_before_makes_no_difference(
    asked: tuple[Policy, ...], first: dict[str, Any], changing: list[str]
) -> None:
    """One fact after another changes, and back: each review is answered as if it were the first."""
    remembering = PolicySet(policies=asked, builders=BUILDERS)
    for name in changing:
        for value in (first[name], *FACTS[name], first[name]):
            given = {**first, name: value}
            anew = judged(PolicySet(policies=asked, builders=BUILDERS), given)
            assert repr(judged(remembering, given)) == repr(anew), name
