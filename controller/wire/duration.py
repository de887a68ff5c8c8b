"""Durations as objects and settings write them: a whole number and one unit, such as 2160h."""

import re
from datetime import timedelta

from controller.core.errors import MalformedDocument
from controller.core.text import printable

DURATION = r"^[1-9][0-9]{0,5}[hms]$"  # also what the schema of the custom resources says

_PATTERN = re.compile(DURATION)
_UNITS = {"h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}


def parse_duration(text: str) -> timedelta:
    """How long it is, never zero; raises MalformedDocument."""
    if _PATTERN.fullmatch(text) is None:
        raise MalformedDocument(f"{printable(text)!r} is no duration: write hours, minutes or seconds, as 2160h")
    return int(text[:-1]) * _UNITS[text[-1]]
