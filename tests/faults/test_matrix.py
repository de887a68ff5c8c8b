"""Every call x every fault, between the real client and a real registry, up to the verdict of an enforcing policy.

Whatever goes wrong: an image is admitted only where what was read proves it nevertheless, no error of a library leaves
the decision, and it is there by the deadline.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.image import Digest
from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.decision import Circumstances, decide
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore, Snapshot
from controller.registry.client import MAX_PAGES, RegistryClient
from controller.wire.policy import KINDS
from controller.wire.registries import parse_registries
from tests.support.facts import workload
from tests.support.faultproxy import FaultProxy
from tests.support.foundry import BUILDER_ID, BUNDLE_V03, WORKFLOW_V1, Foundry, Layer
from tests.support.proxyfaults import HARMLESS, SLOW, Fault
from tests.support.registries import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Pushed, Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEADLINE_SECONDS = 1.5
PATIENT_SECONDS = 30.0  # where the image must be admitted, and the machine may be busy
SLACK_SECONDS = 2.0  # of the same machine, after the deadline
AT_ONCE = 8
Json = dict[str, Any]
CALLS = ("image", "tag", "referrers", "fallback", "sig", "att", "bundle", "blob")

NEXT_PAGES = frozenset({Fault.NEXT_ELSEWHERE, Fault.NEXT_FOR_EVER})
OLD = frozenset({Fault.BAD_REQUEST, Fault.METHOD_NOT_ALLOWED, Fault.NOT_ACCEPTABLE})  # than the referrers API
MAY_BE_ABSENT = frozenset({"image", "tag", "referrers", "fallback", "sig", "att"})


def is_right_to_admit(call: str, fault: Fault) -> bool:
    """What leaves the truth alone. A blob has no type of its own; only lists have a next page, and one that can't be
    had takes nothing from what stood on the first, which is proven by itself."""
    untyped = fault is Fault.LYING_TYPE and call == "blob"
    return fault in HARMLESS or fault in NEXT_PAGES or untyped


def is_a_fact(call: str, fault: Fault) -> bool:
    """What a client must take for the registry's word: it is not there. And a manifest that calls itself something
    else is none: it explains a refusal, and nothing is missing."""
    absent = fault is Fault.NOT_FOUND and call in MAY_BE_ABSENT
    unsupported = fault in OLD and call == "referrers"
    return absent or unsupported or (fault is Fault.LYING_TYPE and call == "bundle")


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An image whose evidence is found through one call, and the policies that ask for it."""

    image: str  # below the host
    path: str  # of the call, below /v2/<repository>/
    snapshot: Snapshot


class Studio:
    """Makes scenes at a real registry."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._foundry = Foundry()
        self._repositories = (f"matrix/shop-{number}" for number in itertools.count())

    def scene(self, call: str, *, besides: str = "") -> Scene:
        """`besides` is another call through which the same can be found."""
        repository = next(self._repositories)
        image = self.registry.push_image(repository, "v1", content=repository.encode())
        if besides:
            self._attach(besides, image)
        paths = {"image": f"manifests/{image.digest}", "tag": "manifests/v1"} | self._attach(call, image)
        return Scene(
            image=f"{repository}:v1" if call == "tag" else f"{repository}@{image.digest}",
            path=paths[call],
            snapshot=self._snapshot(signature=call == "sig"),
        )

    def _attach(self, call: str, image: Pushed) -> dict[str, str]:
        """Pushes what is found through this call; gives the paths that lead to it."""
        subject = Digest.parse(image.digest)
        tag = f"sha256-{subject.hex}"
        if call == "sig":
            self._push(image, self._foundry.signature_layer(self._foundry.simple_signing(subject)), tag=f"{tag}.sig")
            return {"sig": f"manifests/{tag}.sig"}
        provenance = self._foundry.provenance(subject)
        if call == "att":
            self._push(image, self._foundry.envelope_layer(provenance), tag=f"{tag}.att")
            return {"att": f"manifests/{tag}.att"}
        layer = self._foundry.bundle_layer(provenance)
        listed: Json = {} if call == "fallback" else {"subject": image.descriptor()}
        bundle = self._push(image, layer, artifactType=BUNDLE_V03, **listed)
        if call == "fallback":
            index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [bundle.descriptor()]}
            self.registry.push_manifest(image.repository, index, tag)
        blob = f"blobs/{Digest.of(layer.content)}"
        paths = {"referrers": f"referrers/{subject}", "fallback": f"manifests/{tag}", "blob": blob}
        return paths | {"bundle": f"manifests/{bundle.digest}"}

    def _push(self, image: Pushed, layer: Layer, tag: str | None = None, **fields: Any) -> Pushed:
        described = self.registry.push_blob(image.repository, layer.content, layer.media_type)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": self.registry.push_blob(image.repository, b"{}", CONFIG_TYPE),
            "layers": [described | {"annotations": dict(layer.annotations)}],
        }
        return self.registry.push_manifest(image.repository, document | fields, tag)

    def _snapshot(self, *, signature: bool) -> Snapshot:
        key = {"publicKey": {"trustRoot": "acme", "name": "release"}}
        builder = {
            "maxLevel": 3,
            "signers": [key],
            "builderID": "Listed",
            "builderIDs": [BUILDER_ID],
            "buildTypes": [WORKFLOW_V1],
            "sourceFrom": "Provenance",
        }
        require = {"signatures": [{"signers": [key]}]} if signature else {"buildLevel": 3}
        specs = {
            "TrustRoot": {"keys": [{"name": "release", "pem": self._foundry.key.pem}]},
            "TrustedBuilder": builder,
            "ClusterSLSAPolicy": {"mode": "Enforce", "tags": "Allow", "require": require},
        }
        store = PolicyStore()
        for kind in KINDS:
            metadata = {"name": "acme"}
            one = {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": specs.get(kind)}
            store.replace(kind, [one] if kind in specs else [])
        snapshot = store.current()
        assert snapshot is not None
        assert not snapshot.problems
        return snapshot


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one combination."""

    fault: Fault | None
    verdict: Verdict
    seconds: float
    asked: int

    @property
    def reasons(self) -> set[Reason]:
        return {finding.reason for finding in self.verdict.findings}

    def __str__(self) -> str:
        name = self.fault.name if self.fault else "no fault"
        details = [f"{finding.reason.name}: {finding.detail}" for finding in self.verdict.findings]
        return f"{name}: {self.verdict.code} after {self.seconds:.1f} s, {details}"


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture(scope="module")
def studio(referrers_registry: Registry) -> Studio:
    return Studio(referrers_registry)


async def all_decided(
    studio: Studio,
    scene: Scene,
    faults: Iterable[Fault | None],
    executor: Executor,
    *,
    seconds: float = DEADLINE_SECONDS,
) -> list[Outcome]:
    """A decision for each fault, through a proxy of its own; some at a time, so that none waits for the machine."""
    slots = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        proxies = {fault: FaultProxy(studio.registry.host) for fault in faults}
        for fault, proxy in proxies.items():
            await stack.enter_async_context(proxy.running())
            proxy.paths |= {scene.path: fault} if fault else {}
        registries = parse_registries([{"host": proxy.host, "plainHTTP": True} for proxy in proxies.values()])
        client = await stack.enter_async_context(RegistryClient(registries, named_hosts=frozenset))
        gather = Gatherer(registry=client, executor=executor)

        async def one(fault: Fault | None, proxy: FaultProxy) -> Outcome:
            loop = asyncio.get_running_loop()
            async with slots:
                started = loop.time()
                verdict = await decide(
                    workload(f"{proxy.host}/{scene.image}"),
                    snapshot=scene.snapshot,
                    gather=gather,
                    circumstances=Circumstances(now=NOW, deadline=started + seconds, uncovered=Uncovered.ALLOW),
                )
                took = loop.time() - started
            return Outcome(fault=fault, verdict=verdict, seconds=took, asked=len(proxy.requests))

        return await asyncio.gather(*(one(fault, proxy) for fault, proxy in proxies.items()))


@pytest.mark.parametrize("call", CALLS)
async def test_without_a_fault_the_image_is_admitted(studio: Studio, executor: Executor, call: str) -> None:
    (outcome,) = await all_decided(studio, studio.scene(call), [None], executor, seconds=PATIENT_SECONDS)
    assert outcome.verdict.allowed, str(outcome)
    assert outcome.reasons == {Reason.Satisfied}


@pytest.mark.slow
@pytest.mark.case("REG-006")
@pytest.mark.case("REG-007")
@pytest.mark.case("REG-008")
@pytest.mark.case("NET-001")
@pytest.mark.case("NET-003")
@pytest.mark.case("NET-005")
@pytest.mark.case("NET-010")
@pytest.mark.parametrize("call", CALLS)
async def test_what_was_not_proven_is_never_admitted_whatever_goes_wrong(
    studio: Studio, executor: Executor, call: str
) -> None:
    faults = [fault for fault in Fault if not is_right_to_admit(call, fault)]
    tasks = asyncio.all_tasks()
    outcomes = await all_decided(studio, studio.scene(call), faults, executor)
    assert [str(one) for one in outcomes if one.verdict.allowed] == []
    assert [str(one) for one in outcomes if one.seconds > DEADLINE_SECONDS + SLACK_SECONDS] == []
    facts = {one.fault for one in outcomes if one.verdict.code == 403}
    assert facts == {fault for fault in faults if is_a_fact(call, fault)}
    assert {one.verdict.code for one in outcomes if one.fault not in facts} == {503}
    assert not any(Reason.InternalError in one.reasons for one in outcomes)
    assert asyncio.all_tasks() <= tasks


@pytest.mark.case("BIND-015")
@pytest.mark.parametrize("call", CALLS)
async def test_what_leaves_the_truth_alone_is_no_reason_to_refuse(
    studio: Studio, executor: Executor, call: str
) -> None:
    faults = [fault for fault in Fault if is_right_to_admit(call, fault)]
    outcomes = await all_decided(studio, studio.scene(call), faults, executor, seconds=PATIENT_SECONDS)
    assert [str(one) for one in outcomes if not one.verdict.allowed] == []


@pytest.mark.slow
@pytest.mark.case("SET-011")
@pytest.mark.parametrize("call", ["referrers", "bundle", "blob"])
async def test_whatever_goes_wrong_in_one_place_takes_nothing_from_another(
    studio: Studio, executor: Executor, call: str
) -> None:
    """Slow faults by themselves: they end at the deadline, when the machine must be free to tell what is at hand."""
    scene = studio.scene(call, besides="att")
    soon = [fault for fault in Fault if fault not in SLOW]
    outcomes = await all_decided(studio, scene, soon, executor, seconds=PATIENT_SECONDS)
    late = await all_decided(studio, scene, SLOW, executor)
    assert [str(one) for one in (*outcomes, *late) if not one.verdict.allowed] == []
    assert [str(one) for one in late if one.seconds > DEADLINE_SECONDS + SLACK_SECONDS] == []


async def test_a_list_whose_pages_never_end_is_bounded(studio: Studio, executor: Executor) -> None:
    faults = [None, Fault.NEXT_FOR_EVER]
    outcomes = await all_decided(studio, studio.scene("referrers"), faults, executor, seconds=PATIENT_SECONDS)
    plain, for_ever = (one.asked for one in outcomes)
    assert for_ever - plain == MAX_PAGES - 1
