"""Reviews over one cache of evidence: what the decision line tells of it, and whose clock it goes by."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from controller.core.policy import Uncovered
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore
from controller.webhook.judging import Judge
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.asking import ask
from tests.support.foundry import BUILDER_ID, Foundry
from tests.support.reviews import container, pod, review
from tests.support.shelf import Shelf
from tests.support.shelves import NOW, Shelves, attested

DAY = timedelta(days=1)
SECONDS = 4.0


class Scene:
    """A judge over an attested image in a registry.

    `now` is what the wall clock says, `jump` how far it goes each time it is looked at, `aged` the cache's clock.
    """

    def __init__(self, foundry: Foundry, registry: Shelves, shelf: Shelf, gatherer: Gatherer) -> None:
        self.registry, self.shelf = registry, shelf
        self.now, self.jump, self.aged = NOW, timedelta(), 0.0
        root = objects.root("acme", {"name": "release", "pem": foundry.key.pem})
        policy = objects.policy(match={"images": objects.IMAGES}, require={"buildLevel": 3})
        store = PolicyStore()
        for kind in KINDS:
            everything = (root, objects.builder(builderIDs=[BUILDER_ID]), policy)
            store.replace(kind, [one for one in everything if one["kind"] == kind])
        self.gather = CachingGatherer(gatherer, clock=lambda: self.aged)
        self._judge = Judge(
            snapshot=store.current,
            gather=self.gather,
            namespace_labels=unlabelled,
            uncovered=Uncovered.ALLOW,
            now=self.tell,
        )

    def tell(self) -> datetime:
        self.now += self.jump
        return self.now

    async def ask(self, *images: str) -> tuple[bool, Mapping[str, Any]]:
        """Whether it was admitted, and its line."""
        names = images or (f"ghcr.io/acme/shop@{self.shelf.subject}",)
        body = review(pod(*(container(image, f"c{number}") for number, image in enumerate(names))))
        answered = await ask(self._judge, body, seconds=SECONDS)
        return json.loads(answered.body)["response"]["allowed"], msgspec.to_builtins(answered.line)


async def unlabelled(_namespace: str, _deadline: float) -> Mapping[str, str] | None:
    return {}


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    foundry = Foundry()
    shelf, _ = attested(foundry)
    registry = Shelves(shelf)
    with ThreadPoolExecutor(1) as executor:
        made = Scene(foundry, registry, shelf, Gatherer(registry=registry, executor=executor))
        async with made.gather:
            yield made


async def test_the_line_tells_where_evidence_came_from(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert (await scene.ask())[1]["cache"] == {"miss": 1}
    assert (await scene.ask())[1]["cache"] == {"hit": 1}
    assert (await scene.ask("docker.io/library/nginx"))[1]["cache"] == {}
    scene.aged += 5 * 3600
    cold, waiting = await asyncio.gather(scene.ask(), scene.ask())
    assert (cold[1]["cache"], waiting[1]["cache"]) == ({"miss": 1}, {"shared": 1})


async def test_what_is_looked_at_once_more_is_told_twice(scene: Scene) -> None:
    """The second look is at evidence that was found this very moment: it asks nobody."""
    scene.shelf.pages = {path: page for path, page in scene.shelf.pages.items() if path.startswith("manifests/")}
    allowed, line = await scene.ask()
    assert (allowed, line["cache"]) == (False, {"miss": 1, "hit": 1})


@pytest.mark.case("SVC-014")
@pytest.mark.parametrize("jump", [365 * DAY, -365 * DAY, timedelta(seconds=-1)])
async def test_a_jump_of_the_wall_clock_makes_evidence_neither_older_nor_younger(scene: Scene, jump: timedelta) -> None:
    await scene.ask()
    asked = scene.registry.asked.total()
    scene.now += jump
    allowed, line = await scene.ask()
    assert (allowed, line["cache"]) == (True, {"hit": 1})
    assert scene.registry.asked.total() == asked
    scene.aged += 4 * 3600
    assert (await scene.ask())[1]["cache"] == {"miss": 1}


@pytest.mark.case("SVC-014")
@pytest.mark.parametrize("jump", [DAY, -DAY])
@pytest.mark.slow
async def test_a_jump_of_the_wall_clock_moves_no_deadline(scene: Scene, jump: timedelta) -> None:
    scene.registry.answering.clear()
    scene.jump = jump
    clock = asyncio.get_running_loop().time
    started = clock()
    allowed, line = await scene.ask()
    (finding,) = line["images"][0]["findings"]
    assert (allowed, line["code"], finding["reason"]) == (False, 503, "DeadlineExceeded")
    assert SECONDS * 0.9 <= clock() - started < SECONDS * 2
