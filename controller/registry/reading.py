"""Reading one place of a registry (OCI distribution-spec 1.1): manifests, blobs and referrers, bounded and hashed."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass

from yarl import URL

from controller.core.errors import LimitExceeded, MalformedManifest, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry.answers import Answer, same_origin
from controller.registry.transport import Request
from controller.wire.oci import ACCEPTED_TYPES, OCI_INDEX, Descriptor

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
    may_be_stale: bool = False

    def refuse_stale(self) -> None:
        """Raises RegistryUnavailable for what only a mirror's tag names: what the registry's own names is unknown."""
        if self.may_be_stale:
            raise RegistryUnavailable(f"the registry does not answer, and a mirror's tag to {self.digest} may be old")


class Place:
    """One repository at the registry that holds it, whatever it may be a mirror of.

    `base` is the URL of its /v2/<path>; `read` answers a request about it, with whatever access that takes.
    """

    def __init__(self, repository: Repository, base: URL, read: Callable[[Request], Awaitable[Answer]]) -> None:
        self._repository, self._base, self._read = repository, base, read

    async def manifest(self, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag; None when the registry says there is none.

        Its digest is that of the bytes, whatever headers say (BIND-015); asked for by digest, it is that digest or
        MalformedManifest (BIND-014). Raises LimitExceeded over 4 MiB, RegistryDenied, RegistryUnavailable.
        """
        url = self._url(f"manifests/{reference}")
        fetched, _ = await self._document(url, accept=", ".join(ACCEPTED_TYPES), what=f"manifest {reference}")
        if fetched is not None and isinstance(reference, Digest) and fetched.digest != reference:
            raise MalformedManifest(f"{self._repository.host} answers {reference} with content of another digest")
        return fetched

    async def blob(self, descriptor: Descriptor) -> bytes:
        """The blob of this digest and size, hashed while it is read (BIND-016).

        Raises LimitExceeded over 20 MiB, RegistryDenied, and RegistryUnavailable for everything else, a blob that is
        not there included: something lists it, so the registry contradicts itself.
        """
        what = f"blob {descriptor.digest}"
        if descriptor.size > MAX_BLOB_BYTES:
            raise LimitExceeded(f"{what} is larger than {MAX_BLOB_BYTES} bytes")
        url = self._url(f"blobs/{descriptor.digest}")
        answer = await self._read(Request(url=url, accept="*/*", limit=descriptor.size))
        if not self._found(answer):
            raise RegistryUnavailable(f"{self._repository.host} lists {what}, and does not have it")
        content = answer.content
        if content is None or len(content) != descriptor.size or answer.digest != descriptor.digest:
            raise RegistryUnavailable(f"{self._repository.host} answers {what} with other content")
        return content

    async def referrers(self, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list of a digest; no page where the registry has no referrers API.

        404 says so, and registries older than the API say 400, 405 or 406, too: the fallback tag is asked besides.
        Follows Link headers on the registry's own host only (NET-006), MAX_PAGES at most: LimitExceeded beyond.
        Filters nothing, as servers need not. Raises as `manifest` does, possibly after some pages.
        """
        first = url = self._url(f"referrers/{digest}")
        for _ in range(MAX_PAGES):
            what = f"referrers of {digest}"
            page, following = await self._document(url, accept=OCI_INDEX, what=what, absent=_NO_REFERRERS_API)
            if page is None and url is not first:
                raise RegistryUnavailable(
                    f"{self._repository.host} names a next page of referrers, and does not have it"
                )
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
        answer = await self._read(Request(url=url, accept=accept, limit=MAX_MANIFEST_BYTES))
        if not self._found(answer, absent):
            return None, None
        if answer.content is None or answer.digest is None:
            raise LimitExceeded(f"{what} is larger than {MAX_MANIFEST_BYTES} bytes")
        content_type = answer.headers.get("Content-Type", "")
        fetched = Fetched(content=answer.content, content_type=content_type, digest=answer.digest)
        return fetched, _following(answer.headers.getall("Link", []))

    def _found(self, answer: Answer, absent: frozenset[int] = _ABSENT) -> bool:
        """Whether there is something to read. `absent` is a fact; whatever is neither 200 nor that is ignorance."""
        if answer.status == 200 or answer.status in absent:
            return answer.status == 200
        if answer.status in {401, 403}:
            raise RegistryDenied(f"{self._repository.host} refuses access (HTTP {answer.status})")
        raise RegistryUnavailable(f"{self._repository.host} answers HTTP {answer.status}")

    def _url(self, resource: str) -> URL:
        return self._base.joinpath(resource, encoded=True)


def _following(links: list[str]) -> str | None:
    """The target of the Link header with rel="next" (RFC 8288, 3)."""
    found = (match for link in links for match in _LINK.finditer(link))
    return next((match[1] for match in found if _NEXT.search(match[2])), None)


def _next_page(url: URL, link: str) -> URL:
    try:
        target = url.join(URL(link, encoded=True))
        own = same_origin(target, url) and "@" not in target.authority
    except ValueError as error:
        raise RegistryUnavailable(f"{url.authority} names a next page that is no URL") from error
    if not own:
        raise RegistryDenied(f"{url.authority} names a next page on another host")
    return target
