"""The watch against an API server that does everything wrong: no change is missed, none is applied twice."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from controller.core.errors import ApiServerUnavailable
from controller.kube import client as kube
from controller.kube import reflector as following
from controller.kube.client import ApiClient, Event, EventType, Object, Resource, VersionExpired
from controller.kube.connection import Connection
from controller.kube.reflector import Callbacks, Reflector

THINGS = Resource(kind="Thing", path="/apis/example.com/v1/things")
SECONDS = 180.0

Watch = Callable[["FaultyServer", web.StreamResponse], Awaitable[None]]


class FaultyServer:
    """Holds things and the history of their changes; watches follow a script, then they behave."""

    def __init__(self, *script: Watch) -> None:
        self.script = list(script)
        self.lists: list[web.Request] = []
        self.watches: list[web.Request] = []
        self.failing_lists: list[web.Response] = []
        self.lists_whole = asyncio.Event()  # until it is set, nothing is listed but failures
        self.lists_whole.set()
        self.version = 10
        self.things: dict[str, Object] = {}
        self.history: list[tuple[int, bytes]] = []
        self.changed = asyncio.Event()

    def change(self, kind: str, name: str) -> None:
        self.version += 1
        thing = {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(self.version)}}
        self.things.pop(name, None)
        if kind != "DELETED":
            self.things[name] = thing
        self.history.append((self.version, line(kind, thing)))
        self.changed.set()
        self.changed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if "watch" not in request.query:
            self.lists.append(request)
            if self.failing_lists:
                return self.failing_lists.pop(0)
            await self.lists_whole.wait()
            listed = {"metadata": {"resourceVersion": str(self.version)}, "items": [*self.things.values()]}
            return web.json_response(listed)
        self.watches.append(request)
        response = web.StreamResponse()
        await response.prepare(request)
        behave = self.script.pop(0) if self.script else follow
        await behave(self, response)
        return response

    async def tell(self, response: web.StreamResponse, after: int) -> int:
        for version, told in self.history:
            if version > after:
                await response.write(told)
                after = version
        return after


def line(kind: str, thing: object) -> bytes:
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


async def follow(server: FaultyServer, response: web.StreamResponse) -> None:
    """What a sound watch does."""
    after = int(server.watches[-1].query["resourceVersion"])
    while True:
        changed = server.changed  # taken before telling: what changes meanwhile sets it
        after = await server.tell(response, after)
        await changed.wait()


async def end(server: FaultyServer, response: web.StreamResponse) -> None:
    """Tells what there is and ends in good order."""
    await server.tell(response, int(server.watches[-1].query["resourceVersion"]))


def sends(content: bytes) -> Watch:
    async def send(server: FaultyServer, response: web.StreamResponse) -> None:
        await end(server, response)
        await response.write(content)

    return send


async def cut(server: FaultyServer, response: web.StreamResponse) -> None:
    """Breaks off in the middle of an event."""
    after = int(server.watches[-1].query["resourceVersion"])
    told = b"".join(told for version, told in server.history if version > after)
    await response.write(told + b'{"type":"ADDED","object":{"metadata":{"na')
    assert response._req is not None
    assert response._req.transport is not None
    response._req.transport.abort()


BOOKMARK = line("BOOKMARK", {"metadata": {"resourceVersion": "500"}})
EMPTY = b'{"metadata":{"resourceVersion":"1"},"items":[]}'  # believed, it would take every policy away
DEEP = b"[" * 10_000 + b"]" * 10_000  # deeper than the decoder of any Python goes
GONE = line("ERROR", {"kind": "Status", "code": 410, "reason": "Expired"})


class Seen:
    """What the callbacks were told: the state they end with, and every single call."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.calls: list[str] = []

    def replace(self, objects: Any) -> None:
        self.names = {thing["metadata"]["name"]: thing["metadata"]["resourceVersion"] for thing in objects}
        self.calls.append("replace")

    def apply(self, thing: Object) -> None:
        self.names[thing["metadata"]["name"]] = thing["metadata"]["resourceVersion"]
        self.calls.append(f"apply {thing['metadata']['name']}")

    def remove(self, namespace: str, name: str) -> None:
        assert namespace == "shop"
        self.names.pop(name)
        self.calls.append(f"remove {name}")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "FIRST_PAUSE_SECONDS", 0.01)


@asynccontextmanager
async def connected(server: FaultyServer) -> AsyncIterator[ApiClient]:
    application = web.Application()
    application.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with ApiClient(Connection(server=f"http://{host}:{port}", tls=ssl.create_default_context())) as client:
            yield client
    finally:
        await runner.cleanup()


@asynccontextmanager
async def followed(server: FaultyServer) -> AsyncIterator[tuple[Reflector, Seen]]:
    seen = Seen()
    async with connected(server) as client:
        callbacks = Callbacks(replace=seen.replace, apply=seen.apply, remove=seen.remove)
        reflector = Reflector(client, THINGS, callbacks)
        task = asyncio.create_task(reflector.run())
        try:
            yield reflector, seen
            assert not task.done(), task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 (what is waited for raises no event)
            await asyncio.sleep(0.005)


def versions(server: FaultyServer) -> dict[str, str]:
    return {name: thing["metadata"]["resourceVersion"] for name, thing in server.things.items()}


@pytest.mark.case("SVC-003")
@pytest.mark.parametrize(
    ("fault", "relisted"),
    [
        pytest.param(end, False, id="ends"),
        pytest.param(cut, True, id="cut off"),
        pytest.param(sends(GONE), True, id="410 event"),
        pytest.param(sends(line("ERROR", {"code": 500})), True, id="500 event"),
        pytest.param(sends(b"junk\n"), True, id="junk"),
        pytest.param(sends(b"[]\n"), True, id="list"),
        pytest.param(sends(b"\xff\xfe\n"), True, id="no text"),
        pytest.param(sends(b'{"type":"ADDED"}\n'), True, id="no object"),
        pytest.param(sends(line("RENAMED", {"metadata": {"resourceVersion": "1"}})), True, id="unknown type"),
        pytest.param(sends(line("ADDED", {"metadata": {}})), True, id="no version"),
        pytest.param(sends(b'{"type":' + b"[" * 100_000 + b"\n"), True, id="deep"),
        pytest.param(sends(b'{"type":"ADDED","object":{"spec":' + DEEP + b"}}\n"), True, id="deep, no name"),
        pytest.param(sends(b'{"type":"ADDED","object":{"metadata":{"name":"half'), False, id="half an event"),
    ],
)
async def test_however_a_watch_ends_no_change_is_missed_or_doubled(fault: Watch, relisted: object) -> None:
    server = FaultyServer(fault)
    server.change("ADDED", "before")
    async with followed(server) as (reflector, seen):
        await until(lambda: reflector.synced)
        await until(lambda: len(server.watches) >= 2)
        server.change("ADDED", "after")
        server.change("MODIFIED", "after")
        server.change("DELETED", "before")
        await until(lambda: seen.names == versions(server))
        assert seen.calls.count("remove before") == 1
        assert seen.calls.count("apply after") == 2
        assert (len(server.lists) > 1) is relisted


@pytest.mark.case("SVC-003")
async def test_a_change_between_two_watches_is_told_once() -> None:
    async def changed_after_the_end(server: FaultyServer, response: web.StreamResponse) -> None:
        await end(server, response)
        server.change("ADDED", "between")

    async with followed(FaultyServer(changed_after_the_end)) as (_, seen):
        await until(lambda: "between" in seen.names)
        assert seen.calls == ["replace", "apply between"]


@pytest.mark.case("SVC-003")
async def test_a_bookmark_moves_the_version_and_tells_nothing() -> None:
    server = FaultyServer(sends(BOOKMARK))
    async with followed(server) as (reflector, seen):
        await until(lambda: len(server.watches) == 2)
        assert server.watches[1].query["resourceVersion"] == "500"
        assert seen.calls == ["replace"]
        assert reflector.age() < SECONDS


@pytest.mark.case("SVC-003")
async def test_an_expired_version_as_a_status_is_listed_again() -> None:
    server = FaultyServer()

    async def gone(request: web.Request) -> web.StreamResponse:
        if "watch" in request.query and not server.watches:
            server.watches.append(request)
            return web.Response(status=410)
        return await FaultyServer.answer(server, request)

    server.answer = gone  # type: ignore[method-assign]
    async with followed(server) as (_, seen):
        await until(lambda: len(server.lists) == 2)
        server.change("ADDED", "after")
        await until(lambda: "after" in seen.names)


@pytest.mark.case("SVC-001")
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 500, "body": EMPTY}, id="500"),
        pytest.param({"status": 401, "body": EMPTY}, id="401"),
        pytest.param({"status": 403, "body": EMPTY}, id="403"),
        pytest.param({"status": 404, "body": EMPTY}, id="404"),
        pytest.param({"status": 429, "body": EMPTY}, id="429"),
        pytest.param({"status": 302, "body": EMPTY, "headers": {"Location": "/elsewhere"}}, id="redirect"),
        pytest.param({"body": b"junk"}, id="junk"),
        pytest.param({"body": b'{"metadata":{"resourceVersion":"1"}}'}, id="no items"),
        pytest.param({"body": b'{"metadata":{"resourceVersion":"1"},"items":[1]}'}, id="no objects"),
        pytest.param({"body": b'{"items":[]}'}, id="no version"),
        pytest.param({"body": b"null"}, id="null"),
    ],
)
async def test_nothing_counts_as_synced_until_a_list_is_whole(answer: dict[str, Any]) -> None:
    server = FaultyServer()
    server.failing_lists = [web.Response(**answer), web.Response(**answer)]
    server.lists_whole.clear()
    server.change("ADDED", "there")
    async with followed(server) as (reflector, seen):
        await until(lambda: len(server.lists) == 3)  # whoever asks for the third has read the second
        assert not reflector.synced
        assert reflector.age() == float("inf")
        assert seen.calls == []
        server.lists_whole.set()
        await until(lambda: reflector.synced)
        assert seen.names == versions(server)


@pytest.mark.case("SVC-002")
async def test_what_was_known_stays_while_the_api_server_is_gone() -> None:
    async def gone(server: FaultyServer, response: web.StreamResponse) -> None:
        server.failing_lists = [web.Response(status=503) for _ in range(4)]
        server.lists_whole.clear()
        await cut(server, response)

    server = FaultyServer(gone)
    server.change("ADDED", "there")
    async with followed(server) as (reflector, seen):
        await until(lambda: len(server.lists) == 6)  # one that was whole, and four that were not
        assert reflector.synced
        assert "there" in seen.names


async def test_a_collection_is_read_page_by_page() -> None:
    server = FaultyServer()
    pages = {"": ("a", "two"), "two": ("b", "three"), "three": ("c", "")}

    async def paged(request: web.Request) -> web.StreamResponse:
        server.lists.append(request)
        name, following_page = pages[request.query.get("continue", "")]
        metadata = {"resourceVersion": "7", "continue": following_page}
        return web.json_response({"metadata": metadata, "items": [{"metadata": {"name": name}}]})

    server.answer = paged  # type: ignore[method-assign]
    async with connected(server) as client:
        listing = await client.list(THINGS)
    assert [thing["metadata"]["name"] for thing in listing.objects] == ["a", "b", "c"]
    assert listing.version == "7"
    assert {request.query["limit"] for request in server.lists} == {"500"}


@pytest.mark.case("SVC-003")
async def test_an_object_too_deep_to_read_is_told_without_its_spec() -> None:
    deep = b'{"kind":"Thing","metadata":{"name":"deep","namespace":"shop","resourceVersion":"20"},"spec":%b}' % DEEP
    named = {"kind": "Thing", "metadata": {"name": "deep", "namespace": "shop", "resourceVersion": "20"}}
    server = FaultyServer(sends(b'{"type":"MODIFIED","object":%b}\n' % deep))
    page = b'{"metadata":{"resourceVersion":"20"},"items":[{"metadata":{"name":"a"},"spec":{}},%b]}' % deep
    server.failing_lists = [web.Response(body=page)]
    async with connected(server) as client:
        listing = await client.list(THINGS)
        event = await anext(client.watch(THINGS, "20"))
    assert listing.objects == ({"metadata": {"name": "a"}, "spec": {}}, named)
    assert event == Event(type=EventType.MODIFIED, object=named, version="20")


@pytest.mark.parametrize("largest", [300, 1500])
async def test_a_page_that_is_too_long_is_asked_for_in_parts(largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten objects of 300 bytes, or nine and one that no page can hold."""
    monkeypatch.setattr(kube, "PAGE_OBJECTS", 8)
    monkeypatch.setattr(kube, "MAX_PAGE_BYTES", 1000)
    server = FaultyServer()
    sizes = [300] * 9 + [largest]

    async def paged(request: web.Request) -> web.StreamResponse:
        server.lists.append(request)
        start, count = int(request.query.get("continue", "0")), int(request.query["limit"])
        end = min(start + count, len(sizes))
        metadata = {"resourceVersion": "7", "continue": str(end) if end < len(sizes) else ""}
        items = [{"metadata": {"name": str(index)}, "spec": "a" * sizes[index]} for index in range(start, end)]
        return web.json_response({"metadata": metadata, "items": items})

    server.answer = paged  # type: ignore[method-assign]
    async with connected(server) as client:
        if largest > 1000:
            with pytest.raises(ApiServerUnavailable, match="longer than 1000"):
                await client.list(THINGS)
        else:
            listing = await client.list(THINGS)
            assert [thing["metadata"]["name"] for thing in listing.objects] == [str(index) for index in range(10)]
    asked = [int(request.query["limit"]) for request in server.lists]
    assert asked == [8, 4, 2, 2, 2, 2, 2, *([1, 1] if largest > 1000 else [])]


async def test_an_endless_line_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "MAX_OBJECT_BYTES", 1000)
    async with connected(FaultyServer(sends(b"x" * 5000))) as client:
        with pytest.raises(ApiServerUnavailable, match="longer than 1000"):
            await anext(client.watch(THINGS, "1"))


async def test_an_endless_list_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kube, "MAX_PAGE_BYTES", 1000)
    server = FaultyServer()
    server.failing_lists = [web.Response(body=b" " * 5000) for _ in range(10)]  # down to a page of one object
    async with connected(server) as client:
        with pytest.raises(ApiServerUnavailable, match="longer than 1000"):
            await client.list(THINGS)


async def test_only_our_own_errors_leave_the_client() -> None:
    nowhere = Connection(server="http://127.0.0.1:1", tls=ssl.create_default_context())
    async with ApiClient(nowhere) as client:
        with pytest.raises(ApiServerUnavailable):
            await client.list(THINGS)
        with pytest.raises(ApiServerUnavailable):
            await client.get("/api/v1/namespaces/shop")
        with pytest.raises(ApiServerUnavailable):
            await anext(client.watch(THINGS, "1"))


async def test_what_is_not_there_is_none_and_what_can_not_be_told_is_an_error() -> None:
    server = FaultyServer()
    server.failing_lists = [web.Response(status=404), web.Response(status=403), web.Response(status=410)]
    async with connected(server) as client:
        assert await client.get("/api/v1/namespaces/gone") is None
        with pytest.raises(ApiServerUnavailable):
            await client.get("/api/v1/namespaces/forbidden")
        with pytest.raises(VersionExpired):
            await client.get("/api/v1/namespaces/expired")
