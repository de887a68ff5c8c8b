"""List, then watch: keeps callbacks up to date with one collection, through every way in which a watch can end.

No change is missed: what is not known to have been seen is listed again. None is applied twice: a watch that ends in
good order goes on from the last event it brought.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import Event, EventType, Listing, Object, Resource, VersionExpired

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 15.0
BRIEF_SECONDS = 1.0

_log = logging.getLogger(__name__)


class Source(Protocol):
    """The part of ApiClient that a reflector needs."""

    async def list(self, resource: Resource) -> Listing:
        """See ApiClient.list."""

    def watch(self, resource: Resource, version: str) -> AsyncGenerator[Event, None]:
        """See ApiClient.watch."""


async def nothing_to_prepare(_object: Object) -> None:
    """For objects that take no time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callbacks:
    """What is told of a collection: all of it at once, then each change. They neither block nor raise.

    `prepare` is awaited for each object before it is told of.
    """

    replace: Callable[[Sequence[Object]], None]
    apply: Callable[[Object], None]
    remove: Callable[[str, str], None]
    """Called with namespace (empty for a cluster-scoped object) and name."""
    prepare: Callable[[Object], Awaitable[None]] = nothing_to_prepare


class Reflector:
    """Follows one resource until it is cancelled. `run` raises only what the callbacks raise: that is a bug."""

    def __init__(self, source: Source, resource: Resource, callbacks: Callbacks) -> None:
        self._source = source
        self._resource = resource
        self._callbacks = callbacks
        self._contact: float | None = None
        self._failures = 0

    @property
    def kind(self) -> str:
        """The kind that is followed."""
        return self._resource.kind

    @property
    def synced(self) -> bool:
        """Whether the collection was listed once. It stays so: what was known is used until more is known (SVC-002)."""
        return self._contact is not None

    def age(self) -> float:
        """Seconds since the API server last told anything, by the monotonic clock; infinite before the first list."""
        return float("inf") if self._contact is None else asyncio.get_running_loop().time() - self._contact

    async def run(self) -> None:
        """List and watch for ever."""
        while True:
            try:
                version = await self._list()
                await self._follow(version)
            except VersionExpired:
                _log.info("watch expired", extra={"kind": self.kind})
                await self._pause()
            except ApiServerUnavailable as error:
                _log.warning("watch failed", extra={"kind": self.kind, "error": str(error)})
                await self._pause()

    async def _list(self) -> str:
        listing = await self._source.list(self._resource)
        for one in listing.objects:
            await self._callbacks.prepare(one)
        self._callbacks.replace(listing.objects)
        self._touch()
        return listing.version

    async def _follow(self, version: str) -> None:
        """Watch after watch; leaves only by an error."""
        while True:
            started = asyncio.get_running_loop().time()
            async with aclosing(self._source.watch(self._resource, version)) as events:
                async for event in events:
                    await self._tell(event)
                    version = event.version
                    self._touch()
                    self._failures = 0
            if self._touch() - started < BRIEF_SECONDS:
                await self._pause()  # a server that ends every watch at once is not asked without a break

    async def _tell(self, event: Event) -> None:
        if event.type is EventType.BOOKMARK:
            return
        if event.type is EventType.DELETED:
            metadata = event.object["metadata"]
            self._callbacks.remove(metadata.get("namespace") or "", metadata.get("name") or "")
        else:
            await self._callbacks.prepare(event.object)
            self._callbacks.apply(event.object)

    def _touch(self) -> float:
        self._contact = asyncio.get_running_loop().time()
        return self._contact

    async def _pause(self) -> None:
        """Longer with each failure in a row, and never in step with the other replicas."""
        longest = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 16)
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))
