"""How often a real registry is asked for one new image, and how often in a row; for many reviews of it, no oftener."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from controller.core.policy import Uncovered
from controller.core.verdict import Verdict
from controller.engine.caching import CachingGatherer
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.gathering import Gather
from controller.registry.client import RegistryClient
from controller.wire.registries import parse_registries
from tests.support.facts import workload
from tests.support.faultproxy import FaultProxy
from tests.support.registries import Registry
from tests.support.scenes import Scene, Studio

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TRIPS = {"att": 2, "sig": 2, "referrers": 3, "fallback": 3, "tag": 4}  # goals: one more for a tag
REVIEWS = 50
HELD_TURNS = 50  # of 10 ms: within which what is asked side by side is sent, also by threads that wait for a processor


@pytest.fixture(scope="module")
def studio(referrers_registry: Registry) -> Studio:
    return Studio(referrers_registry)


@asynccontextmanager
async def gathering(studio: Studio, executor: Executor) -> AsyncIterator[tuple[FaultProxy, Gather]]:
    """A proxy that counts, and what gathers through it for all reviews of a process."""
    async with FaultProxy(studio.registry.host).running() as proxy:
        registries = parse_registries([{"host": proxy.host, "plainHTTP": True}])
        async with RegistryClient(registries, named_hosts=frozenset) as client:
            gatherer = Gatherer(registry=client, executor=executor)
            async with CachingGatherer(gatherer, clock=time.monotonic, scope=client.scope) as gather:
                yield proxy, gather


async def decided(proxy: FaultProxy, scene: Scene, gather: Gather) -> Verdict:
    circumstances = Circumstances(now=NOW, deadline=asyncio.get_running_loop().time() + 30, uncovered=Uncovered.ALLOW)
    judged = workload(f"{proxy.host}/{scene.image}")
    return await decide(judged, snapshot=scene.snapshot, gather=gather, circumstances=circumstances)


@pytest.mark.parametrize("call", TRIPS)
async def test_a_new_image_costs_so_many_trips_and_nothing_is_asked_for_twice(
    studio: Studio, executor: Executor, call: str
) -> None:
    async with gathering(studio, executor) as (proxy, gather):
        proxy.held_turns = HELD_TURNS
        assert (await decided(proxy, studio.scene(call), gather)).allowed
        assert proxy.round_trips <= TRIPS[call]
        assert not any(request.target.rstrip("/") == "/v2" for request in proxy.requests), "nobody is pinged"
        asked = Counter(request.target for request in proxy.requests)
        assert [target for target, times in asked.items() if times > 1] == []
        opened = proxy.connections
        assert (await decided(proxy, studio.scene(call), gather)).allowed
        assert proxy.connections < 2 * opened, "connections are used again"


@pytest.mark.case("CACHE-006")
@pytest.mark.parametrize("call", ["att", "referrers"])
async def test_many_reviews_of_a_new_image_fetch_each_object_once(
    studio: Studio, executor: Executor, call: str
) -> None:
    scene = studio.scene(call)
    async with gathering(studio, executor) as (proxy, gather):
        verdicts = await asyncio.gather(*(decided(proxy, scene, gather) for _ in range(REVIEWS)))
        assert all(verdict.allowed for verdict in verdicts)
        asked = Counter(request.target for request in proxy.requests)
    assert set(asked.values()) == {1}
