"""Which connection is closed when there are too many: never one that is owed an answer while another is not."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from controller.webhook import connections
from controller.webhook.asgi import WHOLE, Receive, Scope, Send
from controller.webhook.connections import Connection, Terms

REQUEST = b"POST /validate HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


class Wire(asyncio.Transport):
    """The network's side of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.written: list[bytes] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Scene:
    """A listener whose application answers when it is told to, and at once on the path /missing."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.answering = asyncio.Event()
        self._terms = Terms(client_names=frozenset(), refused=lambda cause: self.refused.update([cause]))
        self._config = Config(self._app, log_config=None, lifespan="off", interface="asgi3")
        self._config.load()
        self._state = ServerState()
        self._made: list[Connection] = []
        self.whole: list[bool] = []

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.whole.append(WHOLE in scope["state"])
        if scope["path"] == "/reading":
            await receive()
        if scope["path"] not in ("/missing", "/broken"):
            await self.answering.wait()
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"4")]})
        if scope["path"] == "/broken":
            raise ValueError("after the headers")
        await send({"type": "http.response.body", "body": b"none"})

    async def connect(self, *sent: bytes) -> Wire:
        connection, wire = Connection(self._config, self._state, {}, terms=self._terms), Wire()
        self._made.append(connection)
        connection.connection_made(wire)
        for part in sent:
            connection.data_received(part)
            for _ in range(5):
                await asyncio.sleep(0)
        return wire

    def end(self) -> None:
        for connection in self._made:
            connection.connection_lost(None)
        self.answering.set()


MISSING = REQUEST.replace(b"/validate", b"/missing")
AT = {
    "silent": (),
    "idle": (MISSING + b"abcd",),
    "answered early": (MISSING,),
    "complete after the answer": (MISSING, b"abcd"),
    "sending": (REQUEST + b"ab",),
}


@pytest.mark.parametrize("sent", AT.values(), ids=list(AT))
async def test_over_the_limit_whoever_is_owed_nothing_makes_room(
    monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    scene = Scene()
    asking = await scene.connect(REQUEST + b"abcd")
    held = [await scene.connect(*sent) for _ in range(2)]
    newcomer = await scene.connect()
    assert [one.closed for one in (asking, *held, newcomer)] == [False, True, False, False]
    assert scene.refused == {"limit": 1}
    scene.end()


async def test_where_all_others_wait_for_answers_the_newcomer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    scene = Scene()
    asking = [await scene.connect(REQUEST + b"abcd") for _ in range(2)]
    newcomer = await scene.connect()
    assert [one.closed for one in (*asking, newcomer)] == [False, False, True]
    scene.end()


async def test_silent_ones_go_before_idle_ones_and_those_before_senders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    scene = Scene()
    held = [await scene.connect(*AT[stage]) for stage in ("sending", "idle", "silent")]
    for expected in ([False, False, True], [False, True, True], [True, True, True]):
        await scene.connect(REQUEST + b"abcd")
        assert [one.closed for one in held] == expected
    scene.end()


@pytest.mark.parametrize(
    ("sent", "whole"),
    [
        ((MISSING + b"abcd",), [True]),
        ((MISSING, b"abcd"), [False]),
        ((MISSING + b"ab", b"cd"), [False]),
        ((MISSING + b"abcd" + MISSING, b"abcd"), [True, False]),
    ],
)
async def test_a_body_is_whole_only_where_all_of_it_came_with_its_request(
    sent: tuple[bytes, ...], whole: list[bool]
) -> None:
    scene = Scene()
    await scene.connect(*sent)
    assert scene.whole == whole
    scene.end()


async def answered(request: bytes) -> list[bytes]:
    """What is written to a client, call by call."""
    scene = Scene()
    scene.answering.set()
    wire = await scene.connect(request)
    scene.end()
    return wire.written


async def test_headers_and_body_of_an_answer_are_one_write_each_time() -> None:
    (first,) = await answered(MISSING + b"abcd")
    assert first.startswith(b"HTTP/1.1 404 ")
    assert first.endswith(b"\r\n\r\nnone")
    assert await answered((MISSING + b"abcd") * 3) == [first] * 3


async def test_what_has_no_body_or_waits_for_one_is_written_at_once() -> None:
    (head,) = await answered(MISSING.replace(b"POST", b"HEAD") + b"abcd")
    assert head.endswith(b"\r\n\r\n")
    continuing = MISSING.replace(b"Host: a", b"Expect: 100-continue\r\nHost: a")
    scene = Scene()
    wire = await scene.connect(continuing.replace(b"/missing", b"/reading"))
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    scene.answering.set()
    scene.end()


async def test_an_answer_that_breaks_off_is_written_as_far_as_it_came_and_closed() -> None:
    scene = Scene()
    wire = await scene.connect(MISSING.replace(b"/missing", b"/broken") + b"abcd")
    assert [wire.closed, len(wire.written)] == [True, 1]
    scene.end()
