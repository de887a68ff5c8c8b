"""Two uvicorn servers in one loop: admission over TLS, status in the clear; one signal ends both in good order."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from controller.core.errors import MalformedDocument
from controller.core.text import printable
from controller.settings import Address
from controller.webhook.review import MAX_SECONDS, ASGIApp

# Go's HTTP clients, the API server among them, drop idle connections after 90 seconds. Whoever drops first must be the
# client, or a request may meet a connection that is just being closed.
KEEP_ALIVE_SECONDS = 120
DRAIN_SECONDS = int(MAX_SECONDS) + 1  # no review lasts longer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An application and the socket it is served at, over TLS or in the clear."""

    serves: str
    app: ASGIApp
    bound: socket.socket
    tls: ssl.SSLContext | None

    @property
    def address(self) -> str:
        """Where it listens, with the port that the kernel picked if it was asked to."""
        host, port = self.bound.getsockname()[:2]
        return str(Address(host, port))


def load_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    """The TLS context of a server, TLS 1.2 and later; raises MalformedDocument when the files are no matching pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        raise MalformedDocument(f"{certificate} and {key}: {printable(str(error))}") from error
    return context


def bind(address: Address) -> socket.socket:
    """A listening socket; raises MalformedDocument when the address can't be had."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=1024)
    except OSError as error:
        raise MalformedDocument(f"can't listen at {address}: {error.strerror}") from error


async def serve(*listeners: Listener) -> None:
    """Serve until SIGTERM or SIGINT, then take no more connections, finish what is being answered, and return."""
    servers = [_Server(_configuration(listener)) for listener in listeners]
    with _ended_by_signals(servers):
        for listener in listeners:
            _log.info("listening", extra={"serves": listener.serves, "address": listener.address})
        async with asyncio.TaskGroup() as group:
            for server, listener in zip(servers, listeners, strict=True):
                group.create_task(server.serve([listener.bound]))
    _log.info("stopped")


class _Server(uvicorn.Server):
    """Leaves the signals to us: two servers in one process would each take them from the other."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _ended_by_signals(servers: list[_Server]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def end() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _configuration(listener: Listener) -> uvicorn.Config:
    tls = listener.tls
    return uvicorn.Config(
        listener.app,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
