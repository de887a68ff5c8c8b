"""Looks under way that several reviews wait for: done once, for all of them."""

import asyncio
from collections.abc import Awaitable

from controller.engine.look import Found, Look
from controller.engine.question import Image, Means, Question

MAX_SECONDS = 30.0  # the longest that a review may take (timeoutSeconds of a webhook configuration)


class Flight:
    """One look under way. It goes on when who waits for it leaves, and ends by the latest time that anybody asked for,
    MAX_SECONDS after its start at most. All times are the running loop's."""

    def __init__(self, means: Means, question: Question, *, until: float) -> None:
        self._look = Look(means.within(lambda: self._until), question)
        self._latest = _now() + MAX_SECONDS
        self._until = min(until, self._latest)
        self.task = asyncio.create_task(self._run())

    def extend(self, until: float) -> None:
        """Go on until then, if that is later."""
        self._until = min(max(self._until, until), self._latest)

    async def found_by(self, deadline: float) -> Found:
        """What was found, or what is at hand by the deadline. Raises only what is a bug."""
        await asyncio.wait({self.task}, timeout=max(0.0, deadline - _now()))
        if self.task.done() and not self.task.cancelled():
            return self.task.result()
        return self._look.found(complete=False)

    async def _run(self) -> Found:
        looking = asyncio.create_task(self._look.run())
        try:
            while not looking.done() and (left := self._until - _now()) > 0:
                await asyncio.wait({looking}, timeout=left)
            complete = looking.done()
        finally:
            looking.cancel()
            await asyncio.wait({looking})
        if complete:
            await looking
        return self._look.found(complete=complete)


async def bounded(resolving: Awaitable[Image | None]) -> Image | None:
    """What a tag points to, MAX_SECONDS from now at the latest; raises TimeoutError then."""
    async with asyncio.timeout(MAX_SECONDS):
        return await resolving


def _now() -> float:
    return asyncio.get_running_loop().time()
