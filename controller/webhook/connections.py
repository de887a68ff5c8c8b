"""HTTP/1.1 connections under terms: who may hold one, for how long without asking anything, and how they end.

uvicorn bounds idle time between requests only. A connection that sends nothing, or its headers byte by byte, would
stay for ever (SVC-011); so would one after whose answer a single byte arrives.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from controller.webhook.asgi import Scope
from controller.webhook.together import Together
from controller.webhook.turn import Turn, Whole

HEADER_SECONDS = 10.0  # from the connection, or the first byte of a further request, until its headers are complete
MAX_CONNECTIONS = 2048  # of one listener: API servers keep one for each review that is under way

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%b\r\n%b"


class Stage(Enum):
    """What a connection is at while nothing is owed to it, in the order in which connections are given up."""

    SILENT = "silent"
    IDLE = "idle"
    SENDING = "sending"


class Terms:
    """What holds for all connections of one listener. Belongs to one event loop."""

    def __init__(self, *, client_names: frozenset[str], refused: Callable[[str], None]) -> None:
        """With `client_names`, a client's certificate must bear one of them. `refused` hears why one was closed."""
        self._client_names = client_names
        self._refused = refused
        self._stages: dict[Stage, dict[Connection, None]] = {stage: {} for stage in Stage}  # oldest first
        self.draining = False

    def admit(self, connection: "Connection", number: int) -> None:
        """Take in the connection that makes so many; over the limit close the one that is missed least.

        That is the one that has been silent, idle or sending for longest, in this order: the newcomer only where all
        others wait for answers. Whoever opens more of them than that in the time of a handshake is for `clientCA`.
        """
        if self._client_names and not self._client_names.intersection(_names(connection.transport)):
            self.close(connection, "client name")
            return
        if number > MAX_CONNECTIONS:
            missed_least = (one for stage in Stage for one in self._stages[stage])
            found = next(missed_least, connection)
            self.forget(found)
            self.close(found, "limit")
            if found is connection:
                return
        self.enter(connection, Stage.SILENT)

    def enter(self, connection: "Connection", stage: "Stage") -> None:
        """It is at this stage from now on."""
        self.forget(connection)
        self._stages[stage][connection] = None
        connection.stage = stage

    def forget(self, connection: "Connection") -> None:
        """It waits for an answer, or is gone."""
        if connection.stage is not None:
            del self._stages[connection.stage][connection]
            connection.stage = None

    def close(self, connection: "Connection", cause: str) -> None:
        """Close it without an answer."""
        self._refused(cause)
        connection.transport.abort()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with a deadline for headers, and an end to keeping alive once the listener drains.

    What comes whole goes to the listener's `turn`, if it has one, before the application is asked.
    """

    def __init__(self, *arguments: Any, terms: Terms, turn: Turn | None, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._terms = terms
        self._turn = turn
        self._reading = self._lost = False
        self._next: tuple[RequestResponseCycle, ASGI3Application] | None = None  # begun by what is being read
        self._in_headers = False  # something came that may be part of headers, which are not complete
        self._headers_due: asyncio.TimerHandle | None = None
        self.stage: Stage | None = None  # as its terms have it; None while an answer is owed to it

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's is
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_headers()
        self._terms.admit(self, len(self.connections))

    def data_received(self, data: bytes) -> None:
        """Whatever comes while no request is under way begins one."""
        self._reading = True
        if self._idle:
            self._in_headers = True
        super().data_received(data)
        self._reading = False
        if self._next is not None:
            cycle, app = self._next
            self._next = None
            self._hand_on(cycle, app)
        self._await_rest()

    def on_message_begin(self) -> None:
        """Headers come next."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """From here on the application watches the time."""
        self._in_headers = False
        self._stop_waiting()
        self._terms.enter(self, Stage.SENDING)
        super().on_headers_complete()
        if self._terms.draining:
            self.end_after_answer()

    def on_message_complete(self) -> None:
        """All has arrived: an answer is owed, unless it was given before the end was there."""
        if self._idle:
            self._terms.enter(self, Stage.IDLE)
        else:
            self._terms.forget(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answered: if it is kept alive, whatever comes next is a new request, and nothing is kept of this one."""
        if self._lost:  # uvicorn tells that the latest request only
            return
        super().on_response_complete()
        if self._idle:
            self.cycle.body = bytearray()
        if self._idle and not self.transport.is_closing():
            self._terms.enter(self, Stage.IDLE)
            self._await_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave nothing behind, nor to the garbage collector: with its buffers a connection takes 200 KB."""
        self._lost = True
        self._stop_waiting()
        self._terms.forget(self)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self.pipeline.clear()
        if self.cycle is not None:
            self.cycle.on_response = _nothing

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Not before all that came together is read."""
        if self._reading:
            self._next = cycle, app
        else:
            self._begin(cycle, app)

    def _hand_on(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """What is whole to who may have its answer at hand, and all else to the application."""
        unusual = cycle.more_body or cycle.waiting_for_100_continue or self.flow.write_paused
        if self._turn is None or unusual:
            self._begin(cycle, app)
        else:
            self._turn.add(
                Whole(
                    scope=cast("Scope", cycle.scope),
                    body=cycle.body,
                    came=self.loop.time(),
                    waiting=lambda: not (self._lost or self.transport.is_closing()),
                    answer=partial(self._answer, cycle),
                    leave=partial(self._begin, cycle, app),
                )
            )

    def _begin(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        if cycle.scope["method"] != "HEAD":  # to which there is no body
            cycle.transport = Together(self.transport)
        super()._start_asgi_task(cycle, app)

    def _answer(self, cycle: RequestResponseCycle, content: bytes) -> None:
        """As the cycle itself would: 200, with this JSON. What can't be answered is no connection any more."""
        if self._lost:
            return
        closing = b"" if cycle.keep_alive else b"connection: close\r\n"
        try:
            self.transport.write(_ANSWER % (len(content), closing, content))
            cycle.response_complete = True
        finally:
            if not cycle.response_complete:
                self.transport.abort()
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    @property
    def _idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def end_after_answer(self) -> None:
        """Say `Connection: close` with the answer that is due, if one is: the client's next request goes elsewhere."""
        if not self._idle:
            self.cycle.keep_alive = False

    def _await_rest(self) -> None:
        """Of headers that have begun, while no request is under way."""
        if self._in_headers and self._headers_due is None and self._idle:
            self._await_headers()

    def _await_headers(self) -> None:
        self._headers_due = self.loop.call_later(HEADER_SECONDS, self._terms.close, self, "late")

    def _stop_waiting(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None


def _nothing() -> None:
    """Follows an answer to who is gone."""


def _names(transport: asyncio.Transport) -> Iterator[str]:
    """The common name of the client's certificate, and its DNS names; verified by then, or there is none."""
    certificate: Mapping[str, Any] = transport.get_extra_info("peercert") or {}
    for relative in certificate.get("subject", ()):
        yield from (value for name, value in relative if name == "commonName")
    yield from (value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")
