"""Whether this machine stood still: then nobody answers in time, and that tells nothing of who was asked."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

BEAT_SECONDS = 0.1
STILL_SECONDS = 1.0  # without a beat; the shortest time that anything here must answer in is three


class Pulse:
    """A thread that is to look at the clock again and again, and how often it could not."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._until: list[float] = []
        self._ended = threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Meanwhile it is known."""
        self._last = time.monotonic()
        thread = threading.Thread(target=self._beat)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    def stood_still(self, since: float) -> bool:
        """Whether nothing went on for STILL_SECONDS, and part of that after this time (monotonic); now, too."""
        return time.monotonic() - self._last > STILL_SECONDS or any(end > since for end in self._until)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            now = time.monotonic()
            if now - self._last > STILL_SECONDS:
                self._until.append(now)
            self._last = now
