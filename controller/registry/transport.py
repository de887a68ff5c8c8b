"""HTTP to registries, and to where they redirect: the one place that opens connections for them.

Two pools that share nothing: registries, and elsewhere. What a redirect leads to can therefore never ride on a
connection, an allowance or, later, a credential that belongs to a registry.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import aiohttp
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, ThreadedResolver
from yarl import URL

from controller.core.errors import NavicertError, RegistryDenied, RegistryUnavailable
from controller.core.image import DEFAULT_HOST, Digest
from controller.core.text import printable
from controller.registry.addresses import (
    DOCKER_HUB,
    Allowance,
    Allowances,
    GuardedResolver,
    NamedHosts,
    refuse_address,
)
from controller.wire.registries import Registries

MAX_REDIRECTS = 3
CONNECTIONS = 256  # of one pool
REQUESTS_PER_HOST = 32  # at all its ports together: one slow registry must not use up the pool
# Seconds. The review's deadline is shorter than `total`; these tell a stalled registry from a slow one.
TIMEOUT = ClientTimeout(total=60.0, connect=5.0, sock_connect=3.0, sock_read=4.0)
HEADERS = {"User-Agent": "navicert", "Accept-Encoding": "identity"}

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Transport:
    """GET requests under Navicert's rules for addresses, redirects and plain HTTP. An async context manager.

    Enter it inside the running loop. It sends no credentials and keeps no cookies, and heeds no proxy variables.
    """

    def __init__(self, registries: Registries, named_hosts: NamedHosts) -> None:
        self._configured = registries
        self._allowances = Allowances(registries, named_hosts)

    async def __aenter__(self) -> Self:
        tls = ssl.create_default_context()
        self._registries = _Pool(self._allowances.of_registry, tls)
        self._elsewhere = _Pool(self._allowances.of_redirect, tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(self._registries.close(), self._elsewhere.close())

    def url(self, host: str, path: str) -> URL:
        """The address of `path` at the registry that images call `host`. HTTPS unless configured (REG-015)."""
        scheme = "http" if self._configured.plain_http(host) else "https"
        try:
            return URL(f"{scheme}://{DOCKER_HUB if host == DEFAULT_HOST else host}{path}", encoded=True)
        except ValueError as error:
            raise RegistryUnavailable(f"{printable(host)} is no host to connect to") from error

    @asynccontextmanager
    async def get(self, url: URL, *, accept: str) -> AsyncIterator[ClientResponse]:
        """The answer to a GET, redirects followed: at most three, each to https, at an address that anybody may be
        sent to (NET-003 to NET-005). Waits its turn where REQUESTS_PER_HOST are under way; the caller bounds that.

        The body is read inside, by `read`; every error of the connection becomes RegistryUnavailable, refused
        addresses and redirects RegistryDenied. Never inflates: an encoded body is refused (PARSE-008).
        """
        with _border(url):
            pool, here = self._registries, url
            for _ in range(MAX_REDIRECTS + 1):
                async with pool.get(here, accept) as response:
                    if response.status not in _REDIRECTS:
                        if response.ok:
                            _refuse_encoding(response)
                        yield response
                        return
                    here = _target(here, response)
                pool = self._elsewhere
            raise RegistryUnavailable(f"{_host(url)} redirects more than {MAX_REDIRECTS} times")


class _Pool:
    """Connections that share an allowance, and nothing with another pool."""

    def __init__(self, allowed: Allowance, tls: ssl.SSLContext) -> None:
        self._allowed = allowed
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        connector = TCPConnector(
            limit=CONNECTIONS,
            limit_per_host=0,  # it would count every port of a host by itself
            resolver=GuardedResolver(ThreadedResolver(), allowed),
            use_dns_cache=False,
            ssl=tls,
        )
        self._session = ClientSession(
            connector=connector,
            cookie_jar=DummyCookieJar(),
            headers=HEADERS,
            timeout=TIMEOUT,
            auto_decompress=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self._session.close()

    @asynccontextmanager
    async def get(self, url: URL, accept: str) -> AsyncIterator[ClientResponse]:
        """The answer as it comes, a redirect too. The host's turn is over when the context is left."""
        refuse_address(url, self._allowed)
        turn = self._turns.setdefault((url.host or "").rstrip("."), asyncio.Semaphore(REQUESTS_PER_HOST))
        async with turn, self._session.get(url, headers={"Accept": accept}, allow_redirects=False) as response:
            yield response


async def read(response: ClientResponse, *, limit: int) -> tuple[bytes, Digest] | None:
    """The body with its digest, hashed piece by piece; None when it has more than `limit` bytes: no more is read."""
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


def _host(url: URL) -> str:
    return printable(url.authority, limit=120)


def _target(here: URL, response: ClientResponse) -> URL:
    location = response.headers.get("Location")
    if not location:
        raise RegistryUnavailable(f"{_host(here)} redirects nowhere")
    target = here.join(URL(location))
    if target.scheme != "https" or not target.host or "@" in target.authority:
        raise RegistryDenied(f"{_host(here)} redirects to something other than an https address")
    return target.with_fragment(None)


def _refuse_encoding(response: ClientResponse) -> None:
    encoding = response.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() != "identity":
        raise RegistryUnavailable(f"{_host(response.url)} answers with an encoding that was not asked for")


@contextmanager
def _border(url: URL) -> Iterator[None]:
    """No exception of the HTTP library leaves it. Messages name the host only: libraries quote what others wrote."""
    try:
        yield
    except NavicertError:
        raise
    except TimeoutError as error:
        raise RegistryUnavailable(f"{_host(url)} does not answer in time") from error
    except aiohttp.ClientConnectorDNSError as error:
        raise RegistryUnavailable(f"{_host(url)} can't be resolved") from error
    except aiohttp.ClientSSLError as error:
        raise RegistryUnavailable(f"no trusted TLS connection with {_host(url)}") from error
    except aiohttp.ClientConnectorError as error:
        raise RegistryUnavailable(f"{_host(url)} can't be connected to") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise RegistryUnavailable(f"{_host(url)} broke off or answered no HTTP") from error
