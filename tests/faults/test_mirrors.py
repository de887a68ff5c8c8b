"""Mirrors that are down, lack something or lie; troubles that pass; hosts that are limited: over real connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.errors import LimitExceeded, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, ImageReference, Repository
from controller.core.predicates import PROVENANCE
from controller.core.reasons import Reason
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.gathering import Gather, GatherRequest
from controller.engine.question import resolve
from controller.registry import resolver as resolving
from controller.registry import scoped, transport
from controller.registry.client import RegistryClient
from controller.registry.discovery import sources
from controller.wire.oci import Descriptor
from controller.wire.registries import parse_registries
from tests.support.foundry import Foundry
from tests.support.scripted import Reply, ScriptedServer, Seen
from tests.support.shelf import INDEX_TYPE, Page, Shelf

SLACK_SECONDS = 3.5
NOW = datetime(2026, 6, 1, tzinfo=UTC)


class Scene:
    """A registry and two mirrors of it, all with one shelf; a server's `script` may be replaced."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack, self.shelf = stack, Shelf()
        self.origin, self.first, self.second = servers = tuple(ScriptedServer(self.shelved) for _ in range(3))
        self.servers = servers

    async def start(self) -> None:
        for server in self.servers:
            await self.stack.enter_async_context(server.running())
        self.repository = Repository.parse(f"{self.origin.host}/acme/shop")
        self.image = self.shelf.subject

    def shelved(self, seen: Seen) -> Reply:
        page = self.shelf.pages.get(seen.target.partition("/acme/shop/")[2])
        if page is None:
            return Reply(status=404)
        return Reply(body=page.content, headers={"Content-Type": page.content_type} | dict(page.headers))

    async def client(self, *mirrors: ScriptedServer, **fields: Any) -> RegistryClient:
        entries = [{"host": server.host, "plainHTTP": True} for server in self.servers]
        entries[0] |= {"mirrors": [f"{mirror.host}/cache" for mirror in mirrors]} | fields
        return await self.stack.enter_async_context(RegistryClient(parse_registries(entries), named_hosts=frozenset))

    def asked(self) -> list[int]:
        return [len(server.seen) for server in self.servers]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        made = Scene(stack)
        await made.start()
        yield made


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.case("REG-014")
async def test_what_a_digest_names_comes_from_the_first_mirror(scene: Scene) -> None:
    client = await scene.client(scene.first, scene.second)
    assert await client.manifest(scene.repository, scene.image)
    described = scene.shelf.put_blob(b"content", "text/plain")
    blob = Descriptor(media_type="text/plain", digest=Digest.parse(described["digest"]), size=described["size"])
    assert await client.blob(scene.repository, blob) == b"content"
    assert scene.asked() == [0, 2, 0]
    assert all(seen.target.startswith("/v2/cache/acme/shop/") for seen in scene.first.seen)


@pytest.mark.case("REG-014")
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=404),
        Reply(status=401),
        Reply(status=403),
        Reply(status=500),
        Reply(status=503, headers={"Retry-After": "2"}),
        Reply(status=0),
        Reply(body=b"other content"),
        Reply(body=b"x", cut=True),
        Reply(status=307, headers={"Location": "https://169.254.169.254/"}),
        Reply(status=307, headers={"Location": "http://127.0.0.1/"}),
        Reply(stall=True),
    ],
    ids=lambda reply: str(reply)[6:70],
)
async def test_a_mirror_that_fails_lacks_or_lies_is_passed_over(
    scene: Scene, reply: Reply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoped, "MIRROR_SECONDS", 0.3)
    scene.first.script = scene.second.script = lambda _: reply
    client = await scene.client(scene.first, scene.second)
    fetched = await client.manifest(scene.repository, scene.image)
    assert fetched is not None
    assert fetched.digest == scene.image
    described = scene.shelf.put_blob(b"content", "text/plain")
    blob = Descriptor(media_type="text/plain", digest=Digest.parse(described["digest"]), size=described["size"])
    assert await client.blob(scene.repository, blob) == b"content"
    assert len(scene.origin.seen) == 2


@pytest.mark.case("REG-014")
async def test_a_mirror_that_stalls_leaves_half_of_the_time_to_the_registry(scene: Scene) -> None:
    scene.first.script = lambda _: Reply(stall=True)
    client = await scene.client(scene.first)
    deadline = soon(4.0)
    async with asyncio.timeout(4.0):
        assert await client.within(lambda: deadline).manifest(scene.repository, scene.image)


@pytest.mark.case("REG-014")
async def test_where_neither_mirror_nor_registry_answer_it_is_the_registrys_error(scene: Scene) -> None:
    for server in scene.servers:
        server.script = lambda _: Reply(status=503)
    client = await scene.client(scene.first)
    with pytest.raises(RegistryUnavailable, match=scene.origin.host):
        await client.manifest(scene.repository, scene.image)
    assert len(scene.first.seen) == 1


@pytest.mark.case("REG-014")
@pytest.mark.case("CACHE-001")
async def test_a_tag_is_what_the_registry_says_and_a_mirrors_may_be_stale_when_it_does_not_answer(scene: Scene) -> None:
    client = await scene.client(scene.first)
    stale = scene.shelf.pages["manifests/v1"]
    scene.shelf.tag(scene.shelf.put_manifest(scene.shelf.manifest_of([], number=2)), "v1")
    current = scene.shelf.pages["manifests/v1"]
    scene.first.script = lambda _: Reply(body=stale.content)
    fetched = await client.manifest(scene.repository, "v1")
    assert fetched is not None
    assert (fetched.content, fetched.may_be_stale) == (current.content, False)
    assert not scene.first.seen
    scene.origin.script = lambda _: Reply(status=404)
    assert await client.manifest(scene.repository, "v1") is None
    scene.origin.script = lambda _: Reply(status=403)
    with pytest.raises(RegistryDenied):
        await client.manifest(scene.repository, "v1")
    assert not scene.first.seen
    scene.origin.script = lambda _: Reply(status=503)
    fetched = await client.manifest(scene.repository, "v1")
    assert fetched is not None
    assert (fetched.content, fetched.may_be_stale) == (stale.content, True)
    with pytest.raises(RegistryUnavailable, match="may be old"):
        await resolve(client, scene.repository, "v1")


@pytest.mark.case("REG-014")
@pytest.mark.parametrize("suffix", [".att", ".sig", ""])
async def test_what_a_mirrors_tag_lists_counts_and_that_there_may_be_more_is_told(scene: Scene, suffix: str) -> None:
    foundry = Foundry()
    if suffix:
        scene.shelf.put_tagged(suffix, foundry.bundle_layer(foundry.provenance(scene.image)))
    else:
        bundle = scene.shelf.put_bundle(foundry.bundle_layer(foundry.provenance(scene.image)))
        index = Page(content=Shelf.index_of(bundle), content_type=INDEX_TYPE)
        scene.shelf.pages[f"manifests/sha256-{scene.image.hex}"] = index
    path = f"/manifests/sha256-{scene.image.hex}{suffix}"
    scene.origin.script = lambda seen: Reply(status=503) if seen.target.endswith(path) else scene.shelved(seen)
    client = await scene.client(scene.first)
    listed, gaps = [], []
    for source in sources(client, scene.repository, scene.image):
        try:
            async for entry in source:
                listed.append(entry)  # noqa: PERF401 (what came before an error counts)
        except RegistryUnavailable as error:
            gaps.append(str(error))
    assert len(listed) == 1
    assert len(gaps) == 1
    assert "may be old" in gaps[0]


@pytest.mark.case("REG-014")
@pytest.mark.parametrize("down", [False, True])
async def test_lists_of_referrers_are_the_registrys_and_a_mirrors_leave_it_unknown_whether_there_are_more(
    scene: Scene, *, down: bool
) -> None:
    scene.shelf.list_referrers(scene.shelf.image)
    empty = Shelf.index_of()
    scene.first.script = lambda _: (
        Reply(body=empty, headers={"Content-Type": INDEX_TYPE}) if down else Reply(status=404)
    )
    client = await scene.client(scene.first, scene.second)
    if down:
        scene.origin.script = lambda _: Reply(status=503)
    pages = []
    try:
        async for page in client.referrers(scene.repository, scene.image):
            pages.append(page)  # noqa: PERF401 (what came before an error counts)
    except RegistryUnavailable:
        assert down
    else:
        assert not down
    assert len(pages) == 1
    assert bool(scene.first.seen) == down


@pytest.mark.case("REG-014")
async def test_evidence_that_a_mirror_lacks_is_found_at_the_registry(scene: Scene) -> None:
    foundry = Foundry()
    scene.shelf.list_referrers(scene.shelf.put_bundle(foundry.bundle_layer(foundry.provenance(scene.image))))
    image = f"manifests/{scene.image}"
    scene.first.script = lambda seen: scene.shelved(seen) if seen.target.endswith(image) else Reply(status=404)
    client = await scene.client(scene.first)
    request = GatherRequest(
        reference=ImageReference(repository=scene.repository, digest=scene.image),
        wanted=PROVENANCE,
        roots=foundry.roots,
        now=NOW,
        deadline=soon(10),
    )
    with ThreadPoolExecutor(1) as executor:
        evidence = await Gatherer(registry=client, executor=executor)(request)
    assert len(evidence.statements) == 1
    assert not evidence.gaps


@pytest.mark.case("REG-006")
@pytest.mark.parametrize("trouble", [Reply(status=503), Reply(status=429), Reply(status=0), Reply(body=b"x", cut=True)])
async def test_a_trouble_that_passes_is_passed_over(scene: Scene, trouble: Reply) -> None:
    scene.origin.script = lambda seen: trouble if len(scene.origin.seen) == 1 else scene.shelved(seen)
    client = await scene.client()
    assert await client.manifest(scene.repository, scene.image)


async def test_the_series_of_a_registry_that_is_down_is_short(scene: Scene) -> None:
    scene.origin.script = lambda _: Reply(status=503)
    client = await scene.client()
    with pytest.raises(RegistryUnavailable, match="503"):
        await client.manifest(scene.repository, scene.image)
    assert len(scene.origin.seen) <= 4


@pytest.mark.case("REG-009")
@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
@pytest.mark.parametrize("named", ["tag", "digest"])
@pytest.mark.parametrize("told", ["1", "5"], ids=["inside", "beyond"])
async def test_a_registry_that_asks_for_patience_gets_it_within_the_deadline(
    scene: Scene, told: str, named: str, *, shared: bool
) -> None:
    busy = Reply(status=429, headers={"Retry-After": told})
    image = f"/manifests/{scene.image if named == 'digest' else 'v1'}"
    scene.origin.script = lambda seen: (
        busy if seen.target.endswith(image) and seen is first(scene) else scene.shelved(seen)
    )
    digest, tag = (scene.image, None) if named == "digest" else (None, "v1")
    request = GatherRequest(
        reference=ImageReference(repository=scene.repository, tag=tag, digest=digest),
        wanted=frozenset(),
        roots=Foundry().roots,
        now=NOW,
        deadline=soon(4.5),
    )
    started = soon(0)
    async with gathering(await scene.client(), shared=shared) as gather:
        evidence = await gather(request)
    took = soon(0) - started
    reasons = [gap.reason for gap in evidence.gaps]
    if told == "1":
        assert (reasons, took >= 1.0) == ([], True)
    else:
        assert (reasons, took < SLACK_SECONDS) == ([Reason.RegistryUnavailable], True)


@pytest.mark.case("REG-009")
async def test_who_has_more_time_for_what_is_under_way_gives_the_registry_more(scene: Scene) -> None:
    replies = [Reply(status=429, headers={"Retry-After": "1"})]
    scene.origin.script = lambda seen: replies.pop(0) if replies else scene.shelved(seen)
    request = GatherRequest(
        reference=ImageReference(repository=scene.repository, digest=scene.image),
        wanted=frozenset(),
        roots=Foundry().roots,
        now=NOW,
        deadline=soon(0.9),
    )
    async with gathering(await scene.client(), shared=True) as gather:
        short, long = await asyncio.gather(gather(request), gather(replace(request, deadline=soon(10))))
    assert [gap.reason for gap in short.gaps] == [Reason.DeadlineExceeded]
    assert not long.gaps


@asynccontextmanager
async def gathering(client: RegistryClient, *, shared: bool) -> AsyncIterator[Gather]:
    """What gathers for one review alone, or for all of a process."""
    with ThreadPoolExecutor(1) as executor:
        gatherer = Gatherer(registry=client, executor=executor)
        if not shared:
            yield gatherer
            return
        async with CachingGatherer(gatherer, clock=time.monotonic) as caching:
            yield caching


def first(scene: Scene) -> Seen:
    return scene.origin.seen[0]


async def test_a_rate_is_kept(scene: Scene) -> None:
    client = await scene.client(rateLimit=20)
    started = soon(0)
    await asyncio.gather(*(client.manifest(scene.repository, "v1") for _ in range(40)))
    assert soon(0) - started >= 0.9


async def test_a_rate_is_kept_of_a_host_that_is_at_port_80_unsaid() -> None:
    """Nobody listens there: what counts is that the second is not sent."""
    registries = parse_registries([{"host": "localhost", "plainHTTP": True, "rateLimit": 0.001}])
    deadline = soon(20)
    async with RegistryClient(registries, named_hosts=frozenset) as client:
        reading = client.within(lambda: deadline)
        with pytest.raises((RegistryUnavailable, LimitExceeded)):
            await reading.manifest(Repository.parse("localhost/acme/shop"), "v1")
        with pytest.raises(LimitExceeded):
            await reading.manifest(Repository.parse("localhost/acme/shop"), "v1")


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    ("ranges", "allowed"), [(["127.0.0.0/8"], True), (["10.0.0.0/8"], False), ([], False)], ids=["in", "out", "none"]
)
async def test_a_configured_host_is_only_where_it_is_said_to_be(
    scene: Scene, ranges: list[str], *, allowed: bool
) -> None:
    client = await scene.client(privateAddresses=ranges)
    if allowed:
        assert await client.manifest(scene.repository, "v1")
        return
    with pytest.raises(RegistryDenied):
        await client.manifest(scene.repository, "v1")
    assert not scene.origin.connections


@pytest.mark.case("NET-010")
async def test_names_without_number_for_one_address_have_the_requests_of_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "REQUESTS_PER_ADDRESS", 3)
    monkeypatch.setattr(resolving, "_ask_system", lambda _: ("127.0.0.1",))
    scene.origin.script = lambda _: Reply(stall=True)
    port = scene.origin.host.partition(":")[2]
    names = [f"n{number}.example:{port}" for number in range(12)]
    registries = parse_registries([{"host": name, "plainHTTP": True} for name in names])
    async with RegistryClient(registries, named_hosts=frozenset) as client:
        tasks = [asyncio.create_task(client.manifest(Repository.parse(f"{name}/a/b"), "v1")) for name in names]
        while len(scene.origin.seen) < 3:  # noqa: ASYNC110 (nothing tells of a request)
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.4)
        assert len(scene.origin.seen) == 3
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
