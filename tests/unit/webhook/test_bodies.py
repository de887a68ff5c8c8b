"""Bodies while they arrive: bounded together, and who dawdles makes room."""

from __future__ import annotations

import asyncio
import time

import pytest

from controller.webhook.asgi import Message, Refused, read_body
from controller.webhook.bodies import Bodies


class Sender:
    """Sends so many bytes at once, and the end when it is told to."""

    def __init__(self, size: int) -> None:
        self.end = asyncio.Event()
        self._first: bytes | None = b"x" * size

    async def receive(self) -> Message:
        first, self._first = self._first, None
        if first is None:
            await self.end.wait()
        return {"type": "http.request", "body": first or b"", "more_body": first is not None}

    def read(self, bodies: Bodies) -> asyncio.Task[bytes]:
        deadline = asyncio.get_running_loop().time() + 60
        return asyncio.create_task(read_body({"method": "POST"}, self.receive, deadline, bodies))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_beyond_the_bound_the_body_that_arrives_for_longest_is_given_up() -> None:
    bodies, senders = Bodies(100), [Sender(40) for _ in range(3)]
    reading = [sender.read(bodies) for sender in senders]
    await settle()
    assert reading[0].done()
    with pytest.raises(Refused, match="in time"):
        await reading[0]
    assert not any(task.done() for task in reading[1:])
    for sender in senders:
        sender.end.set()
    assert [len(await task) for task in reading[1:]] == [40, 40]


async def test_what_is_complete_or_was_given_up_takes_no_room() -> None:
    bodies = Bodies(100)
    for _ in range(20):
        sender = Sender(80)
        sender.end.set()
        assert len(await sender.read(bodies)) == 80
        dawdling, leaving = Sender(60).read(bodies), Sender(60).read(bodies)
        await settle()
        leaving.cancel()
        ended = await asyncio.gather(dawdling, leaving, return_exceptions=True)
        assert [type(one) for one in ended] == [Refused, asyncio.CancelledError]


async def test_whoever_takes_the_room_of_a_body_whose_deadline_just_passed_goes_on() -> None:
    bodies, loop = Bodies(100), asyncio.get_running_loop()
    until, broken = loop.time() + 0.05, list[object]()
    loop.set_exception_handler(lambda _, context: broken.append(context["exception"]))

    async def dawdle() -> None:
        async with bodies.arriving(until) as count:
            count(80)
            await asyncio.sleep(60)

    dawdling = asyncio.create_task(dawdle())
    await asyncio.sleep(0)
    async with bodies.arriving(until + 60) as count:
        loop.call_at(until + 0.001, count, 80)  # in the same turn of the loop as the end of the deadline
        time.sleep(0.1)  # noqa: ASYNC251 (both times pass before the loop looks again)
        with pytest.raises(TimeoutError):
            await dawdling
    assert broken == []
