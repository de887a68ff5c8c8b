"""Taking turns by weight: what is in memory at the same time, over all that the process gathers."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    weight: int
    owner: str
    admitted: asyncio.Future[None]


class Turns:
    """Admits weights up to `total` at a time, and up to `share` of them for one owner.

    First come, first served; only who waits for the share of its own owner is passed by, and by other owners. A weight
    above `share` counts as `share`: it has its turn alone. Belongs to one event loop, and bounds nothing but those who
    ask.
    """

    def __init__(self, *, total: int, share: int) -> None:
        self._total = total
        self._share = min(share, total)
        self._taken: Counter[str] = Counter()
        self._waiting: deque[_Waiting] = deque()

    @property
    def taken(self) -> int:
        """What is admitted now."""
        return self._taken.total()

    @asynccontextmanager
    async def taking(self, weight: int, owner: str) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the context is left. The caller bounds the wait."""
        taken = min(weight, self._share)
        await self._admit(taken, owner)
        try:
            yield
        finally:
            self._leave(taken, owner)

    async def _admit(self, weight: int, owner: str) -> None:
        if not self._waiting and self._fits(weight, owner):
            self._taken[owner] += weight
            return
        waiting = _Waiting(weight, owner, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._admit_waiting()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.cancelled():
                self._admit_waiting()
            else:
                self._leave(weight, owner)
            raise

    def _leave(self, weight: int, owner: str) -> None:
        self._taken[owner] -= weight
        if not self._taken[owner]:
            del self._taken[owner]
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        free = self._total - self.taken
        """Admit who is next; who has left while waiting is forgotten."""
        passed: deque[_Waiting] = deque()
        full: set[str] = set()
        while self._waiting and free > 0:
            first = self._waiting.popleft()
            if first.admitted.cancelled():
                continue
            if first.owner in full or self._taken[first.owner] + first.weight > self._share:
                full.add(first.owner)
                passed.append(first)
            elif first.weight > free:
                self._waiting.appendleft(first)
                break
            else:
                self._taken[first.owner] += first.weight
                free -= first.weight
                first.admitted.set_result(None)
        self._waiting.extendleft(reversed(passed))

    def _fits(self, weight: int, owner: str) -> bool:
        return self._taken[owner] + weight <= self._share and self.taken + weight <= self._total
