"""Event loops that end once their connections did: over TLS they say good-bye in the background."""

from __future__ import annotations

import asyncio
import selectors

FAREWELL_SECONDS = 30.0
LOOK_SECONDS = 0.005


class PatientLoop(asyncio.SelectorEventLoop):
    """Before it closes it waits until no connection is open, FAREWELL_SECONDS at most.

    A connection that was given back unread is closed by nobody who could be waited for, and a loop that closes
    meanwhile leaves its socket to the garbage collector, which warns.
    """

    def __init__(self, watched: selectors.BaseSelector | None = None) -> None:
        self._watched = watched or selectors.DefaultSelector()
        super().__init__(self._watched)

    def close(self) -> None:
        if not self.is_closed() and not self.is_running():
            self.run_until_complete(self._farewell())
        super().close()

    async def _farewell(self) -> None:
        """What is left in the selector at last is the loop's own."""
        deadline = self.time() + FAREWELL_SECONDS
        while len(self._watched.get_map()) > 1 and self.time() < deadline:  # noqa: ASYNC110 (it is what is waited for)
            await asyncio.sleep(LOOK_SECONDS)
        await asyncio.sleep(0)  # what left the selector is closed in the next turn
