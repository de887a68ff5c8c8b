"""The requests of one turn of the event loop, answered together.

First all that came are read, then all are judged, then all answers are written: each step finds its own code in the
processor's caches. One after the other costs a quarter more (DECISIONS.md, 41).
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from controller.webhook.asgi import AtHand, Scope


class Whole(NamedTuple):
    """A request that came whole. Exactly one of `answer` and `leave`, to the application, is called; or neither, once
    nobody is `waiting` any more."""

    scope: Scope
    body: bytearray
    waiting: Callable[[], bool]
    answer: Callable[[bytes], None]
    leave: Callable[[], None]


class Turn:
    """What came since the loop's last turn. Belongs to one event loop."""

    def __init__(self, at_hand: AtHand) -> None:
        self._at_hand = at_hand
        self._came: list[Whole] = []

    def add(self, request: Whole) -> None:
        """Have it answered once all that is there is read."""
        if not self._came:
            asyncio.get_running_loop().call_soon(self._answer)
        self._came.append(request)

    def _answer(self) -> None:
        came = [one for one in self._came if one.waiting()]
        self._came = []
        answers = [self._at_hand(one.scope, bytes(one.body)) for one in came]
        for one, answer in zip(came, answers, strict=True):
            if answer is None:
                one.leave()
            else:
                one.answer(answer)
