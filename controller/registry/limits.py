"""Taking turns: how many requests a host has at a time, by its name and by its addresses, and how many a second."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from controller.core.errors import LimitExceeded
from controller.core.text import printable
from controller.wire.registries import Registries


class Turns:
    """At most `limit` holders at a time of any one key. Whoever waits is served in order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._semaphores: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def of(self, keys: Iterable[str]) -> AsyncIterator[None]:
        """A turn at every one of the keys. All take them in the same order, so that nobody waits in a circle."""
        async with AsyncExitStack() as stack:
            for key in sorted(set(keys)):
                await stack.enter_async_context(self._semaphores.setdefault(key, asyncio.Semaphore(self._limit)))
            yield


class Bucket:
    """A token bucket: `rate` requests a second, and as many at once (at least one) after a pause."""

    def __init__(self, rate: float) -> None:
        self._seconds = 1 / rate
        self._burst = max(0.0, 1.0 - self._seconds)  # how far ahead of its time a request may be
        self._free = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next request may go."""
        return max(0.0, self._free - self._burst - now)

    def take(self, now: float) -> float:
        """Count a request, and say for how many seconds it is to wait."""
        wait = self.wait(now)
        self._free = max(self._free, now) + self._seconds
        return wait


class Rates:
    """The rates that the setting allows single hosts; every other host has as many as it takes."""

    def __init__(self, registries: Registries) -> None:
        limits = {host: entry.rate_limit for host, entry in registries.entries.items()}
        self._buckets = {host: Bucket(limit) for host, limit in limits.items() if limit is not None}

    async def wait(self, host: str, *, deadline: float | None) -> None:
        """Sleep until a request to `host` may go; LimitExceeded at once if that is after the deadline."""
        bucket, now = self._buckets.get(host), asyncio.get_running_loop().time()
        if bucket is None:
            return
        if deadline is not None and now + bucket.wait(now) >= deadline:
            raise LimitExceeded(f"the rate limit of {printable(host, limit=120)} leaves no request in time")
        await asyncio.sleep(bucket.take(now))
