"""Which tests that failed beside others may be run once more by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PURE_TIERS = frozenset({"architecture", "properties", "unit"})
MOST = 5


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A test that failed: its name, its tier, and whether it is marked `once`."""

    name: str
    tier: str
    once: bool


def refusal(failed: Sequence[Failed]) -> str | None:
    """Why there is no second run; None where there may be one."""
    for one in failed:
        if one.tier in PURE_TIERS or one.once:
            return f"{one.name} failed, and is not run again"
    return f"{len(failed)} tests failed: too many to be run again" if len(failed) > MOST else None
