"""How an answer that was right goes wrong between a registry and its client."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum

OVERSIZE = 24 * 1024 * 1024  # above every bound of a single read
PIECE = b"a" * 65536
LATENCY_SECONDS = 0.2
DRIP_SECONDS = 0.05
OTHER_TYPE = "application/vnd.docker.distribution.manifest.v1+prettyjws"
BOMB = gzip.compress(bytes(OVERSIZE))
METADATA = "169.254.169.254"
ELSEWHERE = "storage.invalid"  # RFC 6761: resolves nowhere, so that no test asks a stranger


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer. `headers` come besides Content-Length, in their order, and may repeat."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def having(self, name: str, value: str) -> Answer:
        """With this header in place of any of its name."""
        kept = tuple(header for header in self.headers if header[0].lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))

    def head(self, length: int | None) -> bytes:
        """Status line and headers; `length` is what is announced, None announces chunks."""
        announced = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"HTTP/1.1 {self.status} Status", *(f"{name}: {value}" for name, value in self.headers), announced]
        return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"

    def bytes(self) -> bytes:
        return self.head(len(self.body)) + self.body


class Fault(Enum):
    """How an answer goes wrong. Those with a number are that status and nothing else.

    HARMLESS ones leave the truth alone: a client that takes the bytes at their word is right to go on.
    """

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
    LATENCY = "it comes late"
    LYING_DIGEST = "Docker-Content-Digest names another digest"
    TRY_LATER = "429, and Retry-After beyond any deadline"
    STALL = "nothing comes"
    STALL_IN_BODY = "headers come, and half of the body"
    DRIP = "one byte at a time"
    RESET = "the connection is reset without an answer"
    RESET_IN_BODY = "the connection is reset in the middle of the body"
    TRUNCATED = "the body ends before its announced length"
    SHORT_LENGTH = "Content-Length is some bytes short"
    WRONG_BYTES = "of the same length, and another digest"
    EMPTY_BODY = "200 and nothing"
    JUNK = "200 and a page to sign in"
    PARTIAL = "206 and half of it"
    NO_CONTENT = "204"
    LYING_TYPE = "a Content-Type that is not the content's"
    OVERSIZE = "more than any bound, of announced length"
    ENDLESS = "chunk after chunk"
    BAD_CHUNKS = "chunks that are none"
    GZIP = "an encoding nobody asked for"
    GZIP_BOMB = "the same, and a thousand times larger inside"
    TWO_LENGTHS = "two Content-Lengths that differ"
    LENGTH_AND_CHUNKS = "Content-Length and Transfer-Encoding (request smuggling)"
    ENDLESS_HEADERS = "header after header"
    LONG_HEADER = "a header of a megabyte"
    NOT_HTTP = "something else than HTTP"
    REDIRECT_LOOP = "to itself by https"
    REDIRECT_HTTP = "to a host by http"
    REDIRECT_PRIVATE = "to a metadata service"
    REDIRECT_LOOPBACK = "to this machine, at another port"
    REDIRECT_ELSEWHERE = "to a host that can't be reached"
    REDIRECT_NOWHERE = "without a Location"
    REDIRECT_FILE = "to a file of the client's"
    REALM_PRIVATE = "401, and a token realm at a metadata service"
    REALM_HTTP = "401, and a token realm by http"
    REALM_ELSEWHERE = "401, and a token realm that can't be reached"
    REALM_NONSENSE = "401, and a challenge that is none"
    NEXT_ELSEWHERE = "a Link to a next page on another host"
    NEXT_FOR_EVER = "a Link to itself as its next page"


HARMLESS = frozenset({Fault.LATENCY, Fault.LYING_DIGEST})
SLOW = frozenset({Fault.STALL, Fault.STALL_IN_BODY, Fault.DRIP})
OPEN_ENDED = frozenset({Fault.OVERSIZE, Fault.ENDLESS, Fault.ENDLESS_HEADERS, Fault.LONG_HEADER})

_BEARER = 'Bearer realm="{realm}",service="registry",scope="repository:acme/shop:pull"'
_HEADERS: dict[Fault, tuple[int, str, str]] = {
    Fault.TRY_LATER: (429, "Retry-After", "86400"),
    Fault.REDIRECT_LOOP: (307, "Location", "https://{host}{target}"),
    Fault.REDIRECT_HTTP: (307, "Location", f"http://{ELSEWHERE}{{target}}"),
    Fault.REDIRECT_PRIVATE: (307, "Location", f"https://{METADATA}{{target}}"),
    Fault.REDIRECT_LOOPBACK: (307, "Location", "https://127.0.0.1:9{target}"),
    Fault.REDIRECT_ELSEWHERE: (307, "Location", f"https://{ELSEWHERE}{{target}}"),
    Fault.REDIRECT_NOWHERE: (307, "X-Location", "nowhere"),
    Fault.REDIRECT_FILE: (307, "Location", "file:///etc/passwd"),
    Fault.REALM_PRIVATE: (401, "WWW-Authenticate", _BEARER.format(realm=f"https://{METADATA}/token")),
    Fault.REALM_HTTP: (401, "WWW-Authenticate", _BEARER.format(realm=f"http://{ELSEWHERE}/token")),
    Fault.REALM_ELSEWHERE: (401, "WWW-Authenticate", _BEARER.format(realm=f"https://{ELSEWHERE}/token")),
    Fault.REALM_NONSENSE: (401, "WWW-Authenticate", 'Bearer realm="'),
    Fault.NEXT_ELSEWHERE: (200, "Link", f'<https://{ELSEWHERE}/v2/next>; rel="next"'),
    Fault.NEXT_FOR_EVER: (200, "Link", '<{target}>; rel="next"'),
    Fault.LYING_DIGEST: (200, "Docker-Content-Digest", f"sha256:{'0' * 64}"),
    Fault.LYING_TYPE: (200, "Content-Type", OTHER_TYPE),
}
_BODIES: dict[Fault, Callable[[Answer], Answer]] = {
    Fault.WRONG_BYTES: lambda right: replace(right, body=right.body[:-1] + b"?"),
    Fault.EMPTY_BODY: lambda right: replace(right, body=b""),
    Fault.JUNK: lambda right: replace(right, body=b"<html>sign in</html>"),
    Fault.PARTIAL: lambda right: replace(right, status=206, body=right.body[: len(right.body) // 2]),
    Fault.NO_CONTENT: lambda right: replace(right, status=204, body=b""),
    Fault.GZIP: lambda right: replace(right, body=gzip.compress(right.body)).having("Content-Encoding", "gzip"),
    Fault.GZIP_BOMB: lambda right: replace(right, body=BOMB).having("Content-Encoding", "gzip"),
}


def _half(right: Answer) -> bytes:
    return right.bytes()[: len(right.bytes()) - len(right.body) // 2]


def _nothing(_right: Answer) -> bytes:
    return b""


_FRAMED: dict[Fault, Callable[[Answer], bytes]] = {
    Fault.STALL_IN_BODY: _half,
    Fault.RESET_IN_BODY: _half,
    Fault.TRUNCATED: lambda right: right.head(len(right.body) + 1000) + right.body,
    Fault.SHORT_LENGTH: lambda right: right.head(len(right.body) // 2) + right.body,
    Fault.TWO_LENGTHS: lambda right: right.having("content-length", "7").bytes(),
    Fault.LENGTH_AND_CHUNKS: lambda right: right.having("content-length", "7").head(None) + b"0\r\n\r\n" + right.body,
    Fault.BAD_CHUNKS: lambda right: right.head(None) + b"zz\r\n" + right.body,
    Fault.NOT_HTTP: lambda _right: b"SSH-2.0-OpenSSH_9.9\r\n",
}


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One request as the proxy saw it, with the right answer to it."""

    target: str
    host: str
    right: Answer
    writer: asyncio.StreamWriter = field(repr=False)

    async def answer(self, fault: Fault) -> bool:
        """Answers wrongly; returns whether the connection is still good for another request."""
        if fault is Fault.LATENCY:
            await asyncio.sleep(LATENCY_SECONDS)
            wrong = self.right
        elif isinstance(fault.value, int):
            wrong = replace(self.right, status=fault.value, body=b"{}").having("Content-Type", "application/json")
        elif fault in _HEADERS:
            wrong = self._headed(*_HEADERS[fault])
        elif fault in _BODIES:
            wrong = _BODIES[fault](self.right)
        else:
            await self._break(fault)
            return False
        self.writer.write(wrong.bytes())
        await self.writer.drain()
        return True

    def _headed(self, status: int, name: str, value: str) -> Answer:
        filled = value.replace("{target}", self.target).replace("{host}", self.host)
        body = self.right.body if status == 200 else b"{}"
        right = self.right if status == 200 else replace(self.right, status=status, body=body)
        return right.having(name, filled)

    async def _break(self, fault: Fault) -> None:
        if fault in OPEN_ENDED:
            await self._flood(fault)
        if fault is Fault.DRIP:
            for byte in self.right.bytes():
                self.writer.write(bytes([byte]))
                await asyncio.sleep(DRIP_SECONDS)
        self.writer.write(_FRAMED.get(fault, _nothing)(self.right))
        await self.writer.drain()
        if fault in SLOW:
            await asyncio.Event().wait()
        if fault in {Fault.RESET, Fault.RESET_IN_BODY}:
            self.writer.transport.abort()

    async def _flood(self, fault: Fault) -> None:
        status = b"HTTP/1.1 200 OK\r\n"
        opening, piece = {
            Fault.OVERSIZE: (self.right.head(OVERSIZE), PIECE),
            Fault.ENDLESS: (self.right.head(None), b"%x\r\n%b\r\n" % (len(PIECE), PIECE)),
            Fault.ENDLESS_HEADERS: (status, b"X-Filler: filler\r\n" * 4000),
            Fault.LONG_HEADER: (status + b"X-Filler: ", PIECE),
        }[fault]
        self.writer.write(opening)
        for _ in range(OVERSIZE // len(PIECE)):
            self.writer.write(piece)
            await self.writer.drain()
