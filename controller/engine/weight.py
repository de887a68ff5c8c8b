"""What evidence weighs: an estimate of the bytes that it keeps in memory."""

import dataclasses
import sys
from collections.abc import Iterable, Mapping


def weigh(value: object) -> int:
    """The bytes that this value and all that it holds take up, by what Python says of each object.

    What is held twice counts twice, so that the estimate errs above and never remembers what it met. Never recurses:
    nothing limits how deep foreign JSON is nested but its parser.
    """
    total, left = 0, [value]
    while left:
        one = left.pop()
        total += sys.getsizeof(one)
        left.extend(_parts(one))
    return total


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, str | bytes | int | float | None):
        return ()
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    if isinstance(value, tuple | list | set | frozenset):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name) for field in dataclasses.fields(value)]
    return ()
