"""Trying again, for reads that change nothing: briefly, with jitter, and never past the deadline."""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from http import HTTPStatus

from controller.registry.answers import Answer, BrokenOff
from controller.wire.challenge import parse_retry_after

ATTEMPTS = 4
FIRST_PAUSE = 0.2  # seconds at most, twice that before the next attempt, and so on: 1.4 in all
SERIES_SECONDS = 1.5  # no attempt of a series begins later, unless the registry itself says when
MAX_PAUSE = 10.0  # seconds that a registry may ask for where no deadline is known

_TRY_LATER = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_PASSING = _TRY_LATER | {HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}


async def persist(
    attempt: Callable[[], Awaitable[Answer]], *, deadline: float | None, attempts: int = ATTEMPTS
) -> Answer:
    """The first answer that is not a passing trouble (429, 500, 502, 503, 504, a connection that broke off), or the
    last one after so many `attempts`.

    Pauses have full jitter, and are as long as Retry-After says where it stands. `deadline` is in seconds of the
    running loop's clock: a pause that would reach it is not begun, the answer at hand stands (REG-009). Raises what the
    last attempt raised.
    """
    loop = asyncio.get_running_loop()
    series_end, end = loop.time() + SERIES_SECONDS, math.inf if deadline is None else deadline
    outcome = await _attempted(attempt)
    for number in range(1, attempts):
        if isinstance(outcome, Answer) and outcome.status not in _PASSING:
            return outcome
        told, now = _told(outcome), loop.time()
        if told is None:
            pause, latest = random.uniform(0, FIRST_PAUSE * 2 ** (number - 1)), series_end
        else:
            pause, latest = told + random.uniform(0, FIRST_PAUSE), now + MAX_PAUSE if deadline is None else end
        if now + pause >= min(latest, end):
            break
        await asyncio.sleep(pause)
        outcome = await _attempted(attempt)
    if isinstance(outcome, BrokenOff):
        raise outcome
    return outcome


async def _attempted(attempt: Callable[[], Awaitable[Answer]]) -> Answer | BrokenOff:
    try:
        return await attempt()
    except BrokenOff as error:
        return error


def _told(outcome: Answer | BrokenOff) -> float | None:
    """The pause in seconds that the registry asks for."""
    if isinstance(outcome, BrokenOff) or outcome.status not in _TRY_LATER:
        return None
    return parse_retry_after(outcome.headers.get("Retry-After", ""), now=datetime.now(UTC))
