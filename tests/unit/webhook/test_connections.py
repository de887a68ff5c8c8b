"""Connections: which one is closed when there are too many, and who answers what they bring."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from uvicorn import Config
from uvicorn.server import ServerState

from controller.webhook import connections
from controller.webhook.asgi import Receive, Scope, Send
from controller.webhook.connections import Connection, Terms
from controller.webhook.turn import Turn

REQUEST = b"POST /validate HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


class Wire(asyncio.Transport):
    """The network's side of a connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.connection = connection
        self.closed = False
        self.hears: Callable[[], None] = lambda: None  # of each write
        self.written: list[bytes] = []

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        self.hears()

    def abort(self) -> None:
        self.closed = True

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Scene:
    """A listener whose application answers when it is told to, and at once on the path /missing; what is asked on the
    path /known is at hand."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self.answering = asyncio.Event()
        self.terms = Terms(client_names=frozenset(), refused=lambda cause: self.refused.update([cause]))
        self._config = Config(self._app, log_config=None, lifespan="off", interface="asgi3")
        self._config.load()
        self._state = ServerState()
        self._made: list[Connection] = []
        self._turn = Turn(self._at_hand)
        self.asked: list[str] = []  # of whom, in order: the hand or the application

    def _at_hand(self, scope: Scope, body: bytes, _came: float) -> bytes | None:
        if scope["path"] != "/known":
            return None
        self.asked.append("hand")
        return b'{"known":"%b"}' % body

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append("application")
        if scope["path"] == "/reading":
            await receive()
        if scope["path"] not in ("/missing", "/broken"):
            await self.answering.wait()
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"4")]})
        if scope["path"] == "/broken":
            raise ValueError("after the headers")
        await send({"type": "http.response.body", "body": b"none"})

    async def connect(self, *sent: bytes) -> Wire:
        connection = Connection(self._config, self._state, {}, terms=self.terms, turn=self._turn)
        wire = Wire(connection)
        self._made.append(connection)
        connection.connection_made(wire)
        for part in sent:
            connection.data_received(part)
            await turns()
        return wire

    def forget(self) -> None:
        self._made.clear()

    def end(self) -> None:
        for connection in self._made:
            connection.connection_lost(None)
        self.answering.set()


async def turns() -> None:
    """Of the event loop, as many as anything here takes."""
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Whatever goes meanwhile goes by itself."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    made = Scene()
    yield made
    made.end()


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
    scene: Scene, monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    asking = await scene.connect(REQUEST + b"abcd")
    held = [await scene.connect(*sent) for _ in range(2)]
    newcomer = await scene.connect()
    assert [one.closed for one in (asking, *held, newcomer)] == [False, True, False, False]
    assert scene.refused == {"limit": 1}


async def test_where_all_others_wait_for_answers_the_newcomer_is_closed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    asking = [await scene.connect(REQUEST + b"abcd") for _ in range(2)]
    newcomer = await scene.connect()
    assert [one.closed for one in (*asking, newcomer)] == [False, False, True]


async def test_silent_ones_go_before_idle_ones_and_those_before_senders(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 3)
    held = [await scene.connect(*AT[stage]) for stage in ("sending", "idle", "silent")]
    for expected in ([False, False, True], [False, True, True], [True, True, True]):
        await scene.connect(REQUEST + b"abcd")
        assert [one.closed for one in held] == expected


KNOWN = REQUEST.replace(b"/validate", b"/known")
EXPECTING = KNOWN.replace(b"Host: a", b"Expect: 100-continue\r\nHost: a")
TOLD = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{"known":"abcd"}'
LAST = TOLD.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "asked"),
    [
        ((KNOWN + b"abcd",), ["hand"]),
        ((KNOWN[:20], KNOWN[20:] + b"abcd"), ["hand"]),
        ((MISSING + b"abcd",), ["application"]),
        ((KNOWN, b"abcd"), ["application"]),
        ((KNOWN + b"ab", b"cd"), ["application"]),
        ((EXPECTING + b"abcd",), ["application"]),
        ((KNOWN + b"abcd", KNOWN + b"abcd"), ["hand", "hand"]),
        ((KNOWN + b"abcd" + MISSING + b"abcd",), ["hand", "application"]),
        ((MISSING + b"abcd" + KNOWN + b"abcd",), ["application", "application"]),
    ],
)
async def test_only_what_came_whole_and_first_is_asked_of_who_may_have_it_at_hand(
    scene: Scene, sent: tuple[bytes, ...], asked: list[str]
) -> None:
    scene.answering.set()
    wire = await scene.connect(*sent)
    assert scene.asked == asked
    assert len([one for one in wire.written if b" 100 " not in one]) == len(asked)


async def test_an_answer_at_hand_is_one_write_and_the_connection_is_kept(scene: Scene) -> None:
    wire = await scene.connect(*[KNOWN + b"abcd"] * 3)
    assert (wire.written, wire.closed) == ([TOLD] * 3, False)


async def test_an_answer_at_hand_closes_where_the_client_or_the_end_of_the_listener_asks_for_it(scene: Scene) -> None:
    asking = await scene.connect(KNOWN.replace(b"Host: a", b"Host: a\r\nConnection: close") + b"abcd")
    older = await scene.connect(KNOWN.replace(b"HTTP/1.1", b"HTTP/1.0") + b"abcd")
    kept = await scene.connect(KNOWN + b"abcd")
    scene.terms.draining = True
    kept.connection.data_received(KNOWN + b"abcd")
    late = await scene.connect(KNOWN + b"abcd")
    assert [asking.written, older.written, kept.written, late.written] == [[LAST], [LAST], [TOLD, LAST], [LAST]]
    assert [one.closed for one in (asking, older, kept, late)] == [True] * 4


async def test_nobody_is_asked_for_who_has_hung_up_or_went_on_with_what_is_no_http(scene: Scene) -> None:
    gone, lost, odd, slow = [await scene.connect() for _ in range(4)]
    lost.connection.data_received(KNOWN + b"abcd")
    lost.connection.connection_lost(ConnectionResetError())
    gone.connection.data_received(KNOWN + b"abcd")
    gone.close()
    odd.connection.data_received(KNOWN + b"abcd" + b"\x00\x01 no HTTP")
    slow.connection.pause_writing()
    slow.connection.data_received(KNOWN + b"abcd")
    await turns()
    assert (scene.asked, gone.written, slow.written) == (["application"], [], [])
    assert [one[:12] for one in odd.written] == [b"HTTP/1.1 400"]


async def test_all_that_came_in_one_turn_is_judged_before_any_of_it_is_answered(scene: Scene) -> None:
    wires = [await scene.connect() for _ in range(3)]
    for wire in wires:
        wire.connection.data_received(KNOWN + b"abcd")
        assert scene.asked == []
    wires[0].hears = lambda: scene.asked.append("written")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert scene.asked == ["hand"] * 3 + ["written"]
    assert [wire.written for wire in wires] == [[TOLD]] * 3


async def test_one_answer_that_can_not_be_written_closes_its_connection_and_no_other(scene: Scene) -> None:
    wires = [await scene.connect() for _ in range(3)]

    def broken() -> None:
        raise MemoryError

    wires[1].hears = broken
    for wire in wires:
        wire.connection.data_received(KNOWN + b"abcd")
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    for _ in range(3):
        await asyncio.sleep(0)
    assert [(len(wire.written), wire.closed) for wire in wires] == [(1, False), (1, True), (1, False)]


@pytest.mark.case("SVC-011")
@pytest.mark.parametrize(
    ("sent", "due"),
    [
        ((), True),
        ((KNOWN[:20],), True),
        ((KNOWN + b"abcd",), False),
        ((KNOWN + b"abcd", b"\r\n"), True),
        ((KNOWN + b"abcd", KNOWN[:20]), True),
        ((KNOWN + b"abcd" + KNOWN[:20],), True),
        ((KNOWN + b"ab",), False),
        ((MISSING + b"abcd", b"\r\n"), True),
    ],
)
async def test_whoever_began_a_request_is_to_end_its_headers_in_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...], *, due: bool
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.01)
    wire = await scene.connect(*sent)
    await asyncio.sleep(0.1)
    assert (wire.closed, scene.refused) == (due, Counter(late=1) if due else Counter())


@pytest.mark.parametrize(
    "sent", [(KNOWN, b"abcd"), (KNOWN + b"ab", b"c", b"d"), (KNOWN + b"ab", b"cd" + KNOWN + b"abcd")]
)
async def test_a_body_in_pieces_is_no_begun_header(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, sent: tuple[bytes, ...]
) -> None:
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.01)
    wire = await scene.connect(*sent)
    scene.answering.set()
    await asyncio.sleep(0.1)
    assert (bool(wire.written), wire.closed) == (True, False)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "sent", [(), (KNOWN + b"abcd",), (MISSING + b"abcd",), (KNOWN,), (MISSING + b"abcd" + KNOWN + b"abcd",)]
)
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
async def test_a_connection_that_is_gone_leaves_nothing_to_collect(
    scene: Scene, sent: tuple[bytes, ...], error: Exception | None
) -> None:
    scene.answering.set()
    wire = await scene.connect(*sent)
    connection = weakref.ref(wire.connection)
    wire.connection.connection_lost(error)
    scene.forget()
    vars(wire).clear()
    await turns()
    assert connection() is None


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("error", [None, ConnectionResetError()])
@pytest.mark.parametrize("path", [b"/known", b"/missing", b"/validate"])
async def test_nothing_is_done_for_requests_whose_connection_is_lost_before_their_turn(
    scene: Scene, path: bytes, error: Exception | None
) -> None:
    wire = await scene.connect()
    connection = weakref.ref(wire.connection)
    wire.connection.data_received((REQUEST.replace(b"/validate", path) + b"abcd") * 3)
    wire.connection.connection_lost(error)
    written = wire.written
    scene.forget()
    vars(wire).clear()
    await turns()
    assert (scene.asked, written, connection()) == ([], [], None)


@pytest.mark.usefixtures("uncollected")
async def test_an_answer_after_the_connection_was_lost_starts_nothing_and_keeps_nothing(scene: Scene) -> None:
    wire = await scene.connect((REQUEST + b"abcd") * 2)
    connection = weakref.ref(wire.connection)
    assert scene.asked == ["application"]
    wire.connection.connection_lost(ConnectionResetError())
    scene.forget()
    scene.answering.set()
    vars(wire).clear()
    await turns()
    assert (scene.asked, connection()) == (["application"], None)


async def answered(scene: Scene, request: bytes) -> list[bytes]:
    """What is written to a client, call by call."""
    scene.answering.set()
    return (await scene.connect(request)).written


async def test_headers_and_body_of_an_answer_are_one_write_each_time(scene: Scene) -> None:
    (first,) = await answered(scene, MISSING + b"abcd")
    assert first.startswith(b"HTTP/1.1 404 ")
    assert first.endswith(b"\r\n\r\nnone")
    assert await answered(scene, (MISSING + b"abcd") * 3) == [first] * 3


async def test_what_has_no_body_or_waits_for_one_is_written_at_once(scene: Scene) -> None:
    (head,) = await answered(scene, MISSING.replace(b"POST", b"HEAD") + b"abcd")
    assert head.endswith(b"\r\n\r\n")
    continuing = MISSING.replace(b"Host: a", b"Expect: 100-continue\r\nHost: a")
    wire = await scene.connect(continuing.replace(b"/missing", b"/reading"))
    assert wire.written == [b"HTTP/1.1 100 Continue\r\n\r\n"]
    scene.answering.set()


async def test_an_answer_that_breaks_off_is_written_as_far_as_it_came_and_closed(scene: Scene) -> None:
    wire = await scene.connect(MISSING.replace(b"/missing", b"/broken") + b"abcd")
    assert [wire.closed, len(wire.written)] == [True, 1]
