"""What keeps a machine that stands still from letting every deadline of a test pass."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.support import standstill
from tests.support.standstill import UnhurriedLoop


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standstill, "STEP_SECONDS", 0.1)


async def test_no_deadline_passes_while_nothing_goes_on() -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, UnhurriedLoop)
    started = loop.time()
    async with asyncio.timeout_at(started + 1):
        time.sleep(2)  # noqa: ASYNC251 (as if the machine stood still)
        await asyncio.sleep(0)
    assert loop.time() - started < 1


async def test_what_is_waited_counts_and_deadlines_pass_in_it() -> None:
    loop = asyncio.get_running_loop()
    looked, started = time.monotonic(), loop.time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.Event().wait()
    assert 0.5 <= loop.time() - started <= time.monotonic() - looked
