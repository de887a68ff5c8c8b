"""Taking turns by weight: what is in memory at the same time, over all that the process gathers."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    weight: int
    bounds: tuple[str, ...]
    admitted: asyncio.Future[None]


_STRANGERS = ""  # no owner has this name


def _nobody(_owner: str) -> bool:
    return False


class Turns:
    """Admits weights up to `total` at a time, up to `share` of them for one owner, and up to half of them for all
    owners together that `vouched` does not know: however many names strangers have, the others go on.

    First come, first served; only who waits for what its own owner, or other strangers, hold is passed by. A weight
    above `share` counts as `share`: it has its turn alone. Belongs to one event loop, and bounds nothing but those who
    ask.
    """

    def __init__(self, *, total: int, share: int, vouched: Callable[[str], bool] = _nobody) -> None:
        self._total = total
        self._share = min(share, total)
        self._strangers_share = max(total // 2, self._share)
        self._vouched = vouched
        self._taken: Counter[str] = Counter()  # of each owner, and of strangers together
        self._sum = 0
        self._waiting: deque[_Waiting] = deque()

    @property
    def taken(self) -> int:
        """What is admitted now."""
        return self._sum

    @asynccontextmanager
    async def taking(self, weight: int, owner: str) -> AsyncIterator[None]:
        """Wait for a turn, and keep it until the context is left. The caller bounds the wait."""
        bounds = (owner,) if self._vouched(owner) else (owner, _STRANGERS)
        waiting = _Waiting(min(weight, self._share), bounds, asyncio.get_running_loop().create_future())
        await self._admit(waiting)
        try:
            yield
        finally:
            self._leave(waiting)

    async def _admit(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        self._admit_waiting()
        try:
            await waiting.admitted
        except asyncio.CancelledError:
            if waiting.admitted.cancelled():
                self._admit_waiting()
            else:
                self._leave(waiting)
            raise

    def _leave(self, waiting: _Waiting) -> None:
        self._sum -= waiting.weight
        for bound in waiting.bounds:
            self._taken[bound] -= waiting.weight
            if not self._taken[bound]:
                del self._taken[bound]
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        """Admit who is next; who has left while waiting is forgotten."""
        passed: deque[_Waiting] = deque()
        full: set[str] = set()
        while self._waiting and self._sum < self._total:
            first = self._waiting.popleft()
            if first.admitted.cancelled():
                continue
            met = {bound for bound in first.bounds if bound in full or self._exceeds(bound, first.weight)}
            if met:
                full |= met
                passed.append(first)
            elif first.weight > self._total - self._sum:
                self._waiting.appendleft(first)
                break
            else:
                self._sum += first.weight
                self._taken.update(dict.fromkeys(first.bounds, first.weight))
                first.admitted.set_result(None)
        self._waiting.extendleft(reversed(passed))

    def _exceeds(self, bound: str, weight: int) -> bool:
        return self._taken[bound] + weight > (self._strangers_share if bound == _STRANGERS else self._share)
