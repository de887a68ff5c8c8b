"""Reviews over the shared gathering: what is shared is evidence, never a verdict, and patience is the policy's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.core.errors import RegistryUnavailable
from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.caching import CachingGatherer
from controller.engine.circumstances import Circumstances
from controller.engine.decision import RECENT_SECONDS, decide
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.facts import workload
from tests.support.foundry import BUILDER_ID, Foundry
from tests.support.shelf import Shelf
from tests.support.shelves import NOW, Shelves, attested, request_of

DAY = timedelta(days=1)
SLACK_SECONDS = 5.0  # of a busy machine


class Scene:
    """An attested image in a registry, and reviews of a pod that runs it, over one cache."""

    def __init__(self, gather: CachingGatherer, registry: Shelves, shelf: Shelf, foundry: Foundry) -> None:
        self.gather, self.registry, self.shelf, self._foundry = gather, registry, shelf, foundry
        self.time = 0.0  # of the cache's clock

    async def judged(self, *policies: objects.Document, now: datetime = NOW) -> tuple[Verdict, float]:
        """The verdict, and how many seconds it took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        verdict = await decide(
            workload(f"ghcr.io/acme/shop@{self.shelf.subject}"),
            snapshot=self.snapshot(*policies),
            gather=self.gather,
            circumstances=Circumstances(now=now, deadline=started + 8, uncovered=Uncovered.ALLOW),
        )
        return verdict, loop.time() - started

    def snapshot(self, *policies: objects.Document) -> Snapshot:
        root = objects.root("acme", {"name": "release", "pem": self._foundry.key.pem})
        store = PolicyStore()
        for kind in KINDS:
            everything = (root, objects.builder(builderIDs=[BUILDER_ID]), *policies)
            store.replace(kind, [one for one in everything if one["kind"] == kind])
        found = store.current()
        assert found is not None
        assert not found.problems
        return found


@asynccontextmanager
async def running() -> AsyncIterator[Scene]:
    foundry = Foundry()
    shelf, _ = attested(foundry)
    registry = Shelves(shelf)
    with ThreadPoolExecutor(1) as executor:
        gatherer = Gatherer(registry=registry, executor=executor)
        async with CachingGatherer(gatherer, clock=lambda: scene.time) as gather:
            scene = Scene(gather, registry, shelf, foundry)
            yield scene


def conditioned(expression: str) -> objects.Document:
    conditions: list[Any] = [{"name": "asked", "expression": expression}]
    return objects.policy(require={"buildLevel": 3, "build": {"conditions": conditions}})


@pytest.mark.case("CACHE-003")
async def test_a_condition_is_evaluated_for_every_review_of_the_same_evidence() -> None:
    until = conditioned(f"now < timestamp('{NOW + DAY:%Y-%m-%dT%H:%M:%SZ}')")
    async with running() as scene:
        verdict, _ = await scene.judged(until)
        assert verdict.allowed
        asked = scene.registry.asked.total()
        verdict, _ = await scene.judged(until, now=NOW + 2 * DAY)
        assert {finding.reason for finding in verdict.findings} == {Reason.ConditionFalse}
        verdict, _ = await scene.judged(conditioned("image.repository == 'ghcr.io/acme/other'"))
        assert {finding.reason for finding in verdict.findings} == {Reason.ConditionFalse}
        assert scene.registry.asked.total() == asked


@pytest.mark.case("MODE-005")
@pytest.mark.parametrize(("mode", "seconds", "warnings"), [("Audit", 0.5, 0), ("Warn", 2.0, 1)])
@pytest.mark.slow
async def test_a_registry_that_stalls_holds_a_review_up_no_longer_than_its_mode_is_patient(
    mode: str, seconds: float, warnings: int
) -> None:
    policy = objects.policy(mode=mode, require={"buildLevel": 3})
    async with running() as scene:
        scene.registry.answering.clear()
        verdict, took = await scene.judged(policy)
        assert verdict.allowed
        assert {finding.reason for finding in verdict.findings if finding.policy} == {Reason.DeadlineExceeded}
        assert sum(finding.warns for finding in verdict.findings) == warnings
        assert seconds <= took < seconds + SLACK_SECONDS
        scene.registry.answering.set()
        snapshot = scene.snapshot(policy)
        wanted, roots = snapshot.policies.wanted, snapshot.roots.serving(frozenset({"acme"}))
        request = request_of(roots, digest=scene.shelf.subject, wanted=wanted)
        assert (await scene.gather(request)).statements
        assert (scene.gather.counts.misses, max(scene.registry.asked.values())) == (1, 1)


@pytest.mark.case("CACHE-012")
@pytest.mark.parametrize(("mode", "seconds"), [("Audit", 0.5), ("Warn", 2.0)])
@pytest.mark.parametrize("stalls", [False, True])
@pytest.mark.slow
async def test_what_satisfies_stays_satisfied_though_another_policy_makes_it_worth_a_look_at_a_registry_that_is_gone(
    mode: str, seconds: float, *, stalls: bool
) -> None:
    """An Audit or Warn policy that misses refuses nothing, and holds up no longer than its own patience."""
    enforce = objects.policy(require={"buildLevel": 3})
    signed = {"signatures": [{"signers": [{"publicKey": {"trustRoot": "acme", "name": "release"}}]}]}
    unmet = objects.policy("unmet", mode=mode, require=signed)
    async with running() as scene:
        verdict, _ = await scene.judged(enforce, unmet)
        assert verdict.allowed
        scene.time = RECENT_SECONDS + 1
        if stalls:
            scene.registry.answering.clear()
        else:
            scene.registry.down = RegistryUnavailable("HTTP 503")
        verdict, took = await scene.judged(enforce, unmet)
        told = {finding.policy.name: finding.reason for finding in verdict.findings if finding.policy}
        assert told["production"] is Reason.Satisfied
        assert told["unmet"] in (Reason.RegistryUnavailable, Reason.DeadlineExceeded)
        assert verdict.allowed
        assert took < seconds + SLACK_SECONDS


async def test_what_a_second_look_shows_to_fail_does_fail() -> None:
    """Only what can't be found out is held against nobody."""
    signed = {"signatures": [{"signers": [{"publicKey": {"trustRoot": "acme", "name": "release"}}]}]}
    policies = objects.policy(require={"buildLevel": 3}), objects.policy("unmet", mode="Audit", require=signed)
    async with running() as scene:
        assert (await scene.judged(*policies))[0].allowed
        scene.time = RECENT_SECONDS + 1
        del scene.shelf.pages[f"referrers/{scene.shelf.subject}"]
        verdict, _ = await scene.judged(*policies)
        assert not verdict.allowed
        assert {finding.reason for finding in verdict.findings if finding.refuses} == {Reason.NoProvenance}
