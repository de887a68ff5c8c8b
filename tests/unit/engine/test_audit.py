"""The audit decides as admission does, on what runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

import pytest

from controller.core.evidence import Evidence
from controller.core.policy import Mode, PolicyName, Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict
from controller.core.workload import Slot, WorkloadImage
from controller.engine.access import Gathering
from controller.engine.audit import AuditSettings, audit, merge
from controller.engine.gathering import GatherRequest
from controller.engine.owners import Owners
from controller.engine.policies import PolicyStore, Snapshot
from controller.engine.population import Population, RunningWorkload, take_census
from controller.kube.client import Forbidden
from controller.wire.policy import KINDS
from controller.wire.running import PodShape, Reference
from tests.support import objects
from tests.support.caseevidence import DIGEST
from tests.support.decisions import NOW, Case, read_cases
from tests.support.running import controlled_by, pod, running

# What admission alone can say: what runs is known by its digest, whatever named it.
TAGS = {"TagNotPinned", "TagNotAllowed"}
CASES = [
    pytest.param(case, id=case.name, marks=[pytest.mark.case(one) for one in case.ids])
    for case in read_cases()
    if not TAGS & set(case.expected["findings"].values())
]
IMAGE = f"ghcr.io/acme/shop@{DIGEST}"


def workload(*shapes: PodShape) -> RunningWorkload:
    top = Reference(api_version="v1", kind="Pod", name="web", uid="1")
    return RunningWorkload(namespace="shop", top=top, shapes=shapes)


def shape(*images: str, labels: Mapping[str, str] | None = None) -> PodShape:
    return PodShape(
        name="web",
        labels=tuple(sorted((labels or {}).items())),
        images=tuple(WorkloadImage.of(image, ()) for image in images),
    )


def snapshot_of(*documents: dict[str, Any]) -> Snapshot:
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in documents if one["kind"] == kind])
    snapshot = store.current()
    assert snapshot is not None
    return snapshot


async def audited(
    running_one: RunningWorkload,
    snapshot: Snapshot,
    gather: Any,
    uncovered: Uncovered = Uncovered.ALLOW,
    now: datetime = NOW,
) -> tuple[ImageVerdict, ...]:
    return await audit(
        running_one,
        snapshot=snapshot,
        gathering=Gathering(gather=gather),
        namespace_labels={},
        settings=AuditSettings(uncovered=uncovered),
        now=now,
    )


async def nothing(request: GatherRequest) -> Evidence:
    return Evidence(digest=request.reference.digest)


@pytest.mark.case("AUD-007")
@pytest.mark.parametrize("case", CASES)
async def test_the_scan_finds_what_admission_found(case: Case) -> None:
    images = tuple(one if "@" in one or " " in one else f"{one}@{DIGEST}" for one in case.images)
    found = await audited(workload(shape(*images)), case.snapshot(), case.gather, Uncovered(case.uncovered), case.now)
    told = {str(one.policy or ""): one.reason.name for verdict in found for one in verdict.findings}
    assert told == case.expected["findings"]


async def test_an_audit_policy_has_as_long_as_any_other() -> None:
    async def slow(request: GatherRequest) -> Evidence:
        assert request.deadline - asyncio.get_running_loop().time() > 20
        return await nothing(request)

    (verdict,) = await audited(workload(shape(IMAGE)), snapshot_of(objects.policy(mode="Audit")), slow)
    assert [(one.mode, one.reason) for one in verdict.findings if one.policy] == [(Mode.AUDIT, Reason.NoProvenance)]


@pytest.mark.case("AUD-010")
@pytest.mark.parametrize("mode", ["Enforce", "Warn", "Audit"])
async def test_an_image_that_is_not_known_is_unknown_and_its_tag_is_not_asked_for(mode: str) -> None:
    async def never(request: GatherRequest) -> Evidence:
        raise AssertionError(f"{request.reference} was asked for")

    (verdict,) = await audited(workload(shape("ghcr.io/acme/shop:v1")), snapshot_of(objects.policy(mode=mode)), never)
    (finding,) = [one for one in verdict.findings if one.policy]
    assert finding.outcome.value == "error"
    assert "which image runs is not known" in finding.detail


async def test_the_worst_finding_of_pods_that_differ_is_told_once_for_each_image() -> None:
    gold = objects.policy(match={"podSelector": {"matchLabels": {"tier": "gold"}}})
    broken = objects.policy("broken", require={})
    shapes = (shape(IMAGE), shape(IMAGE, labels={"tier": "gold"}))
    for pods in (shapes, shapes[::-1]):
        (verdict,) = await audited(workload(*pods), snapshot_of(gold, broken), nothing)
        told = [(str(one.policy or ""), one.reason) for one in verdict.findings]
        assert told[:2] == [
            ("ClusterSLSAPolicy/broken", Reason.PolicyBroken),
            ("ClusterSLSAPolicy/production", Reason.NoProvenance),
        ]


def test_of_one_policy_that_judges_pods_differently_the_worst_is_told() -> None:
    policy = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")
    ranked = (Reason.NoProvenance, Reason.RegistryUnavailable, Reason.Excepted, Reason.Satisfied)
    for reasons in permutations(ranked):
        merged = merge(
            ImageVerdict(
                image=WorkloadImage.of(IMAGE, (Slot(role="container", name=reason.name),)),
                digest=DIGEST,
                covered=reason is not Reason.Excepted,
                findings=(Finding(policy=policy, mode=Mode.ENFORCE, reason=reason),),
            )
            for reason in reasons
        )
        (verdict,) = merged
        assert [one.reason for one in verdict.findings] == [Reason.NoProvenance]
        assert {slot.name for slot in verdict.image.slots} == {reason.name for reason in ranked}
        assert not verdict.covered


async def census(
    *pages: Sequence[dict[str, Any]], known: Mapping[str, Any] | None = None, exempt: tuple[str, ...] = ()
) -> Population:
    asked: list[str] = []

    async def get(path: str) -> Any:
        asked.append(path)
        found = (known or {}).get(path)
        if isinstance(found, Exception):
            raise found
        return found

    async def listed() -> AsyncIterator[Sequence[dict[str, Any]]]:
        for page in pages:
            yield page

    population = await take_census(listed(), owners=Owners(get), exempt=exempt)
    assert len(asked) == len(set(asked)), "each owner is asked for once"
    return population


def owned(kind: str, name: str, uid: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "uid": uid}
    if owner is not None:
        metadata["ownerReferences"] = controlled_by(owner)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata}


@pytest.mark.case("AUD-016")
async def test_an_owner_that_may_not_be_read_is_not_followed() -> None:
    deployment = owned("Deployment", "web", "1")
    replicas = owned("ReplicaSet", "web-1", "2", deployment)
    apps = "/apis/apps/v1/namespaces/shop"
    one = running(pod("p", IMAGE, owner=replicas), f"x@{DIGEST}")
    readable = {f"{apps}/replicasets/web-1": replicas, f"{apps}/deployments/web": deployment}
    for known, top in (
        (readable, "Deployment"),
        ({**readable, f"{apps}/deployments/web": Forbidden("no")}, "ReplicaSet"),
        ({**readable, f"{apps}/deployments/web": {"metadata": {"uid": "another"}}}, "ReplicaSet"),
        ({**readable, f"{apps}/replicasets/web-1": None}, "Pod"),
    ):
        population = await census([one], known=known)
        assert [each.top.kind for each in population.workloads] == [top]


async def test_owners_that_own_each_other_end_somewhere() -> None:
    first = owned("ReplicaSet", "a", "1")
    second = owned("ReplicaSet", "b", "2", first)
    first["metadata"]["ownerReferences"] = controlled_by(second)
    apps = "/apis/apps/v1/namespaces/shop/replicasets"
    population = await census(
        [running(pod("p", IMAGE, owner=first), f"x@{DIGEST}")], known={f"{apps}/a": first, f"{apps}/b": second}
    )
    assert len(population.workloads) == 1


async def test_pods_that_can_not_be_read_are_counted_and_lose_nobody() -> None:
    unreadable = {"metadata": {"name": "deep", "namespace": "shop"}}
    good = running(pod("p", IMAGE), f"x@{DIGEST}")
    exempt = running(pod("q", IMAGE, namespace="kube-system"), f"x@{DIGEST}")
    population = await census([unreadable, good], [exempt], exempt=("kube-system",))
    assert [one.top.name for one in population.workloads] == ["p"]
    assert population.left["shop"].unreadable == 1
    assert population.left["kube-system"].exempt == {IMAGE}
