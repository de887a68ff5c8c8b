"""Two registries in one pod: what one of them does takes nothing from the other."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore
from controller.registry.client import RegistryClient
from controller.wire.policy import KINDS
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.facts import workload
from tests.support.faults import Fault, FaultServer
from tests.support.foundry import BUILDER_ID, Foundry
from tests.support.shelves import attested

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEADLINE_SECONDS = 4.0
SLACK_SECONDS = 30.0  # the reason tells what ended it


@pytest.mark.case("REG-011")
@pytest.mark.parametrize("call", ["manifests", "referrers", "blobs"])
async def test_a_slow_registry_errs_by_the_deadline_and_a_fast_one_is_judged_completely(call: str) -> None:
    foundry = Foundry()
    (good, _), (shelf, _) = attested(foundry, b"fast"), attested(foundry, b"slow")
    store = PolicyStore()
    root = objects.root("acme", {"name": "release", "pem": foundry.key.pem})
    everything = (root, objects.builder(builderIDs=[BUILDER_ID]), objects.policy(require={"buildLevel": 3}))
    for kind in KINDS:
        store.replace(kind, [one for one in everything if one["kind"] == kind])
    async with AsyncExitStack() as stack:
        fast, slow = [await stack.enter_async_context(FaultServer(one).running()) for one in (good, shelf)]
        slow.faults |= {path: Fault.STALL for path in shelf.pages if path.startswith(call)}
        registries = parse_registries([{"host": one.host, "plainHTTP": True} for one in (fast, slow)])
        client = await stack.enter_async_context(RegistryClient(registries, named_hosts=frozenset))
        executor = stack.enter_context(ThreadPoolExecutor(1))
        started = time.monotonic()
        deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
        verdict = await decide(
            workload(f"{slow.host}/acme/shop@{shelf.subject}", f"{fast.host}/acme/shop@{good.subject}"),
            snapshot=store.current(),
            gather=Gatherer(registry=client, executor=executor),
            circumstances=Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW),
        )
        took = time.monotonic() - started
    assert [[one.reason for one in image.findings] for image in verdict.images] == [
        [Reason.DeadlineExceeded],
        [Reason.Satisfied],
    ]
    assert (verdict.allowed, verdict.code) == (False, 503)
    assert took < DEADLINE_SECONDS + SLACK_SECONDS
