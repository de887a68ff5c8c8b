"""When a read is tried again, how long that takes, and when it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from controller.registry import retries
from controller.registry.answers import Answer, BrokenOff
from controller.registry.retries import ATTEMPTS, SERIES_SECONDS, persist

SLACK_SECONDS = 3.0


def answer(status: int, retry_after: str | None = None) -> Answer:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Answer(status=status, headers=CIMultiDictProxy(CIMultiDict(headers)))


class Server:
    """Gives these outcomes one after the other, the last one for ever."""

    def __init__(self, *outcomes: Answer | BrokenOff) -> None:
        self.outcomes, self.asked = list(outcomes), 0

    async def __call__(self) -> Answer:
        self.asked += 1
        outcome = self.outcomes[min(self.asked, len(self.outcomes)) - 1]
        if isinstance(outcome, BrokenOff):
            raise outcome
        return outcome


async def timed(run: Callable[[], Awaitable[Answer]]) -> tuple[Answer, float]:
    started = asyncio.get_running_loop().time()
    found = await run()
    return found, asyncio.get_running_loop().time() - started


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.case("REG-006")
@pytest.mark.parametrize("trouble", [answer(code) for code in (429, 500, 502, 503, 504)] + [BrokenOff("reset")])
async def test_a_trouble_that_passes_is_passed_over(trouble: Answer | BrokenOff) -> None:
    server = Server(trouble, answer(200))
    assert (await persist(server, deadline=None)).status == 200
    assert server.asked == 2


@pytest.mark.parametrize("code", [200, 206, 301, 400, 401, 403, 404, 405, 416, 501, 505])
async def test_any_other_answer_stands(code: int) -> None:
    server = Server(answer(code))
    assert (await persist(server, deadline=None)).status == code
    assert server.asked == 1


async def test_a_series_is_short_and_ends_with_the_last_answer() -> None:
    server = Server(answer(503))
    found, took = await timed(lambda: persist(server, deadline=None))
    assert (found.status, server.asked) == (503, ATTEMPTS)
    assert took < SERIES_SECONDS + SLACK_SECONDS


async def test_a_connection_that_always_breaks_is_the_last_error() -> None:
    server = Server(BrokenOff("first"), BrokenOff("last"))
    with pytest.raises(BrokenOff, match="last"):
        await persist(server, deadline=None)
    assert server.asked == ATTEMPTS


async def test_no_attempt_begins_after_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "SERIES_SECONDS", 0.0)
    server = Server(answer(503))
    assert (await persist(server, deadline=None)).status == 503
    assert server.asked == 1


@pytest.mark.case("REG-009")
@pytest.mark.parametrize("dated", [False, True], ids=["seconds", "date"])
@pytest.mark.slow
async def test_a_pause_that_the_registry_asks_for_is_kept_within_the_deadline(*, dated: bool) -> None:
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True) if dated else "1"
    server = Server(answer(429, told), answer(200))
    found, took = await timed(lambda: persist(server, deadline=soon(10)))
    assert found.status == 200
    assert 0.9 < took < 2 + retries.FIRST_PAUSE + SLACK_SECONDS


@pytest.mark.case("REG-009")
@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("told", ["5", "3600", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_a_pause_beyond_the_deadline_is_not_begun(code: int, told: str) -> None:
    server = Server(answer(code, told))
    found, took = await timed(lambda: persist(server, deadline=soon(4)))
    assert (found.status, server.asked) == (code, 1)
    assert took < SLACK_SECONDS


async def test_without_a_deadline_a_pause_is_bounded_all_the_same() -> None:
    server = Server(answer(429, "3600"))
    _, took = await timed(lambda: persist(server, deadline=None))
    assert took < SLACK_SECONDS


async def test_no_pause_of_our_own_reaches_the_deadline() -> None:
    server = Server(answer(503))
    _, took = await timed(lambda: persist(server, deadline=soon(0.0)))
    assert (server.asked, took < SLACK_SECONDS) == (1, True)


async def test_a_registry_that_says_now_is_not_asked_for_ever() -> None:
    server = Server(answer(429, "0"))
    await persist(server, deadline=soon(30))
    assert server.asked == ATTEMPTS


async def test_where_there_is_another_to_ask_one_attempt_will_do() -> None:
    server = Server(answer(503))
    await persist(server, deadline=None, attempts=1)
    assert server.asked == 1
