"""Reading repositories with one set of credentials until one deadline, from their mirrors where they have some.

What a digest names is the same wherever it comes from, so mirrors are asked for it first, and whatever one fails at or
lacks is asked of the next and of the registry itself. What moves (tags, lists of referrers) may be stale at a mirror:
it is asked of the registry, and of a mirror only where the registry does not answer.
"""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from controller.core.errors import MalformedManifest, RegistryUnavailable, Unavailable
from controller.core.image import Digest, Repository
from controller.registry.answers import Answer
from controller.registry.credentials import Credentials
from controller.registry.reading import Fetched, Place
from controller.registry.sessions import Sessions
from controller.registry.transport import Request, Transport
from controller.wire.oci import Descriptor
from controller.wire.registries import Registries

MIRROR_SECONDS = 3.0  # for one answer of a mirror; where a deadline is known, at most half of what is left

_T = TypeVar("_T")
Deadline = Callable[[], float]
"""Until when an answer is of use, on the running loop's clock: asked for every call, as it may be put off."""

_Read = Callable[[Place], Awaitable[_T]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """What all readers share: connections, passes, and the setting."""

    registries: Registries
    transport: Transport
    sessions: Sessions


class ScopedRegistry:
    """A `Registry` for one caller. Cheap: connections and tokens belong to the RegistryClient that made it.

    `deadline` ends no call: it only keeps pauses, and waiting for mirrors, from reaching beyond it.
    """

    def __init__(self, connected: Connected, *, credentials: Credentials, deadline: Deadline | None = None) -> None:
        self._connected, self._credentials, self._deadline = connected, credentials, deadline

    def within(self, deadline: Deadline) -> "ScopedRegistry":
        """The same with this deadline."""
        return ScopedRegistry(self._connected, credentials=self._credentials, deadline=deadline)

    def scope(self, repository: Repository) -> str:
        """With which credentials this repository is read, its mirrors' included; see `Credentials.scope`."""
        mirrors, own = self._connected.registries.mirrors(repository), self._credentials.scope(repository)
        if not mirrors:
            return own
        scopes = [own, *(self._credentials.scope(place) for place in mirrors)]
        return scopes[0] if len(set(scopes)) == 1 else " ".join(scopes)

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag; None when the registry says there is none. See `Place`.

        What a tag points to at a mirror, as the registry does not answer, `may_be_stale`: it may add to what is known
        and never completes it. So an image's own tag is unknown then, and what evidence tags list is not all.
        """

        async def read(place: Place) -> Fetched | None:
            return await place.manifest(reference)

        if isinstance(reference, Digest):
            found = await self._of_mirrors(repository, read)
            return found or await read(self._origin(repository))
        try:
            return await read(self._origin(repository))
        except RegistryUnavailable:
            found = await self._of_mirrors(repository, read)
            if found is None:
                raise
            return replace(found, may_be_stale=True)

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The content that the descriptor describes. See `Place`."""

        async def read(place: Place) -> bytes:
            return await place.blob(descriptor)

        found = await self._of_mirrors(repository, read)
        return await read(self._origin(repository)) if found is None else found

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list. See `Place`.

        Where the registry does not answer, those of a mirror, and then RegistryUnavailable all the same: what they list
        counts, and that there may be more is not forgotten.
        """
        begun = False
        try:
            async with aclosing(self._origin(repository).referrers(digest)) as pages:
                async for page in pages:
                    begun = True
                    yield page
        except RegistryUnavailable:
            if not begun:
                for page in await self._of_mirrors(repository, partial(_pages, digest=digest)) or ():
                    yield page
            raise

    async def _of_mirrors(self, repository: Repository, read: _Read[_T | None]) -> _T | None:
        """The first good answer; None if no mirror has one. Why one has none is nobody's concern: another is asked."""
        for mirror in self._connected.registries.mirrors(repository):
            try:
                async with asyncio.timeout(self._mirror_seconds()):
                    found = await read(self._place(mirror, attempts=1))
            except (Unavailable, MalformedManifest, TimeoutError):
                continue
            if found is not None:
                return found
        return None

    def _mirror_seconds(self) -> float:
        left = math.inf if self._deadline is None else self._deadline() - asyncio.get_running_loop().time()
        return min(MIRROR_SECONDS, left / 2)

    def _origin(self, repository: Repository) -> Place:
        return self._place(repository, attempts=None)

    def _place(self, repository: Repository, *, attempts: int | None) -> Place:
        async def read(request: Request) -> Answer:
            deadline = None if self._deadline is None else self._deadline()
            bounded = replace(request, deadline=deadline, attempts=attempts or request.attempts)
            credential = await self._credentials.credential(repository)
            return await self._connected.sessions.read(bounded, path=repository.path, credential=credential)

        base = self._connected.transport.url(repository.host, f"/v2/{repository.path}")
        return Place(repository, base, read)


async def _pages(place: Place, *, digest: Digest) -> tuple[Fetched, ...] | None:
    """A whole list; None for an empty one, as another mirror may have more."""
    return tuple([page async for page in place.referrers(digest)]) or None
