"""What reviews share: looks under way, and what was found; and what they never share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.errors import RegistryUnavailable
from controller.core.evidence import Evidence
from controller.core.image import Digest, Repository
from controller.core.predicates import PROVENANCE
from controller.core.reasons import Reason
from controller.engine.cache import PinnedImage, key_of
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest, Known
from tests.support.foundry import Foundry, SigningKey, roots_of
from tests.support.shelf import Shelf
from tests.support.shelves import AMD64, NOW, REPOSITORY, Family, Shelves, attested, reasons, request_of

OTHER = Repository.parse("evil.example/acme/shop")
HOURS = 4 * 3600.0


class Scene:
    """One attested image in a registry, and a gatherer for all reviews. `time` is the cache's clock."""

    def __init__(self, foundry: Foundry, executor: Executor, *, max_bytes: int = 10_000_000) -> None:
        self.foundry = foundry
        self.roots = foundry.roots
        self.shelf, self.layer = attested(foundry)
        self.registry = Shelves(self.shelf)
        self.time = 0.0
        self.scope = "a"
        self.gather = CachingGatherer(
            Gatherer(registry=self.registry, executor=executor),
            clock=lambda: self.time,
            scope=lambda _repository: self.scope,
            max_bytes=max_bytes,
        )

    @property
    def requests(self) -> int:
        return self.registry.asked.total()

    def request(self, *, seconds: float = 30, max_age: float = float("inf")) -> GatherRequest:
        return request_of(self.roots, digest=self.shelf.subject, seconds=seconds, max_age=max_age)

    async def gathered(self, *, max_age: float = float("inf")) -> Evidence:
        return await self.gather(self.request(max_age=max_age))


@pytest.fixture
async def scene(foundry: Foundry, executor: Executor) -> AsyncIterator[Scene]:
    scene = Scene(foundry, executor)
    async with scene.gather:
        yield scene


@pytest.mark.case("CACHE-012")
@pytest.mark.case("CACHE-013")
async def test_what_was_found_is_used_again_for_hours_whatever_becomes_of_the_registry(scene: Scene) -> None:
    found = await scene.gathered()
    scene.registry.down = RegistryUnavailable("HTTP 503")
    scene.time = HOURS - 1
    assert await scene.gathered() is found
    scene.time = HOURS
    assert reasons(await scene.gathered()) == [Reason.RegistryUnavailable]
    assert (scene.gather.counts.hits, scene.gather.counts.misses) == (1, 2)


@pytest.mark.case("CACHE-004")
@pytest.mark.parametrize("found", [True, False])
async def test_that_nothing_is_there_is_believed_for_30_seconds(scene: Scene, *, found: bool) -> None:
    pages = dict(scene.shelf.pages)
    scene.shelf.pages = {path: page for path, page in pages.items() if found and path.startswith("manifests/")}
    assert (await scene.gathered()).found is found
    scene.shelf.pages = pages
    scene.time = 29
    assert not (await scene.gathered()).statements
    scene.time = 30
    assert (await scene.gathered()).statements


async def test_what_a_review_finds_too_old_is_gathered_anew_for_all(scene: Scene) -> None:
    await scene.gathered()
    del scene.shelf.pages[f"referrers/{scene.shelf.subject}"]
    scene.time = 30
    assert (await scene.gathered()).statements
    assert not (await scene.gathered(max_age=30)).statements
    assert not (await scene.gathered()).statements


@pytest.mark.case("CACHE-005")
@pytest.mark.case("CACHE-008")
async def test_what_is_incomplete_is_not_kept(scene: Scene) -> None:
    path = f"blobs/{scene.shelf.put_layer(scene.layer)['digest']}"
    scene.registry.failing[path] = RegistryUnavailable("HTTP 500")
    assert reasons(await scene.gathered()) == [Reason.RegistryUnavailable]
    del scene.registry.failing[path]
    scene.time = 1
    evidence = await scene.gathered()
    assert (len(evidence.statements), reasons(evidence)) == (1, [])


@pytest.mark.case("CACHE-008")
async def test_a_failure_is_shared_by_a_burst_and_no_longer(scene: Scene) -> None:
    scene.registry.down = RegistryUnavailable("HTTP 503")
    burst = await asyncio.gather(*(scene.gathered() for _ in range(50)))
    burst += [await scene.gathered() for _ in range(50)]
    assert {tuple(reasons(evidence)) for evidence in burst} == {(Reason.RegistryUnavailable,)}
    assert max(scene.registry.asked.values()) == 1
    scene.registry.down = None
    scene.time = 1
    assert (await scene.gathered()).statements


async def test_a_failure_takes_the_place_of_nothing_that_was_found(scene: Scene) -> None:
    found = await scene.gathered()
    scene.registry.down = RegistryUnavailable("HTTP 503")
    scene.time = 60
    assert (await scene.gathered(max_age=30)).gaps
    assert await scene.gathered() is found


@pytest.mark.case("CACHE-006")
async def test_a_burst_of_reviews_fetches_each_object_once(scene: Scene) -> None:
    burst = await asyncio.gather(*(scene.gathered() for _ in range(200)))
    assert all(evidence is burst[0] for evidence in burst)
    assert set(scene.registry.asked.values()) == {1}
    assert (scene.gather.counts.misses, scene.gather.counts.shared) == (1, 199)


async def test_a_burst_of_reviews_of_a_tag_resolves_it_once(scene: Scene) -> None:
    requests = (request_of(scene.roots, tag="v1") for _ in range(200))
    burst = await asyncio.gather(*(scene.gather(request) for request in requests))
    assert {evidence.digest for evidence in burst} == {scene.shelf.subject}
    assert set(scene.registry.asked.values()) == {1}


@pytest.mark.case("CACHE-001")
async def test_a_tag_is_resolved_for_every_review(scene: Scene) -> None:
    assert (await scene.gather(request_of(scene.roots, tag="v1"))).digest == scene.shelf.subject
    moved = scene.shelf.put_manifest(scene.shelf.manifest_of([]))
    scene.shelf.tag(moved, "v1")
    evidence = await scene.gather(request_of(scene.roots, tag="v1"))
    assert (str(evidence.digest), evidence.statements) == (moved["digest"], ())


async def test_a_tag_that_could_not_be_resolved_is_asked_for_once_by_a_burst(scene: Scene) -> None:
    scene.registry.down = RegistryUnavailable("HTTP 503")
    burst = [await scene.gather(request_of(scene.roots, tag="v1")) for _ in range(50)]
    assert {tuple(reasons(evidence)) for evidence in burst} == {(Reason.RegistryUnavailable,)}
    assert scene.requests == 1


@pytest.mark.case("CACHE-007")
@pytest.mark.parametrize("leaving", ["cancelled", "deadline"])
async def test_a_shared_look_goes_on_when_who_began_it_leaves(scene: Scene, leaving: str) -> None:
    scene.registry.answering.clear()
    first = asyncio.ensure_future(scene.gather(scene.request(seconds=0.4 if leaving == "deadline" else 30)))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(scene.gathered())
    await asyncio.sleep(0.01)
    if leaving == "cancelled":
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
    else:
        assert reasons(await first) == [Reason.DeadlineExceeded]
    scene.registry.answering.set()
    assert (await second).statements
    assert set(scene.registry.asked.values()) == {1}


@pytest.mark.case("CACHE-007")
async def test_a_look_goes_on_for_the_report_when_nobody_waits_any_more(scene: Scene) -> None:
    scene.registry.answering.clear()
    loop = asyncio.get_running_loop()
    request = request_of(scene.roots, digest=scene.shelf.subject, seconds=0.05, until=loop.time() + 10)
    assert reasons(await scene.gather(request)) == [Reason.DeadlineExceeded]
    scene.registry.answering.set()
    await asyncio.sleep(0.1)
    asked = scene.requests
    assert (await scene.gathered()).statements
    assert scene.requests == asked


@pytest.mark.slow
async def test_who_leaves_early_takes_what_is_at_hand(scene: Scene) -> None:
    """The image and its bundle were read, and one place has not answered yet."""
    tag = f"manifests/sha256-{scene.shelf.subject.hex}.att"
    stalled = asyncio.Event()
    read = scene.registry.manifest

    async def stalling(repository: Repository, reference: object) -> object:
        if f"manifests/{reference}" == tag:
            await stalled.wait()
        return await read(repository, reference)  # type: ignore[arg-type]

    scene.registry.manifest = stalling  # type: ignore[method-assign,assignment]
    patient = asyncio.create_task(scene.gathered())
    hasty = await scene.gather(scene.request(seconds=2))
    assert (len(hasty.statements), reasons(hasty)) == (1, [Reason.DeadlineExceeded])
    stalled.set()
    evidence = await patient
    assert (len(evidence.statements), reasons(evidence)) == (1, [])


async def test_a_look_ends_by_the_latest_time_that_anybody_asked_for(scene: Scene) -> None:
    scene.registry.answering.clear()
    started = asyncio.get_running_loop().time()
    waiting = [scene.gather(scene.request(seconds=seconds)) for seconds in (0.05, 0.15)]
    assert [reasons(one) for one in await asyncio.gather(*waiting)] == [[Reason.DeadlineExceeded]] * 2
    assert asyncio.get_running_loop().time() - started > 0.14
    await asyncio.sleep(0.01)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.case("CACHE-005")
async def test_a_look_that_ran_out_of_time_is_incomplete_and_not_kept(scene: Scene) -> None:
    """Its last waiter is still there when it ends."""
    read = scene.registry.referrers

    async def stalling(_repository: Repository, _digest: object) -> AsyncIterator[object]:
        await asyncio.Event().wait()
        yield None

    scene.registry.referrers = stalling  # type: ignore[method-assign,assignment]
    loop = asyncio.get_running_loop()
    waiting = request_of(scene.roots, digest=scene.shelf.subject, seconds=5, until=loop.time() + 0.1)
    assert reasons(await scene.gather(waiting)) == [Reason.DeadlineExceeded]
    scene.registry.referrers = read  # type: ignore[method-assign]
    scene.time = 1
    assert (await scene.gathered()).statements


async def test_leaving_ends_what_is_under_way(scene: Scene) -> None:
    scene.registry.answering.clear()
    waiting = asyncio.create_task(scene.gathered())
    await asyncio.sleep(0.01)
    await scene.gather.__aexit__(None, None, None)
    assert reasons(await waiting) == [Reason.DeadlineExceeded]
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.case("CACHE-014")
@pytest.mark.case("CACHE-011")
async def test_one_repository_says_nothing_for_another(scene: Scene) -> None:
    empty = Shelf()
    assert empty.subject == scene.shelf.subject
    scene.registry.shelves[OTHER] = empty
    poisoned = request_of(scene.roots, digest=scene.shelf.subject, repository=OTHER)
    assert not (await scene.gather(poisoned)).statements
    assert (await scene.gathered()).statements
    assert not (await scene.gather(poisoned)).statements


@pytest.mark.case("CACHE-009")
@pytest.mark.case("CACHE-011")
async def test_one_scope_of_credentials_says_nothing_for_another(scene: Scene) -> None:
    await scene.gathered()
    scene.scope, asked = "b", scene.requests
    await asyncio.gather(scene.gathered(), scene.gathered())
    assert scene.requests == 2 * asked


@pytest.mark.case("CACHE-002")
@pytest.mark.case("POL-023")
async def test_what_was_judged_by_other_roots_or_for_other_types_is_gathered_anew(scene: Scene) -> None:
    await scene.gathered()
    entry = scene.foundry.key.entry(revoked_at=NOW)
    revoked = await scene.gather(request_of(roots_of(entry), digest=scene.shelf.subject))
    assert (revoked.statements, len(revoked.refused)) == ((), 1)
    asked = scene.requests
    await scene.gather(request_of(scene.roots, digest=scene.shelf.subject, wanted=PROVENANCE))
    assert scene.requests > asked
    asked = scene.requests
    kept = await scene.gather(request_of(scene.roots, digest=scene.shelf.subject, kept=PROVENANCE))
    assert scene.requests > asked
    assert kept.statements[0].predicate is not None


@pytest.mark.case("KEY-010")
@pytest.mark.case("CACHE-002")
@pytest.mark.parametrize("window", ["not_before", "not_after"])
async def test_evidence_without_a_time_does_not_outlive_the_window_of_its_key(scene: Scene, window: str) -> None:
    key = scene.foundry.key
    entry = key.entry(not_before=NOW) if window == "not_before" else key.entry(not_after=NOW)
    inside, outside = (timedelta(0), timedelta(seconds=-1 if window == "not_before" else 1))
    for since, counts in ((inside, True), (outside, False), (inside, True)):
        request = request_of(roots_of(entry), digest=scene.shelf.subject, now=NOW + since)
        assert bool((await scene.gather(request)).statements) is counts


async def test_a_window_that_stays_open_costs_nothing(scene: Scene) -> None:
    entry = scene.foundry.key.entry(not_after=NOW + timedelta(days=1))
    for days in (0, 1):
        now = NOW + timedelta(days=days)
        await scene.gather(request_of(roots_of(entry), digest=scene.shelf.subject, now=now))
    assert scene.gather.counts.hits == 1


@pytest.mark.case("CACHE-011")
async def test_different_reviews_at_once_mix_nothing(scene: Scene, foundry: Foundry) -> None:
    stranger = roots_of(SigningKey().entry(), name="other")
    family_shelf = Shelf()
    family = Family(foundry, family_shelf)
    family.attest(family.child(AMD64))
    index = family.push()
    scene.registry.shelves[OTHER] = family_shelf
    ours, theirs, other = await asyncio.gather(
        scene.gathered(),
        scene.gather(request_of(stranger, digest=scene.shelf.subject)),
        scene.gather(request_of(scene.roots, digest=index, repository=OTHER, children=True)),
    )
    assert (len(ours.statements), len(ours.refused)) == (1, 0)
    assert (len(theirs.statements), len(theirs.refused)) == (0, 1)
    assert (other.digest, len(other.statements), len(other.children)) == (index, 0, 1)


async def test_an_index_is_read_once_when_its_children_are_asked_for_later(scene: Scene, foundry: Foundry) -> None:
    family = Family(foundry, scene.shelf)
    family.attest(family.child(AMD64))
    family.push()
    assert len((await scene.gathered()).unread) == 1
    asked = scene.registry.asked.copy()
    evidence = await scene.gather(request_of(scene.roots, digest=scene.shelf.subject, children=True))
    assert len(evidence.children[0].statements) == 1
    assert all(scene.registry.asked[path] == count for path, count in asked.items())
    assert REPOSITORY in scene.registry.shelves


async def test_what_an_index_lists_about_a_child_is_not_told_where_the_child_is_pinned(
    scene: Scene, foundry: Foundry
) -> None:
    family = Family(foundry, scene.shelf)
    child = family.child(AMD64)
    family.attest_in_index(child)
    family.push()
    evidence = await scene.gather(request_of(scene.roots, digest=scene.shelf.subject, children=True))
    assert len(evidence.children[0].statements) == 1
    assert not (await scene.gather(request_of(scene.roots, digest=child))).statements


async def test_what_is_known_at_once_is_what_any_look_would_tell(scene: Scene) -> None:
    found = await scene.gathered()
    for request, at_once in ((scene.request(), True), (request_of(scene.roots, tag="v1"), False)):
        answer = scene.gather(request)
        assert isinstance(answer, Known) is at_once
        assert await answer is found
    assert (scene.gather.counts.hits, scene.gather.counts.misses) == (2, 1)


async def test_a_stale_root_says_nothing_at_once_of_what_was_found_while_it_was_fresh(scene: Scene) -> None:
    assert (await scene.gathered()).statements
    stale = replace(scene.request(), stale=frozenset(scene.roots.roots))
    evidence = await scene.gather(stale)
    assert (evidence.statements, reasons(evidence)) == ((), [Reason.TrustRootStale])
    assert (await scene.gathered()).statements


async def test_the_children_of_an_index_are_looked_at_where_only_the_index_is_known(
    scene: Scene, foundry: Foundry
) -> None:
    family = Family(foundry, scene.shelf)
    family.child(AMD64)
    family.push()
    assert (await scene.gathered()).unread
    assert not (await scene.gather(replace(scene.request(), children=True))).unread


async def test_evidence_that_is_kept_elsewhere_is_known_by_where() -> None:
    asked = request_of(roots_of(), digest=Digest.of(b"image"))
    image = PinnedImage(REPOSITORY, Digest.of(b"image"))
    places = {key_of(asked, image, evidence_repository=place, scope="") for place in (None, REPOSITORY, OTHER)}
    assert len(places) == 3
