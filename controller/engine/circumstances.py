"""What a decision is made under, besides the policies and the workload."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller.core.policy import Mode, Uncovered
from controller.core.question import EXCEPTION_MAXIMUM
from controller.engine.gathering import Heard, nobody_hears

PATIENCE: Mapping[Mode, float] = {Mode.ENFORCE: float("inf"), Mode.WARN: 2.0, Mode.AUDIT: 0.5}
"""Seconds that an image may hold up a review, by the strictest mode that matches it."""
UNHURRIED: Mapping[Mode, float] = {mode: float("inf") for mode in Mode}
"""Where nobody's pod waits for the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision is made under: the review's own time, its deadline on the loop's clock, and settings.

    `patience` is how long, in seconds, an image may hold up the answer, by the strictest mode that matches it. `heard`
    is told where evidence came from.
    """

    now: datetime
    deadline: float
    uncovered: Uncovered
    exception_maximum: timedelta = EXCEPTION_MAXIMUM
    patience: Mapping[Mode, float] = field(default_factory=lambda: PATIENCE)
    heard: Heard = nobody_hears
