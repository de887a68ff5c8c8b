"""Reviews of what was judged before: each thing that can decide, changed alone between two of them, is judged anew."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.core.condition import Condition
from controller.core.evidence import Evidence
from controller.core.exception import ExemptImage, PolicyException
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Policy, PolicyName, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.selector import Operator, Requirement, Selector
from controller.core.window import Window
from controller.engine.gathering import GatherRequest, Known
from controller.engine.linking import Snapshot
from controller.expressions.condition import Use, compile_condition
from controller.trust.root import TrustRoot, TrustRoots
from controller.webhook.judging import Judge
from controller.webhook.review import Answered
from controller.wire.podspec import MIRROR_ANNOTATION
from tests.support.asking import ask
from tests.support.facts import BUILD, IMAGES, NOW, PINNED, builder, evidence, policies, policy, provenance
from tests.support.reviews import Document, container, pod, review

DAY, TICK = timedelta(days=1), datetime.resolution
GOOD, BAD = evidence(replace(provenance(), times=(NOW,))), evidence(replace(provenance(key="stranger"), times=(NOW,)))
WEB = Selector((Requirement(key="app", operator=Operator.IN, values=frozenset({"web"})),))
ROOTS = TrustRoots(roots={"acme": TrustRoot(name="acme", keys=(), stale_at=NOW)})
NODE = {"username": "system:node:a", "groups": ["system:nodes"]}
MIRROR = {"annotations": {MIRROR_ANNOTATION: "x"}}


@dataclass(kw_only=True)
class World:
    """All that a review is answered by, and the review."""

    members: PolicySet
    found: Evidence = GOOD
    roots: TrustRoots = field(default_factory=TrustRoots)
    now: datetime = NOW
    namespace_labels: Mapping[str, str] | None = field(default_factory=dict)
    uncovered: Uncovered = Uncovered.ALLOW
    subject: Document = field(default_factory=lambda: pod(container(PINNED)))
    request: Mapping[str, Any] = field(default_factory=dict)

    async def answer(self) -> Answered:
        judge = Judge(
            snapshot=lambda: Snapshot(policies=self.members, roots=self.roots, problems={}),
            gather=self._gather,
            namespace_labels=self._labels,
            uncovered=self.uncovered,
            now=lambda: self.now,
        )
        return await ask(judge, review(self.subject, **self.request))

    def _gather(self, request: GatherRequest) -> Awaitable[Evidence]:
        return Known(BAD if request.stale else self.found)

    async def _labels(self, _namespace: str, _deadline: float) -> Mapping[str, str] | None:
        return self.namespace_labels


def asking(expression: str) -> Policy:
    condition = compile_condition("c", expression, None, Use.BUILD)
    assert isinstance(condition, Condition)
    return policy(build=replace(BUILD, conditions=(condition,)))


def excused(*, expires: datetime = NOW + DAY, namespace: str = "shop") -> PolicySet:
    exception = PolicyException(
        name="legacy",
        policies=frozenset({PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")}),
        namespaces=(Glob.compile(namespace),),
        images=(ExemptImage(images=ImageGlob.compile("ghcr.io/acme/shop")),),
        expires=expires,
        created=NOW - DAY,
        reason="vendor build",
    )
    return PolicySet(policies=(policy(),), builders={"reusable": builder()}, exceptions=(exception,))


def labelled(**labels: str) -> Document:
    return pod(container(PINNED), metadata={"labels": labels})


PLAIN = policies(policy())
MATCHING_PODS = policies(policy(match=Match(images=IMAGES, pod_selector=WEB)))
MATCHING_NAMESPACES = policies(policy(match=Match(images=IMAGES, namespace_selector=WEB)))
NAMED = policies(policy(match=Match(images=IMAGES, namespaces=(Glob.compile("shop"),))))

CHANGES: Mapping[str, tuple[World, Mapping[str, Any]]] = {
    "policy": (
        World(members=PLAIN),
        {"members": policies(policy(build=replace(BUILD, builders=frozenset("x"))))},
    ),
    "builder": (World(members=PLAIN), {"members": policies(policy(), builders=(builder(key="another"),))}),
    "builder's level": (World(members=PLAIN), {"members": policies(policy(), builders=(builder(level=2),))}),
    "builder's revocation": (
        World(members=PLAIN),
        {"members": policies(policy(), builders=(replace(builder(), revoked=(Window(start=NOW),)),))},
    ),
    "builder that lost its root": (
        World(members=PLAIN, found=BAD),
        {"members": replace(PLAIN, unrooted=("TrustedBuilder/x: its TrustRoot is not there",))},
    ),
    "denied digest": (
        World(members=PLAIN),
        {"members": policies(policy(deny=frozenset(digest for digest in (GOOD.digest,) if digest)))},
    ),
    "exception that is made": (World(members=PLAIN, found=BAD), {"members": excused()}),
    "exception that expires": (World(members=excused(expires=NOW + TICK), found=BAD), {"now": NOW + TICK}),
    "exception for a namespace": (World(members=excused(), found=BAD), {"request": {"namespace": "other"}}),
    "evidence": (World(members=PLAIN), {"found": BAD}),
    "root that grows stale": (World(members=PLAIN, roots=ROOTS), {"now": NOW + TICK}),
    "age": (World(members=policies(policy(build=replace(BUILD, max_age=DAY)))), {"now": NOW + DAY + TICK}),
    "now in a condition": (
        World(members=policies(asking("now <= timestamp('2026-06-01T12:00:00Z')"))),
        {"now": NOW + TICK},
    ),
    "labels in a condition": (
        World(members=policies(asking("workload.labels['app'] == 'web'")), subject=labelled(app="web")),
        {"subject": labelled(app="wob")},
    ),
    "name in a condition": (
        World(members=policies(asking("workload.name == 'web'"))),
        {"request": {"name": "wob"}},
    ),
    "pod labels": (World(members=MATCHING_PODS, found=BAD, subject=labelled(app="web")), {"subject": labelled()}),
    "labels of the namespace": (
        World(members=MATCHING_NAMESPACES, found=BAD, namespace_labels={"app": "web"}),
        {"namespace_labels": {"app": "db"}},
    ),
    "labels of the namespace, unknown": (
        World(members=MATCHING_NAMESPACES, namespace_labels={"app": "web"}),
        {"namespace_labels": None},
    ),
    "namespace": (World(members=NAMED, found=BAD), {"request": {"namespace": "other"}}),
    "user": (
        World(members=PLAIN, found=BAD, subject=pod(container(PINNED), metadata=MIRROR), request={"userInfo": NODE}),
        {"request": {"userInfo": {"username": "alice", "groups": ["system:nodes"]}}},
    ),
    "operation": (
        World(members=PLAIN, found=BAD, request={"operation": "UPDATE", "old": pod(container(PINNED))}),
        {"request": {"operation": "CREATE"}},
    ),
    "old object": (
        World(members=PLAIN, found=BAD, request={"operation": "UPDATE", "old": pod(container(PINNED))}),
        {"request": {"operation": "UPDATE", "old": pod(container("nginx"))}},
    ),
    "kind": (
        World(members=PLAIN, found=GOOD, subject=pod(container("ghcr.io/acme/shop:v1"))),
        {
            "subject": {"spec": {"template": pod(container("ghcr.io/acme/shop:v1"))}},
            "request": {"kind": "Deployment"},
        },
    ),
    "tag": (
        World(members=policies(policy(tags=Tags.ALLOW)), subject=pod(container("ghcr.io/acme/shop:v1"))),
        {"subject": pod(container(PINNED))},
    ),
    "repository": (World(members=PLAIN), {"subject": pod(container(PINNED.replace("/shop@", "/other@")))}),
    "setting for uncovered images": (
        World(members=policies(), subject=pod(container("nginx"))),
        {"uncovered": Uncovered.DENY},
    ),
}


def told(answered: Answered) -> object:
    """Everything that is said of a review, but where its evidence came from."""
    return answered.body, answered.outcome, answered.findings, {**answered.line, "cache": None}


@pytest.mark.case("CACHE-002")
@pytest.mark.parametrize("change", CHANGES)
async def test_what_changes_alone_between_two_reviews_decides_at_once(change: str) -> None:
    world, changes = CHANGES[change]
    before = told(await world.answer())
    for _ in range(3):
        assert told(await world.answer()) == before
    changed = replace(world, **changes)
    after = await changed.answer()
    assert after.findings != (await world.answer()).findings, change
    fresh = replace(changed, members=replace(changed.members), found=replace(changed.found))
    assert told(after) == told(await fresh.answer())
    assert told(await world.answer()) == before
