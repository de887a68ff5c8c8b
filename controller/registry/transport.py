"""HTTP to registries, and to where they send us: the one place that opens connections for them.

Two pools that share nothing but the resolver: registries, and elsewhere. What a redirect or a token realm leads to can
therefore never ride on a connection, an allowance or a client certificate that belongs to a registry.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver
from yarl import URL

from controller import __version__
from controller.core.errors import RegistryDenied, RegistryUnavailable
from controller.core.image import DEFAULT_HOST, HTTPS_PORT
from controller.core.text import printable
from controller.registry.addresses import (
    DOCKER_HUB,
    AllowanceOf,
    Allowances,
    GuardedResolver,
    NamedHosts,
    image_host,
    refuse_address,
)
from controller.registry.answers import Answer, border, host_of, read_answer, same_origin
from controller.registry.limits import Rates, Turns
from controller.registry.resolver import SystemResolver
from controller.registry.retries import ATTEMPTS
from controller.registry.tls import TlsContexts
from controller.wire.registries import Registries

MAX_REDIRECTS = 3
CONNECTIONS = 256  # of one pool
REQUESTS_PER_HOST = 32  # at all its ports together: one slow registry must not use up the pool
REQUESTS_PER_ADDRESS = 64  # whatever the names: some registries share an address, and names cost nothing
# Seconds. The review's deadline is shorter than `total`; these tell a stalled registry from a slow one.
TIMEOUT = ClientTimeout(total=60.0, connect=5.0, sock_connect=3.0, sock_read=4.0)
HEADERS = {"User-Agent": f"navicert/{__version__}", "Accept-Encoding": "identity"}

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One exchange: a GET, or a POST of `form`. At most `limit` bytes of its answer are read.

    `authorization` goes to this URL's host and nowhere else. `deadline` is in seconds of the running loop's clock, and
    `attempts` how often whoever retries may try; one exchange heeds neither.
    """

    url: URL
    accept: str
    limit: int
    authorization: str | None = field(default=None, repr=False)
    form: bytes | None = field(default=None, repr=False)
    deadline: float | None = None
    attempts: int = ATTEMPTS

    @property
    def headers(self) -> dict[str, str]:
        """What is sent besides what every request carries."""
        secret = {"Authorization": self.authorization} if self.authorization else {}
        form = {"Content-Type": "application/x-www-form-urlencoded"} if self.form is not None else {}
        return {"Accept": self.accept} | secret | form


class Transport:
    """Requests under Navicert's rules for addresses, redirects and plain HTTP. An async context manager.

    Enter it inside the running loop; entering raises MalformedDocument for certificates of the setting that can't be
    used. It keeps no cookies, heeds no proxy variables, tries nothing twice and answers no challenge.
    """

    def __init__(self, registries: Registries, named_hosts: NamedHosts) -> None:
        self._configured = registries
        self._allowances = Allowances(registries, named_hosts)

    async def __aenter__(self) -> Self:
        tls = await asyncio.to_thread(TlsContexts, self._configured)  # OpenSSL reads hundreds of certificates
        self._rates = Rates(self._configured)
        self._resolver = SystemResolver()
        self._registries = _Pool(self._allowances.of_registry, tls.of_registry, self._resolver)
        self._elsewhere = _Pool(self._allowances.of_referral, tls.of_referral, self._resolver)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(self._registries.close(), self._elsewhere.close(), self._resolver.close())

    def url(self, host: str, path: str) -> URL:
        """The address of `path` at the registry that images call `host`. HTTPS unless configured (REG-015)."""
        named = DOCKER_HUB if host == DEFAULT_HOST else host
        place = f"https://{named}"
        if self._configured.plain_http(host):
            place = f"http://{named.removesuffix(f':{HTTPS_PORT}')}"  # which stands for no port at all
        try:
            return URL(f"{place}{path}", encoded=True)
        except ValueError as error:
            raise RegistryUnavailable(f"{printable(host)} is no host to connect to") from error

    async def get(self, request: Request) -> Answer:
        """The answer of a registry, redirects followed without its credentials: at most three, each to https, at an
        address that anybody may be sent to (NET-003 to NET-005). Waits its turn, which the caller bounds.

        Every error of the connection becomes RegistryUnavailable, refused addresses and redirects RegistryDenied;
        LimitExceeded where the host's rate leaves no request before the deadline.
        """
        with border(request.url):
            await self._rates.wait(self._allowances.host_of(request.url.authority), deadline=request.deadline)
            pool, here, headers = self._registries, request.url, request.headers
            for number in range(MAX_REDIRECTS + 1):
                async with pool.exchange(here, headers) as response:
                    if response.status not in _REDIRECTS:
                        return await read_answer(response, limit=request.limit, redirected=number > 0)
                    here = _target(here, response)
                pool, headers = self._elsewhere, {"Accept": request.accept}
            raise RegistryUnavailable(f"{host_of(request.url)} redirects more than {MAX_REDIRECTS} times")

    async def ask_realm(self, request: Request, *, of: URL) -> Answer:
        """The answer of a token realm that the registry at `of` named. Follows no redirect; raises as `get`.

        A realm at the registry's own origin is the registry; any other may be where a redirect may lead (NET-001).
        """
        with border(request.url):
            pool = self._registries if same_origin(request.url, of) else self._elsewhere
            async with pool.exchange(request.url, request.headers, request.form) as response:
                return await read_answer(response, limit=request.limit, redirected=False)


class _Pool:
    """Connections that share an allowance, and nothing with another pool."""

    def __init__(self, allowed: AllowanceOf, tls: Callable[[str], ssl.SSLContext], resolver: AbstractResolver) -> None:
        self._allowed, self._tls = allowed, tls
        self._resolver = GuardedResolver(resolver, allowed)
        self._turns, self._turns_at = Turns(REQUESTS_PER_HOST), Turns(REQUESTS_PER_ADDRESS)
        connector = TCPConnector(
            limit=CONNECTIONS,
            limit_per_host=0,  # it would count every port of a host by itself
            resolver=self._resolver,
            use_dns_cache=False,  # ours is: names that stall must not hold up others
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
    async def exchange(
        self, url: URL, headers: dict[str, str], form: bytes | None = None
    ) -> AsyncIterator[ClientResponse]:
        """The answer as it comes, a redirect too. The turn at the host, and at each of its addresses, so that names
        without number for one address have no more (NET-010), is over when the context is left."""
        refuse_address(url, self._allowed)
        method = "GET" if form is None else "POST"
        tls = self._tls(image_host(url.authority))
        async with self._turns.of([(url.host or "").rstrip(".")]), self._turns_at.of(await self._addresses(url)):
            asked = self._session.request(method, url, headers=headers, data=form, allow_redirects=False, ssl=tls)
            async with asked as response:
                yield response

    async def _addresses(self, url: URL) -> list[str]:
        if _is_address(url):
            return [url.host or ""]
        found = await self._resolver.resolve(url.host or "", url.port or 0)
        return [result["host"] for result in found]


def _is_address(url: URL) -> bool:
    """Whether no name stands in the URL; `refuse_address` lets addresses in their usual form pass, and no others."""
    host = url.host or ""
    return ":" in host or host.replace(".", "").isdigit()


def _target(here: URL, response: ClientResponse) -> URL:
    location = response.headers.get("Location")
    if not location:
        raise RegistryUnavailable(f"{host_of(here)} redirects nowhere")
    target = here.join(URL(location))
    if target.scheme != "https" or not target.host or "@" in target.authority:
        raise RegistryDenied(f"{host_of(here)} redirects to something other than an https address")
    return target.with_fragment(None)
