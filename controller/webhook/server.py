"""Two uvicorn servers in one loop: admission over TLS, status in the clear; one signal ends both in good order."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import uvicorn

from controller.core.errors import MalformedDocument
from controller.settings import Address
from controller.webhook.asgi import MAX_SECONDS, ASGIApp, Prompt
from controller.webhook.connections import Connection, Terms
from controller.webhook.turn import Turn

# Go's HTTP clients, the API server among them, drop idle connections after 90 seconds. Whoever drops first must be the
# client, or a request may meet a connection that is just being closed.
KEEP_ALIVE_SECONDS = 120
FINISH_SECONDS = int(MAX_SECONDS) + 1  # no review lasts longer
HANDSHAKE_SECONDS = 10.0  # asyncio's 60 would let silent connections pile up
GOODBYE_SECONDS = 2.0  # for the other side's half of closing TLS
BACKLOG = 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An application and the socket it is served at, over TLS or in the clear, and the terms of its connections.

    An application that is Prompt is asked for what it has at hand first.
    """

    serves: str
    app: ASGIApp
    bound: socket.socket
    tls: ssl.SSLContext | None
    terms: Terms

    @property
    def address(self) -> str:
        """Where it listens, with the port that the kernel picked if it was asked to."""
        host, port = self.bound.getsockname()[:2]
        return str(Address(host, port))


def bind(address: Address) -> socket.socket:
    """A listening socket; raises MalformedDocument when the address can't be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise MalformedDocument(f"can't listen at {address}: {error.strerror}") from error


async def serve(*listeners: Listener, drain_seconds: float) -> None:
    """Serve until SIGTERM or SIGINT, then drain and return; a second signal ends everything at once.

    Draining goes on serving for `drain_seconds`, new connections included, because others learn only by and by that
    this replica goes; each answer then closes its connection. After that no connection is taken, and what is being
    answered is finished.
    """
    servers = [_Server(listener) for listener in listeners]
    with _ended_by_signals(servers, drain_seconds):
        for listener in listeners:
            _log.info("listening", extra={"serves": listener.serves, "address": listener.address})
        async with asyncio.TaskGroup() as group:
            for server in servers:
                group.create_task(server.serve([server.listener.bound]))
    _log.info("stopped")


class _Server(uvicorn.Server):
    """Leaves the signals to us: two servers in one process would each take them from the other."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(_configuration(listener))
        self.listener = listener

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, with a bound on the TLS handshake, which it has no setting for."""
        terms, app = self.listener.terms, self.listener.app
        turn = Turn(app.at_hand) if isinstance(app, Prompt) else None
        connection = partial(Connection, self.config, self.server_state, {}, terms=terms, turn=turn)
        tls: dict[str, Any] = (
            {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": GOODBYE_SECONDS}
            if self.config.ssl is not None
            else {}
        )
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(connection, sock=one, ssl=self.config.ssl, backlog=BACKLOG, **tls)
            for one in sockets or ()
        ]
        self.started = True

    def drain(self) -> None:
        """From now on every answer closes its connection."""
        self.listener.terms.draining = True
        for connection in self.server_state.connections:
            if isinstance(connection, Connection):  # all are
                connection.end_after_answer()

    def end(self) -> None:
        """Take no more connections, finish what is being answered."""
        self.should_exit = True

    def end_at_once(self) -> None:
        """Finish nothing."""
        self.should_exit = self.force_exit = True


@contextmanager
def _ended_by_signals(servers: list[_Server], drain_seconds: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    draining: list[asyncio.TimerHandle] = []

    def signalled() -> None:
        if draining:
            _log.warning("ending at once")
            for server in servers:
                server.end_at_once()
            return
        _log.info("draining", extra={"seconds": drain_seconds})
        for server in servers:
            server.drain()
            draining.append(loop.call_later(drain_seconds, server.end))

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _configuration(listener: Listener) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        listener.app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
