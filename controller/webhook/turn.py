"""The requests of one turn of the event loop, answered together.

First all that came are read, then some are judged, then what was told meanwhile is written, then their answers are, and
so on: each step finds its own code in the processor's caches. One after the other costs a quarter more (DECISIONS.md,
41).
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from controller.webhook.asgi import AtHand, Scope

SECONDS = 0.01  # of judging, after which answers leave and others have their turn


class Whole(NamedTuple):
    """A request that came whole, and when (the loop's clock). One of `answer` and `leave`, to the application, is
    called, each for itself: what breaks there breaks for nobody else. Neither is once nobody is `waiting` any more."""

    scope: Scope
    body: bytearray
    came: float
    waiting: Callable[[], bool]
    answer: Callable[[bytes], None]
    leave: Callable[[], None]


class Turn:
    """What came and was not judged yet. Belongs to one event loop."""

    def __init__(self, at_hand: AtHand) -> None:
        self._at_hand = at_hand
        self._loop = asyncio.get_running_loop()
        self._came: deque[Whole] = deque()

    def add(self, request: Whole) -> None:
        """Have it answered once all that is there is read."""
        if not self._came:
            self._loop.call_soon(self._answer)
        self._came.append(request)

    def _answer(self) -> None:
        until = self._loop.time() + SECONDS
        while self._came and self._loop.time() <= until:
            self._ask(self._came.popleft())
        if self._came:
            self._loop.call_soon(self._answer)

    def _ask(self, request: Whole) -> None:
        if not request.waiting():
            return
        answer = self._at_hand(request.scope, bytes(request.body), request.came)
        if answer is None:
            self._loop.call_soon(request.leave)
        else:
            self._loop.call_soon(request.answer, answer)
