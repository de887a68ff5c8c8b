"""Turns and rates: who waits for whom, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from controller.core.errors import LimitExceeded
from controller.registry.limits import Bucket, Rates, Turns
from controller.wire.registries import parse_registries


async def hold(turns: Turns, held: list[str], name: str, *keys: str) -> None:
    async with turns.of(keys):
        held.append(name)
        await asyncio.Event().wait()


async def held_by(turns: Turns, *wanted: tuple[str, ...]) -> list[str]:
    """Who of those that want these keys holds them after all have tried."""
    held: list[str] = []
    tasks = [asyncio.create_task(hold(turns, held, str(number), *keys)) for number, keys in enumerate(wanted)]
    for _ in range(20):
        await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return held


async def test_a_key_has_so_many_turns_and_no_more() -> None:
    assert await held_by(Turns(2), ("a",), ("a",), ("a",), ("b",)) == ["0", "1", "3"]


async def test_names_without_number_at_one_address_share_its_turns() -> None:
    addresses = [(f"192.0.2.{number + 10}", "192.0.2.1") for number in range(10)]
    assert len(await held_by(Turns(3), *addresses)) == 3


async def test_nobody_waits_in_a_circle() -> None:
    turns = Turns(1)

    async def take(*keys: str) -> None:
        for _ in range(20):
            async with turns.of(keys):
                await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await asyncio.gather(take("a", "b"), take("b", "a"), take("b", "c", "a"))


def test_a_bucket_lets_its_rate_through_and_no_more() -> None:
    bucket = Bucket(10.0)
    waits = [bucket.take(100.0) for _ in range(30)]
    assert waits[:10] == [0.0] * 10
    assert waits[29] == pytest.approx(2.0)
    assert bucket.take(200.0) == 0.0


def test_a_slow_bucket_lets_one_through_at_a_time() -> None:
    bucket = Bucket(0.5)
    assert [bucket.take(0.0) for _ in range(3)] == [0.0, 2.0, 4.0]


async def test_a_rate_that_leaves_no_request_in_time_is_said_at_once() -> None:
    rates = Rates(parse_registries([{"host": "slow.example", "rateLimit": 0.1}]))
    deadline = asyncio.get_running_loop().time() + 2
    await rates.wait("slow.example", deadline=deadline)
    for _ in range(3):
        with pytest.raises(LimitExceeded):
            await rates.wait("slow.example", deadline=deadline)
    await rates.wait("other.example", deadline=deadline)
