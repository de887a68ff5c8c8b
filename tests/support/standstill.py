"""An event loop whose clock leaves out how long the machine stood still, so that deadlines are of work, not of luck.

Where client, server and test share a loop, nobody does anything while it stands still; by any other clock every
deadline has passed when it goes on, before what was under way could be answered.
"""

from __future__ import annotations

import math
import selectors
import time

from tests.support.farewell import PatientLoop

STEP_SECONDS = 1.0  # the most that counts from one look at the clock to the next, besides what the loop means to sleep


class UnhurriedLoop(PatientLoop):
    """Counts what it sleeps, and between two looks at its clock STEP_SECONDS at most.

    So it does not tell how long a callback kept it: who wants to know asks `time.monotonic`.
    """

    def __init__(self) -> None:
        self._counted = _Counted()
        super().__init__(_Counting(self._counted))

    def time(self) -> float:
        return self._counted.look()


class _Counted:
    """Seconds that count, from those of the monotonic clock on."""

    def __init__(self) -> None:
        self._now = self._looked = time.monotonic()

    def look(self, *, slept: float = 0.0) -> float:
        """What it is now; `slept` is how long was meant to pass since the last look."""
        looked = time.monotonic()
        self._now += min(looked - self._looked, slept + STEP_SECONDS)
        self._looked = looked
        return self._now


class _Counting(selectors.DefaultSelector):
    """Has the time that it waits counted."""

    def __init__(self, counted: _Counted) -> None:
        super().__init__()
        self._counted = counted

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._counted.look()
        ready = super().select(timeout)
        self._counted.look(slept=math.inf if timeout is None else max(timeout, 0.0))
        return ready
