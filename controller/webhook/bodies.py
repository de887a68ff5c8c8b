"""How much of all request bodies is in memory at a time, while they arrive."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

MAX_ARRIVING_BYTES = 64 * 1024 * 1024  # of all bodies; a review has 8 MiB at most, and API servers send it at once


class Bodies:
    """The bodies that are arriving. Belongs to one event loop, and counts nothing once a body is complete.

    Beyond the bound the body that has been arriving for longest is given up: senders that dawdle make room for others.
    """

    def __init__(self, total: int = MAX_ARRIVING_BYTES) -> None:
        self._left = total
        self._arriving: dict[asyncio.Timeout, int] = {}  # oldest first

    @asynccontextmanager
    async def arriving(self, deadline: float) -> AsyncIterator[Callable[[int], None]]:
        """Until the deadline (the loop's clock), or until it is given up: both are TimeoutError.

        Gives what is to be told of every further number of bytes.
        """
        async with asyncio.timeout_at(deadline) as limit:
            self._arriving[limit] = 0
            try:
                yield lambda count: self._count(limit, count)
            finally:
                self._left += self._arriving.pop(limit, 0)

    def _count(self, limit: asyncio.Timeout, count: int) -> None:
        if limit not in self._arriving:
            return
        self._arriving[limit] += count
        self._left -= count
        while self._left < 0:
            oldest = next(iter(self._arriving))
            self._left += self._arriving.pop(oldest)
            if not oldest.expired():  # its own deadline has given it up, and it has not had its turn since
                oldest.reschedule(asyncio.get_running_loop().time())
