"""The pull side of a registry (OCI distribution-spec 1.1): manifests, blobs and referrers, bounded and hashed.

What comes back hashed to what was asked; that is all. What it means is for `wire` to read and `trust` to verify.
"""

import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from aiohttp import ClientResponse
from yarl import URL

from controller.core.errors import LimitExceeded, MalformedManifest, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry.addresses import NamedHosts
from controller.registry.transport import Transport, read
from controller.wire.oci import ACCEPTED_TYPES, OCI_INDEX, Descriptor
from controller.wire.registries import Registries

MAX_MANIFEST_BYTES = 4 * 1024 * 1024  # distribution-spec 1.1, "pushing manifests": at least this must be accepted
MAX_BLOB_BYTES = 20 * 1024 * 1024
MAX_PAGES = 64  # of one referrers list; 1,024 entries at 16 a page

_ABSENT = frozenset({404})
_NO_REFERRERS_API = frozenset({400, 404, 405, 406})
_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
_NEXT = re.compile(r';\s*rel\s*=\s*"?next"?\s*(?:;|,|$)', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A manifest, index or referrers list as answered. `digest` is computed from `content`, never believed."""

    content: bytes
    content_type: str
    digest: Digest


class Registry(Protocol):
    """Where evidence is read from. A method that returns None says: not there. Ignorance is an exception."""

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag."""

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The content that the descriptor describes, and nothing else."""

    def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list; none where the registry has no such list."""


class RegistryClient:
    """Reads registries over HTTP. An async context manager, entered inside the running loop.

    `named_hosts` tells the hosts that ClusterSLSAPolicies name literally; it is asked for every new connection, so a
    policy change counts at once. Nothing is retried or cached here.
    """

    def __init__(self, registries: Registries, *, named_hosts: NamedHosts) -> None:
        self._transport = Transport(registries, named_hosts)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag; None when the registry says there is none.

        Its digest is that of the bytes, whatever headers say (BIND-015); asked for by digest, it is that digest or
        MalformedManifest (BIND-014). Raises LimitExceeded over 4 MiB, RegistryDenied, RegistryUnavailable.
        """
        url = self._url(repository, f"manifests/{reference}")
        fetched, _ = await self._document(url, accept=", ".join(ACCEPTED_TYPES), what=f"manifest {reference}")
        if fetched is not None and isinstance(reference, Digest) and fetched.digest != reference:
            raise MalformedManifest(f"{repository.host} answers {reference} with content of another digest")
        return fetched

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The blob of this digest and size, hashed while it is read (BIND-016).

        Raises LimitExceeded over 20 MiB, RegistryDenied, and RegistryUnavailable for everything else, a blob that is
        not there included: something lists it, so the registry contradicts itself.
        """
        what = f"blob {descriptor.digest}"
        if descriptor.size > MAX_BLOB_BYTES:
            raise LimitExceeded(f"{what} is larger than {MAX_BLOB_BYTES} bytes")
        url = self._url(repository, f"blobs/{descriptor.digest}")
        async with self._transport.get(url, accept="*/*") as response:
            if not _found(response, repository.host):
                raise RegistryUnavailable(f"{repository.host} lists {what}, and does not have it")
            content, digest = await read(response, limit=descriptor.size) or (b"", None)
        if len(content) != descriptor.size or digest != descriptor.digest:
            raise RegistryUnavailable(f"{repository.host} answers {what} with other content")
        return content

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list of a digest; no page where the registry has no referrers API.

        404 says so, and registries older than the API say 400, 405 or 406, too: the fallback tag is asked besides.
        Follows Link headers on the registry's own host only (NET-006), MAX_PAGES at most: LimitExceeded beyond.
        Filters nothing, as servers need not. Raises as `manifest` does, possibly after some pages.
        """
        first = url = self._url(repository, f"referrers/{digest}")
        for _ in range(MAX_PAGES):
            what = f"referrers of {digest}"
            page, following = await self._document(url, accept=OCI_INDEX, what=what, absent=_NO_REFERRERS_API)
            if page is None and url is not first:
                raise RegistryUnavailable(f"{repository.host} names a next page of referrers, and does not have it")
            if page is None:
                return
            yield page
            if following is None:
                return
            url = _next_page(url, following)
        raise LimitExceeded(f"the list of referrers has more than {MAX_PAGES} pages")

    async def _document(
        self, url: URL, *, accept: str, what: str, absent: frozenset[int] = _ABSENT
    ) -> tuple[Fetched | None, str | None]:
        async with self._transport.get(url, accept=accept) as response:
            if not _found(response, url.authority, absent):
                return None, None
            body = await read(response, limit=MAX_MANIFEST_BYTES)
            if body is None:
                raise LimitExceeded(f"{what} is larger than {MAX_MANIFEST_BYTES} bytes")
            content, digest = body
            content_type = response.headers.get("Content-Type", "")
            fetched = Fetched(content=content, content_type=content_type, digest=digest)
            return fetched, _following(response.headers.getall("Link", []))

    def _url(self, repository: Repository, resource: str) -> URL:
        return self._transport.url(repository.host, f"/v2/{repository.path}/{resource}")


def _found(response: ClientResponse, host: str, absent: frozenset[int] = _ABSENT) -> bool:
    """Whether there is something to read. `absent` is a fact; whatever is neither 200 nor that is ignorance."""
    if response.status == 200 or response.status in absent:
        return response.status == 200
    if response.status in {401, 403}:
        raise RegistryDenied(f"{host} refuses access (HTTP {response.status})")
    raise RegistryUnavailable(f"{host} answers HTTP {response.status}")


def _following(links: list[str]) -> str | None:
    """The target of the Link header with rel="next" (RFC 8288, 3)."""
    found = (match for link in links for match in _LINK.finditer(link))
    return next((match[1] for match in found if _NEXT.search(match[2])), None)


def _next_page(url: URL, link: str) -> URL:
    try:
        target = url.join(URL(link, encoded=True))
        origin = target.origin()
    except ValueError as error:
        raise RegistryUnavailable(f"{url.authority} names a next page that is no URL") from error
    if origin != url.origin():
        raise RegistryDenied(f"{url.authority} names a next page on another host")
    return target
