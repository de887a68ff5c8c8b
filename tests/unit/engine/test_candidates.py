"""What is fetched, judged and kept of an image's candidates: what is wanted, once, and within bounds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from concurrent.futures import Executor
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import pytest

from controller.core.errors import RegistryUnavailable
from controller.core.evidence import Evidence
from controller.core.image import Digest, Repository
from controller.core.predicates import CYCLONEDX, PROVENANCE_V1, SPDX
from controller.core.reasons import Reason
from controller.engine import budget, candidates
from controller.engine.evidence import IN_FLIGHT_BYTES, IN_FLIGHT_BYTES_OF_HOST, Gatherer
from tests.support.foundry import BUILDER_ID, Foundry, Layer
from tests.support.shelf import CREATED, PREDICATE, Shelf
from tests.support.shelves import REPOSITORY, Shelves, attested, reasons, request_of


class Scene:
    """A repository with one image, and gathering it."""

    def __init__(self, foundry: Foundry, executor: Executor) -> None:
        self.foundry = foundry
        self.shelf = Shelf()
        self._registry = Shelves(self.shelf)
        self.gatherer = Gatherer(registry=self._registry, executor=executor)

    def provenance(self) -> Layer:
        return self.foundry.bundle_layer(self.foundry.provenance(self.shelf.subject))

    def provenance_at(self, path: str) -> Layer:
        return self.foundry.envelope_layer(self.foundry.provenance(self.shelf.subject, path=path))

    @property
    def asked(self) -> Iterable[str]:
        return self._registry.asked

    def stall(self, path: str) -> None:
        self._registry.stalling = path

    def times(self, path: str) -> int:
        return self._registry.asked[f"{REPOSITORY}/{path}"]

    async def gather(self, **fields: Any) -> Evidence:
        return await self.gatherer(request_of(self.foundry.roots, digest=self.shelf.subject, **fields))


@pytest.fixture
def scene(foundry: Foundry, executor: Executor) -> Scene:
    return Scene(foundry, executor)


async def gathered_of_two(foundry: Foundry, executor: Executor, own: Shelf, other: Shelf) -> Evidence:
    """What the image's own repository and the configured one tell together."""
    elsewhere = Repository.parse("evidence.example/acme/shop")
    registry = Shelves(own)
    registry.shelves[elsewhere] = other
    gatherer = Gatherer(registry=registry, executor=executor, evidence_repository=lambda _repository: elsewhere)
    return await gatherer(request_of(foundry.roots, digest=own.subject))


@pytest.mark.case("SET-016")
async def test_an_announced_version_of_a_wanted_sbom_is_fetched(scene: Scene) -> None:
    """Of SBOMs policies ask for the base type, and producers announce versions."""
    entry = scene.shelf.put_bundle(scene.provenance(), **{PREDICATE: f"{SPDX}/v2.3"})
    scene.shelf.list_referrers(entry)
    evidence = await scene.gather(wanted=frozenset({SPDX}))
    assert len(evidence.statements) == 1
    assert not (await scene.gather(wanted=frozenset({CYCLONEDX}))).statements


async def test_one_payload_with_several_signatures_is_fetched_once_and_judged_for_each(scene: Scene) -> None:
    payload = scene.foundry.simple_signing(scene.shelf.subject)
    layers = (scene.foundry.signature_layer(payload), scene.foundry.signature_layer(payload, scene.foundry.stranger))
    scene.shelf.put_tagged(".sig", *layers)
    evidence = await scene.gather()
    assert (len(evidence.statements), len(evidence.refused)) == (1, 1)
    assert scene.times(f"blobs/{Digest.of(payload)}") == 1


async def test_what_several_manifests_hold_is_fetched_and_judged_once(scene: Scene) -> None:
    layer = scene.provenance()
    entries = [scene.shelf.put_bundle(layer, **{CREATED: f"2026-05-0{day}T00:00:00Z"}) for day in range(1, 9)]
    scene.shelf.list_referrers(*entries)
    evidence = await scene.gather()
    assert len(evidence.statements) == 1
    assert scene.times(f"blobs/{Digest.of(layer.content)}") == 1


async def test_a_manifest_of_another_size_than_listed_is_not_known(scene: Scene) -> None:
    entry = scene.shelf.put_bundle(scene.provenance())
    scene.shelf.list_referrers(entry | {"size": entry["size"] - 1})
    evidence = await scene.gather()
    assert (evidence.statements, reasons(evidence)) == ((), [Reason.RegistryUnavailable])


async def test_what_is_kept_of_the_candidates_of_an_image_is_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "MAX_KEPT_BYTES", 10_000)
    for suffix, number in ((".att", 5), (".sig", 1)):
        layers = [scene.provenance_at(f"{'x' * 900}{n}") for n in range(number)]
        scene.shelf.put_tagged(suffix, *layers)
    evidence = await scene.gather()
    assert 0 < len(evidence.statements) < 5
    assert reasons(evidence) == [Reason.LimitExceeded]


async def test_predicates_are_kept_of_the_types_that_conditions_look_into(scene: Scene) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    assert (await scene.gather()).statements[0].predicate is None
    kept = (await scene.gather(kept=frozenset({PROVENANCE_V1}))).statements[0].predicate
    assert kept is not None
    assert json.loads(kept)["runDetails"]["builder"]["id"] == BUILDER_ID


@pytest.mark.parametrize("stale", [True, False])
async def test_nothing_counts_under_a_root_that_is_too_old_and_that_is_told(scene: Scene, *, stale: bool) -> None:
    scene.shelf.list_referrers(scene.shelf.put_bundle(scene.provenance()))
    evidence = await scene.gather(stale=frozenset({"acme"} if stale else ()))
    assert len(evidence.statements) == (not stale)
    assert reasons(evidence) == ([Reason.TrustRootStale] if stale else [])


@pytest.mark.case("REG-005")
@pytest.mark.parametrize("configured", [True, False])
async def test_evidence_is_looked_for_in_the_configured_repository_too(
    foundry: Foundry, executor: Executor, *, configured: bool
) -> None:
    shelf, _ = attested(foundry)
    elsewhere = Repository.parse("evidence.example/acme/shop")
    empty = Shelf()
    assert empty.subject == shelf.subject
    registry = Shelves(empty)
    registry.shelves[elsewhere] = shelf
    gatherer = Gatherer(
        registry=registry,
        executor=executor,
        evidence_repository=lambda repository: elsewhere if configured and repository == REPOSITORY else None,
    )
    evidence = await gatherer(request_of(foundry.roots, digest=shelf.subject))
    assert len(evidence.statements) == configured
    assert not evidence.gaps
    assert any(str(elsewhere) in path for path in registry.asked) is configured


@pytest.mark.case("REG-005")
async def test_what_one_repository_lists_and_lacks_is_read_where_the_other_has_it(
    foundry: Foundry, executor: Executor
) -> None:
    lacking, holding = Shelf(), Shelf()
    layer = foundry.bundle_layer(foundry.provenance(holding.subject))
    for shelf in (lacking, holding):
        shelf.list_referrers(shelf.put_bundle(layer))
    del lacking.pages[f"blobs/{Digest.of(layer.content)}"]
    evidence = await gathered_of_two(foundry, executor, lacking, holding)
    assert (len(evidence.statements), reasons(evidence)) == (1, [Reason.RegistryUnavailable])


@pytest.mark.case("SET-007")
@pytest.mark.parametrize(("count", "expected"), [(56, []), (57, [Reason.LimitExceeded])])
async def test_manifests_count_wherever_they_are_listed(
    foundry: Foundry, executor: Executor, count: int, expected: list[Reason]
) -> None:
    """Each place is below its own bound, and no manifest here holds a candidate."""
    first, second = Shelf(), Shelf()
    for shelf, numbers in ((first, range(200)), (second, range(200, 200 + count))):
        shelf.list_referrers(*(shelf.put_manifest(shelf.manifest_of([], number=number)) for number in numbers))
    assert reasons(await gathered_of_two(foundry, executor, first, second)) == expected


async def test_where_there_is_no_image_nothing_that_may_be_listed_about_it_is_waited_for(scene: Scene) -> None:
    missing = Digest.of(b"missing")
    scene.stall(f"referrers/{missing}")
    started = asyncio.get_running_loop().time()
    evidence = await scene.gatherer(request_of(scene.foundry.roots, digest=missing, seconds=30))
    assert not evidence.found
    assert asyncio.get_running_loop().time() - started < 20


async def test_what_the_configured_repository_can_not_tell_is_a_gap(foundry: Foundry, executor: Executor) -> None:
    shelf = Shelf()
    registry = Shelves(shelf)
    registry.failing[f"referrers/{shelf.subject}"] = RegistryUnavailable("HTTP 500")
    elsewhere = Repository.parse("evidence.example/acme/shop")
    gatherer = Gatherer(registry=registry, executor=executor, evidence_repository=lambda _repository: elsewhere)
    assert reasons(await gatherer(request_of(foundry.roots, digest=shelf.subject))) == [Reason.RegistryUnavailable]


@pytest.mark.parametrize("way", [".att", "referrers"])
async def test_the_candidates_of_many_images_take_turns_by_their_bytes(
    foundry: Foundry, executor: Executor, way: str
) -> None:
    shelf = Shelf()
    payload = foundry.provenance(shelf.subject)
    if way == ".att":
        shelf.put_tagged(".att", foundry.envelope_layer(payload))
    else:
        shelf.list_referrers(shelf.put_bundle(foundry.bundle_layer(payload)))
    registry = Shelves(shelf)
    gatherer = Gatherer(registry=registry, executor=executor)
    async with gatherer.means.turns.taking(IN_FLIGHT_BYTES, REPOSITORY.host):
        waiting = await gatherer(request_of(foundry.roots, digest=shelf.subject, seconds=0.2))
    assert (waiting.statements, reasons(waiting)) == ((), [Reason.DeadlineExceeded])
    assert not any("/blobs/" in path for path in registry.asked)
    assert (await gatherer(request_of(foundry.roots, digest=shelf.subject))).statements
    assert gatherer.means.turns.taken == 0


@pytest.mark.parametrize(("missing", "read"), [(0, True), (1, False)])
async def test_a_candidate_takes_twice_its_size_while_it_is_read(scene: Scene, missing: int, *, read: bool) -> None:
    """The pieces as they come, and the whole."""
    layer = scene.provenance_at("x")
    scene.shelf.put_tagged(".att", layer)
    taken = IN_FLIGHT_BYTES_OF_HOST - 2 * len(layer.content) + missing
    async with scene.gatherer.means.turns.taking(taken, REPOSITORY.host):
        assert bool((await scene.gather(seconds=0.2 if missing else 30)).statements) is read


class Announced:
    """A scene's registry lists a bundle of another size than there is, or a signature of one."""

    def __init__(self, scene: Scene, way: str, size: int) -> None:
        shelf = scene.shelf
        if way == "referrers":
            shelf.list_referrers(shelf.put_bundle(scene.provenance()) | {"size": size})
        else:
            layer = scene.provenance_at("x")
            shelf.put_tagged(".att", layer)
            tag = next(path for path in shelf.pages if path.endswith(".att"))
            page = shelf.pages[tag]
            manifest = json.loads(page.content)
            manifest["layers"][0]["size"] = size
            shelf.pages[tag] = replace(page, content=json.dumps(manifest).encode())


@pytest.mark.parametrize(("way", "size"), [("referrers", 4 * 2**20 + 1), (".att", 20 * 2**20 + 1)])
async def test_what_announces_more_than_is_ever_read_waits_for_no_turn(scene: Scene, way: str, size: int) -> None:
    Announced(scene, way, size)
    gatherer = scene.gatherer
    async with gatherer.means.turns.taking(IN_FLIGHT_BYTES, REPOSITORY.host):
        evidence = await scene.gather(seconds=0.5)
    assert reasons(evidence) == [Reason.LimitExceeded]
    assert not any("/blobs/" in path for path in scene.asked)


async def test_a_read_that_takes_too_long_gives_its_turn_back_and_is_a_gap(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "READ_SECONDS", 0.01)
    scene.shelf.put_tagged(".att", scene.provenance_at("x"))
    scene.stall("blobs/")
    evidence = await scene.gather(seconds=5)
    assert [(gap.reason, "0.01 s" in gap.detail) for gap in evidence.gaps] == [(Reason.RegistryUnavailable, True)]
    assert scene.gatherer.means.turns.taken == 0


async def test_half_of_what_is_under_way_is_for_hosts_that_are_vouched_for(
    foundry: Foundry, executor: Executor
) -> None:
    shelf = Shelf()
    shelf.list_referrers(shelf.put_bundle(foundry.bundle_layer(foundry.provenance(shelf.subject))))
    gatherer = Gatherer(registry=Shelves(shelf), executor=executor, vouched=lambda host: host == REPOSITORY.host)
    async with AsyncExitStack() as stack:
        for n in range(IN_FLIGHT_BYTES // 2 // IN_FLIGHT_BYTES_OF_HOST):
            await stack.enter_async_context(gatherer.means.turns.taking(2**30, f"evil{n}.example"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await stack.enter_async_context(gatherer.means.turns.taking(2**30, "evil.example"))
        assert (await gatherer(request_of(foundry.roots, digest=shelf.subject, seconds=1))).statements
