"""A registry over HTTP on 127.0.0.1 that goes wrong in a named way at a named path."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from enum import Enum

from tests.support.shelf import Page, Shelf

DRIP_SECONDS = 0.05
OVERSIZE = 32 * 1024 * 1024  # above every bound of a single read
PIECE = b"a" * 65536
TLS_HANDSHAKE = b"\x16"  # RFC 8446, 5.1: what a client of https says first, here to a server without TLS


class Fault(Enum):
    """How an answer goes wrong. The value is the status where it is no more than that."""

    BAD_REQUEST = 400
    UNAUTHORIZED = 401
    FORBIDDEN = 403
    NOT_FOUND = 404
    METHOD_NOT_ALLOWED = 405
    NOT_ACCEPTABLE = 406
    TOO_MANY_REQUESTS = 429
    INTERNAL_ERROR = 500
    BAD_GATEWAY = 502
    SERVICE_UNAVAILABLE = 503
    GATEWAY_TIMEOUT = 504
    RESET = "the connection is closed without an answer"
    STALL = "nothing comes"
    STALL_IN_BODY = "headers come, and half of the body"
    DRIP = "one byte at a time"
    TRUNCATED = "the body ends before its announced length"
    OTHER_CONTENT = "well-formed, of another digest"
    OTHER_BYTES = "of the same size, and another digest"
    OVERSIZE = "more than any bound, of announced length"
    OVERSIZE_CHUNKED = "more than any bound, of unknown length"
    REDIRECT_LOOP = "to itself by https, for ever if there is TLS"
    REDIRECT_PRIVATE = "to a metadata service by https"
    REDIRECT_PLAIN = "to a public host by http"
    JUNK = "no JSON"
    LYING_TYPE = "a Content-Type that is not the content's"
    GZIP_BOMB = "Content-Encoding gzip, a thousand times larger inside"
    ENDLESS_HEADERS = "header after header"
    LONG_HEADER = "one header of a megabyte"
    NOT_HTTP = "something else than HTTP"


class FaultServer:
    """Serves a shelf as repository `path`; `faults` maps paths below it to what goes wrong there, and
    `redirects` to where they lead."""

    def __init__(self, shelf: Shelf, *, path: str = "acme/shop") -> None:
        self.shelf = shelf
        self.faults: dict[str, Fault] = {}
        self.redirects: dict[str, str] = {}
        self.requests: list[str] = []
        self.headers: list[bytes] = []
        self.host = ""
        self._prefix = f"/v2/{path}/"

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultServer]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        connections = self._connections = set[asyncio.Task[None]]()
        try:
            yield self
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer_all(reader, writer)
        except asyncio.CancelledError:
            pass  # the server is going down; asyncio would log it
        finally:
            self._connections.discard(task)
            writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first = await reader.readexactly(1)
            if first == TLS_HANDSHAKE:
                return
            head = first + await reader.readuntil(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            self.requests.append(target)
            self.headers.append(head)
            path = target.removeprefix(self._prefix)
            fault = self.faults.get(path)
            page = self.shelf.pages.get(path)
            if path in self.redirects:
                _write(writer, 307, _redirect(self.redirects[path]))
            elif fault is None:
                _write(writer, 200 if page else 404, page or Page(content=b"{}", content_type="application/json"))
            elif not await self._fail(writer, fault, target, page or Page(content=b"{}", content_type="")):
                return
            await writer.drain()

    async def _fail(self, writer: asyncio.StreamWriter, fault: Fault, target: str, page: Page) -> bool:
        """Answers wrongly; returns whether the connection goes on."""
        if isinstance(fault.value, int):
            _write(writer, fault.value, Page(content=b"{}", content_type="application/json"))
            return True
        location = {
            Fault.REDIRECT_LOOP: f"https://{self.host}{target}",
            Fault.REDIRECT_PRIVATE: f"https://169.254.169.254{target}",
            Fault.REDIRECT_PLAIN: f"http://registry.example{target}",
        }.get(fault)
        if location:
            _write(writer, 307, _redirect(location))
            return True
        if fault in _REPLACED:
            _write(writer, 200, _REPLACED[fault](page))
            return True
        await _break_off(writer, fault, page)
        return False


_REPLACED = {
    Fault.OTHER_CONTENT: lambda page: Page(content=page.content + b" ", content_type=page.content_type),
    Fault.OTHER_BYTES: lambda page: Page(content=page.content[:-1] + b"?", content_type=page.content_type),
    Fault.JUNK: lambda page: Page(content=b"<html>sign in</html>", content_type=page.content_type),
    Fault.LYING_TYPE: lambda page: Page(content=page.content, content_type="text/html"),
    Fault.GZIP_BOMB: lambda page: Page(
        content=gzip.compress(bytes(OVERSIZE)),
        content_type=page.content_type,
        headers={"Content-Encoding": "gzip"},
    ),
}


async def _break_off(writer: asyncio.StreamWriter, fault: Fault, page: Page) -> None:
    match fault:
        case Fault.STALL:
            await asyncio.Event().wait()
        case Fault.STALL_IN_BODY:
            writer.write(_head(200, page, len(page.content)) + page.content[: len(page.content) // 2])
            await asyncio.Event().wait()
        case Fault.DRIP:
            for byte in _head(200, page, len(page.content)) + page.content:
                writer.write(bytes([byte]))
                await asyncio.sleep(DRIP_SECONDS)
        case Fault.TRUNCATED:
            writer.write(_head(200, page, len(page.content) + 1000) + page.content)
        case Fault.NOT_HTTP:
            writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        case Fault.RESET:
            writer.transport.abort()
        case _:
            opening, piece = _endless(fault, page)
            writer.write(opening)
            for _ in range(OVERSIZE // len(PIECE)):
                writer.write(piece)
                await writer.drain()


def _redirect(location: str) -> Page:
    return Page(content=b"", content_type="", headers={"Location": location, "Set-Cookie": "session=1; Path=/"})


def _endless(fault: Fault, page: Page) -> tuple[bytes, bytes]:
    """How the answer opens, and what then comes again and again."""
    status = b"HTTP/1.1 200 OK\r\n"
    chunked = f"Transfer-Encoding: chunked\r\nContent-Type: {page.content_type}\r\n\r\n".encode()
    return {
        Fault.OVERSIZE: (_head(200, page, OVERSIZE), PIECE),
        Fault.OVERSIZE_CHUNKED: (status + chunked, b"%x\r\n%b\r\n" % (len(PIECE), PIECE)),
        Fault.ENDLESS_HEADERS: (status, b"X-Filler: filler\r\n" * 4000),
        Fault.LONG_HEADER: (status + b"X-Filler: ", PIECE),
    }[fault]


def _write(writer: asyncio.StreamWriter, status: int, page: Page) -> None:
    writer.write(_head(status, page, len(page.content)) + page.content)


def _head(status: int, page: Page, length: int) -> bytes:
    extra = "".join(f"{name}: {value}\r\n" for name, value in page.headers.items())
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {page.content_type}\r\nContent-Length: {length}\r\n{extra}\r\n"
    return head.encode()
