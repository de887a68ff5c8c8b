"""What came together is judged a while at a time: answers leave in between, in the order of their requests, and after
what was told of them."""

import asyncio
from functools import partial

from controller.webhook import turn
from controller.webhook.asgi import Scope
from controller.webhook.turn import Turn, Whole


class Desk:
    """Answers its requests, and notes what happens to them."""

    def __init__(self, *, seconds: float = 0) -> None:
        self.noted: list[str] = []
        self.came: list[float] = []
        self.gone: set[bytes] = set()
        self._seconds = seconds
        self._turn = Turn(self._at_hand)

    def add(self, *bodies: bytes) -> None:
        for body in bodies:
            self._turn.add(
                Whole(
                    scope={"path": "/validate"},
                    body=bytearray(body),
                    came=7.0,
                    waiting=partial(self._waiting, body),
                    answer=partial(self._answered, body),
                    leave=partial(self.noted.append, f"{body.decode()} left"),
                )
            )

    def _waiting(self, body: bytes) -> bool:
        return body not in self.gone

    def _answered(self, body: bytes, answer: bytes) -> None:
        self.noted.append(f"{body.decode()} answered {answer.decode()}")

    def _at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        self.noted.append(f"{body.decode()} judged")
        if not self.came:
            asyncio.get_running_loop().call_soon(self.noted.append, "told")
        self.came.append(came)
        until = asyncio.get_running_loop().time() + self._seconds
        while asyncio.get_running_loop().time() < until:
            pass
        return None if body.startswith(b"unknown") else b"yes"


async def test_all_of_a_turn_are_judged_and_then_answered_or_left() -> None:
    desk = Desk()
    desk.gone.add(b"gone")
    desk.add(b"a", b"unknown", b"gone", b"b")
    assert desk.noted == []
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    judged = ["a judged", "unknown judged", "b judged"]
    assert desk.noted == [*judged, "told", "a answered yes", "unknown left", "b answered yes"]
    assert desk.came == [7.0] * 3


async def test_what_takes_long_lets_answers_leave_in_between() -> None:
    desk = Desk(seconds=turn.SECONDS * 0.6)
    desk.add(b"a", b"b", b"c", b"d")
    for _ in range(5):
        await asyncio.sleep(0)
    assert desk.noted == [
        *("a judged", "b judged", "told", "a answered yes", "b answered yes"),
        *("c judged", "d judged", "c answered yes", "d answered yes"),
    ]


async def test_others_have_their_turn_meanwhile() -> None:
    desk = Desk(seconds=2 * turn.SECONDS)
    desk.add(b"a", b"b")
    asyncio.get_running_loop().call_soon(desk.noted.append, "another")
    for _ in range(4):
        await asyncio.sleep(0)
    assert desk.noted.index("another") < desk.noted.index("b judged")
    desk.add(b"c")
    for _ in range(3):
        await asyncio.sleep(0)
    assert desk.noted[-1] == "c answered yes"
