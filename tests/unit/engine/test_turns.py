"""Turns by weight: bounded over all, bounded for one, and nobody is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from controller.engine.turns import Turns


class Queue:
    """Takes turns and remembers who had them, and how much was taken at most."""

    def __init__(self, *, total: int, share: int, vouched: Callable[[str], bool] = lambda _owner: True) -> None:
        self.turns = Turns(total=total, share=share, vouched=vouched)
        self.admitted: list[str] = []
        self.most = 0
        self.go = asyncio.Event()

    async def take(self, name: str, weight: int, owner: str = "a") -> None:
        async with self.turns.taking(weight, owner):
            self.admitted.append(name)
            self.most = max(self.most, self.turns.taken)
            await self.go.wait()

    async def settle(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)


async def test_weights_are_bounded_and_served_in_order() -> None:
    queue = Queue(total=10, share=10)
    tasks = [asyncio.create_task(queue.take(name, weight)) for name, weight in (("x", 6), ("y", 6), ("z", 1))]
    await queue.settle()
    assert queue.admitted == ["x"]
    queue.go.set()
    await asyncio.gather(*tasks)
    assert queue.admitted == ["x", "y", "z"]
    assert (queue.most, queue.turns.taken) == (7, 0)


async def test_one_owner_has_its_share_and_holds_up_nobody_else() -> None:
    queue = Queue(total=10, share=4)
    tasks = [asyncio.create_task(queue.take(f"greedy {n}", 4, "greedy")) for n in range(3)]
    tasks.append(asyncio.create_task(queue.take("other", 4, "other")))
    await queue.settle()
    assert queue.admitted == ["greedy 0", "other"]
    queue.go.set()
    await asyncio.gather(*tasks)
    assert queue.turns.taken == 0


async def test_what_is_heavier_than_a_share_has_its_turn_alone() -> None:
    queue = Queue(total=10, share=4)
    queue.go.set()
    await queue.take("heavy", 1000)
    assert queue.admitted == ["heavy"]


@pytest.mark.parametrize("admitted", [True, False])
async def test_who_leaves_gives_back_the_turn(*, admitted: bool) -> None:
    queue = Queue(total=4, share=4)
    first, second, third = (asyncio.create_task(queue.take(name, 4)) for name in "xyz")
    await queue.settle()
    if admitted:
        first.cancel()
    else:
        second.cancel()
        queue.go.set()
    await asyncio.gather(first, second, third, return_exceptions=True) if not admitted else await queue.settle()
    assert queue.admitted == (["x", "y"] if admitted else ["x", "z"])
    queue.go.set()
    await asyncio.gather(first, second, third, return_exceptions=True)
    assert queue.turns.taken == 0


async def test_a_turn_given_to_somebody_who_is_leaving_goes_on_to_the_next() -> None:
    turns = Turns(total=1, share=1)
    order: list[str] = []

    async def take(name: str) -> None:
        async with turns.taking(1, "a"):
            order.append(name)

    async with turns.taking(1, "a"):
        leaving, next_one = asyncio.create_task(take("leaving")), asyncio.create_task(take("next"))
        await asyncio.sleep(0)
    leaving.cancel()  # its turn came just now, and it has not run yet
    await asyncio.gather(leaving, next_one, return_exceptions=True)
    assert (order, turns.taken) == (["next"], 0)


async def test_turns_end_well_when_all_that_wait_leave_at_once() -> None:
    queue = Queue(total=2, share=1)
    tasks = [asyncio.create_task(queue.take(f"{owner}{n}", 1, owner)) for owner in "abc" for n in range(5)]
    await queue.settle()
    assert queue.admitted == ["a0", "b0"]
    for task in tasks[:-1]:
        task.cancel()
    queue.go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in ended] == [asyncio.CancelledError] * 14 + [type(None)]
    assert (queue.admitted, queue.turns.taken) == (["a0", "b0", "c4"], 0)


async def test_strangers_have_half_together_however_many_they_are() -> None:
    queue = Queue(total=16, share=2, vouched=lambda owner: owner == "known")
    tasks = [asyncio.create_task(queue.take(f"stranger {n}", 2, f"stranger {n}")) for n in range(20)]
    tasks.append(asyncio.create_task(queue.take("known", 2, "known")))
    await queue.settle()
    assert queue.admitted == ["stranger 0", "stranger 1", "stranger 2", "stranger 3", "known"]
    queue.go.set()
    await asyncio.gather(*tasks)
    assert (len(queue.admitted), queue.turns.taken) == (21, 0)
