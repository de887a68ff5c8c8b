"""What every object node of our kinds is: strict, closed, and carrying the rules that hold between its fields."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, model_validator

Fields = Mapping[str, object]

_ACRONYMS = {"id": "ID", "ids": "IDs", "uri": "URI", "uris": "URIs"}
RFC3339 = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
_FRACTION = re.compile(r"(\.\d{6})\d+")


def camel(name: str) -> str:
    """The field's name in objects: camel case, acronyms in one case (Kubernetes API conventions)."""
    first, *rest = name.removesuffix("_").split("_")
    return first + "".join(_ACRONYMS.get(part, part.capitalize()) for part in rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule between the fields of one node, said twice: for the API server (`cel`) and for us (`holds`).

    `holds` is asked about the node as it was written, explicit nulls left out, whatever else is wrong with it: it
    never raises and is true of what another complaint already covers. `field` is where the problem is shown.
    """

    cel: str
    holds: Callable[[Fields], bool]
    message: str
    field: str | None = None


class Node(BaseModel):
    """An object node. Unknown fields are refused, an explicit null is an absent field, nothing is converted.

    What validates it is made when it is first used: whoever has no object of a kind does not wait for it.
    """

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        alias_generator=camel,
        defer_build=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    may_be_empty: ClassVar[bool] = False

    @model_validator(mode="before")
    @classmethod
    def _leave_out_nulls(cls, value: object) -> object:
        return present(value) if isinstance(value, dict) else value

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """The names of the fields as objects write them."""
        return tuple(field.alias or name for name, field in cls.model_fields.items())


def present(fields: Fields) -> dict[str, object]:
    """The fields that are there: an explicit null is an absent field, as the API server sees it."""
    return {name: value for name, value in fields.items() if value is not None}


def exactly_one(*names: str) -> Rule:
    """Exactly one of these fields is given."""
    listed = ", ".join(f"has(self.{name})" for name in names)
    return Rule(
        cel=f"[{listed}].exists_one(given, given)",
        holds=lambda fields: sum(name in fields for name in names) == 1,
        message=f"exactly one of {', '.join(names)} is required",
    )


def together(first: str, second: str) -> Rule:
    """Both fields are given, or neither."""
    return Rule(
        cel=f"has(self.{first}) == has(self.{second})",
        holds=lambda fields: (first in fields) == (second in fields),
        message=f"{first} comes with {second}, and only with it",
    )


def only_with(dependent: str, other: str) -> Rule:
    """The first field is given only where the other is."""
    return Rule(
        cel=f"!has(self.{dependent}) || has(self.{other})",
        holds=lambda fields: dependent not in fields or other in fields,
        message=f"{dependent} is for {other} only",
    )


def ordered(earlier: str, later: str) -> Rule:
    """Where both times are given and readable, the first is not after the second."""

    def holds(fields: Fields) -> bool:
        start, end = instant(fields.get(earlier)), instant(fields.get(later))
        return start is None or end is None or start <= end

    return Rule(
        cel=f"!has(self.{earlier}) || !has(self.{later}) || self.{earlier} <= self.{later}",
        holds=holds,
        message=f"{later} lies before {earlier}",
        field=later,
    )


def instant(text: object) -> datetime | None:
    """The time that RFC 3339 text names, aware; None when it is none. Digits beyond microseconds are cut off."""
    if not isinstance(text, str) or not re.fullmatch(RFC3339, text, re.ASCII):
        return None
    try:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
