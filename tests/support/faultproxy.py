"""Stands between a client and a real registry: breaks chosen calls, counts all of them, and makes trips longer.

    async with FaultProxy(upstream=registry.host).running() as proxy:
        proxy.faults[Call.REFERRERS] = Fault.STALL
        ...                                    # the client talks to proxy.host as it would to the registry

For benchmarks `trip_seconds` is added to every answer, and once more (twice with TLS) to every new connection, as the
handshakes of a link of that latency would; `len(proxy.requests)` and `proxy.round_trips` say what a client asked for,
and how many answers it waited for one after another.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from enum import Enum

from tests.support.proxyfaults import Answer, Exchange, Fault

TLS_HANDSHAKE = b"\x16"  # RFC 8446, 5.1: what a client of https says first, here to a proxy without TLS
MAX_HEAD_BYTES = 64 * 1024
TURN_SECONDS = 0.01
SECOND_PAGE = "page=2"
HOP_BY_HOP = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "date"})


class Call(Enum):
    """What a client asks a registry for. The value matches the path below /v2/; the first that does tells."""

    SIG = re.compile(r".+/manifests/sha256-[0-9a-f]{64}\.sig")
    ATT = re.compile(r".+/manifests/sha256-[0-9a-f]{64}\.att")
    FALLBACK = re.compile(r".+/manifests/sha256-[0-9a-f]{64}")
    MANIFEST = re.compile(r".+/manifests/sha256:[0-9a-f]{64}")
    TAG = re.compile(r".+/manifests/[^/]+")
    BLOB = re.compile(r".+/blobs/.+")
    REFERRERS = re.compile(r".+/referrers/.+")
    TOKEN = re.compile(r"token")
    OTHER = re.compile(r".*")

    @classmethod
    def of(cls, target: str) -> Call:
        path = target.partition("?")[0].lstrip("/").removeprefix("v2/")
        return next(call for call in cls if call.value.fullmatch(path))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `depth` is 1, or one more than the deepest request that was answered before this one was made."""

    call: Call
    target: str
    head: bytes
    depth: int

    @property
    def authorization(self) -> str | None:
        found = re.search(rb"(?im)^authorization:\s*(.*?)\r$", self.head)
        return found[1].decode() if found else None


class FaultProxy:
    """A proxy on 127.0.0.1. Its fields may be changed while it runs.

    `faults` breaks the calls of a kind; a path below /v2/<repository>/ in `paths` breaks that alone, and goes first.
    While it is `paged`, a list of referrers has two pages, of which the first is empty. Answers are held back until the
    event loop has turned so many `held_turns` without another request or connection: what is asked side by side is then
    noted before any of it is answered, however slow or halting the machine is.
    """

    def __init__(self, upstream: str, *, trip_seconds: float = 0.0) -> None:
        self.faults: dict[Call, Fault] = {}
        self.paths: dict[str, Fault] = {}
        self.paged = False
        self.requests: list[Request] = []
        self.trip_seconds = trip_seconds
        self.held_turns = 0
        self.connections = 0
        self.host = ""
        self._upstream = upstream
        self._answered = 0  # the deepest of the requests that were answered
        self._asking = 0  # requests that the registry has not answered yet
        self._wave: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes = 1

    @property
    def round_trips(self) -> int:
        """The longest chain of requests, each of which began when the one before it was answered."""
        return max((request.depth for request in self.requests), default=0)

    def forget(self) -> None:
        """Begin to count anew."""
        self.requests.clear()
        self.connections = self._answered = 0

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultProxy]:
        """Listens while the context lasts, with TLS where it is given a server's context."""
        self._handshakes = 2 if tls else 1
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=tls, limit=MAX_HEAD_BYTES)
        self.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            await self._delay(self._handshakes)
            with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
                await self._answer_all(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy is going down; asyncio would log it
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = _Upstream(self._upstream)
        try:
            while True:
                first = await reader.readexactly(1)
                if first == TLS_HANDSHAKE:
                    return
                head = first + await reader.readuntil(b"\r\n\r\n")
                request = self._note(head)
                self._asking += 1
                try:
                    right = self._on_page(request, await upstream.ask(head))
                finally:
                    self._asking -= 1
                exchange = Exchange(target=request.target, host=self.host, right=right, writer=writer)
                if not await self._answer(request, exchange):
                    return
        finally:
            upstream.close()

    async def _answer(self, request: Request, exchange: Exchange) -> bool:
        await self._delay(1)
        await self._hold()
        fault = self._fault(request)
        self._answered = max(self._answered, request.depth)
        if fault is not None:
            return await exchange.answer(fault)
        exchange.writer.write(exchange.right.bytes())
        await exchange.writer.drain()
        return True

    def _on_page(self, request: Request, right: Answer) -> Answer:
        if not self.paged or request.call is not Call.REFERRERS or "?" in request.target:
            return right
        empty = json.dumps({**json.loads(right.body), "manifests": []}).encode()
        return replace(right, body=empty).having("Link", f'<{request.target}?{SECOND_PAGE}>; rel="next"')

    async def _delay(self, trips: int) -> None:
        if self.trip_seconds:
            await asyncio.sleep(trips * self.trip_seconds)

    async def _hold(self) -> None:
        if self.held_turns:
            if self._wave is None:
                self._wave = asyncio.create_task(self._quiet())
            await self._wave

    async def _quiet(self) -> None:
        """Ends once nothing new was asked for so many turns, and all that was asked can be answered: all at once."""
        seen, quiet = (0, 0), 0
        while quiet < self.held_turns:
            await asyncio.sleep(TURN_SECONDS)
            now = (len(self.requests), self.connections)
            seen, quiet = now, quiet + 1 if now == seen and not self._asking else 0
        self._wave = None

    def _note(self, head: bytes) -> Request:
        target = head.split(b" ", 2)[1].decode()
        request = Request(call=Call.of(target), target=target, head=head, depth=self._answered + 1)
        self.requests.append(request)
        return request

    def _fault(self, request: Request) -> Fault | None:
        for path, fault in self.paths.items():
            if request.target.endswith(f"/{path}"):
                return fault
        return self.faults.get(request.call)


class _Upstream:
    """A connection of its own to the registry, so that what a client sends reaches it as it is."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, head: bytes) -> Answer:
        """The registry's answer to this request, which has no body."""
        if self._streams is None:
            name, _, port = self._host.rpartition(":")
            self._streams = await asyncio.open_connection(name, int(port), limit=MAX_HEAD_BYTES)
        reader, writer = self._streams
        writer.write(head)
        await writer.drain()
        status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = tuple((name, value.strip()) for name, _, value in (line.partition(":") for line in lines))
        body = await _body(reader, {name.lower(): value for name, value in headers})
        kept = tuple(header for header in headers if header[0].lower() not in HOP_BY_HOP)
        return Answer(status=int(status.split(" ")[1]), headers=kept, body=body)

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while headers.get("transfer-encoding") == "chunked":
        size = int(await reader.readline(), 16)
        body += (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            break
    return body
