"""One answer of a registry or a token realm, read to its end or to its bound; and the border of the HTTP library."""

import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import ClientResponse
from multidict import CIMultiDictProxy
from yarl import URL

from controller.core.errors import NavicertError, RegistryUnavailable
from controller.core.image import Digest
from controller.core.text import printable

MAX_ASIDE_BYTES = 64 * 1024  # of what is read only so that its connection can be used again


class BrokenOff(RegistryUnavailable):
    """The connection was refused, reset or ended within an answer: trying again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was answered at last. The body is read for status 200 only, and is None when it was beyond its bound.

    `redirected` says that somebody else gave this answer than was asked. Headers are foreign text.
    """

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    redirected: bool = False
    content: bytes | None = field(default=b"", repr=False)
    digest: Digest | None = None


async def read_answer(response: ClientResponse, *, limit: int, redirected: bool) -> Answer:
    """The answer with its body, hashed piece by piece; of more than `limit` bytes no more is read.

    Never inflates: an encoded body is refused (PARSE-008). Raises RegistryUnavailable.
    """
    if response.status != 200:
        await _read_aside(response)
        return Answer(status=response.status, headers=response.headers, redirected=redirected)
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise RegistryUnavailable(f"{host_of(response.url)} answers with an encoding that was not asked for")
    content, digest = await _read(response, limit) or (None, None)
    return Answer(status=200, headers=response.headers, redirected=redirected, content=content, digest=digest)


async def _read(response: ClientResponse, limit: int) -> tuple[bytes, Digest] | None:
    content, sha256 = bytearray(), hashlib.sha256()
    if response.content_length is not None and response.content_length > limit:
        response.close()
        return None
    async for piece in response.content.iter_any():
        sha256.update(piece)
        content += piece
        if len(content) > limit:
            response.close()
            return None
    return bytes(content), Digest(sha256.hexdigest())


async def _read_aside(response: ClientResponse) -> None:
    """A small body of known length is read, so that the next request needs no new connection."""
    if (response.content_length or 0) > MAX_ASIDE_BYTES or response.content_length is None:
        response.close()
    else:
        await response.content.read(response.content_length)


def host_of(url: URL) -> str:
    """The host of a URL, fit to print."""
    return printable(url.authority, limit=120)


def same_origin(one: URL, other: URL) -> bool:
    """Whether two URLs name the same scheme, host and port (RFC 6454, 5), a default port written out or not."""
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


@contextmanager
def border(url: URL) -> Iterator[None]:
    """No exception of the HTTP library leaves it. Messages name the host only: libraries quote what others wrote."""
    try:
        yield
    except NavicertError:
        raise
    except TimeoutError as error:
        raise RegistryUnavailable(f"{host_of(url)} does not answer in time") from error
    except (aiohttp.ClientConnectorDNSError, socket.gaierror) as error:
        raise RegistryUnavailable(f"{host_of(url)} can't be resolved") from error
    except aiohttp.ClientSSLError as error:
        raise RegistryUnavailable(f"no trusted TLS connection with {host_of(url)}") from error
    except aiohttp.ClientConnectorError as error:
        raise BrokenOff(f"{host_of(url)} can't be connected to") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, ConnectionError) as error:
        raise BrokenOff(f"{host_of(url)} broke off") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise RegistryUnavailable(f"{host_of(url)} answered no HTTP, or can't be asked") from error
