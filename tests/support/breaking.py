"""A catalogue of changes to an order: each breaks one thing, or makes evidence odd and leaves it sound."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.bundles import Order
from tests.support.forms import FORMS, Form

Json = dict[str, Any]
Changing = Callable[[Order], None]
Where = Callable[[Form], bool]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change by name; `says` is what it does, `cases` what it stands for, `where` the forms that it can befall."""

    name: str
    says: str
    cases: tuple[str, ...]
    where: Where
    apply: Changing

    @property
    def forms(self) -> Mapping[str, Form]:
        """The forms that it can befall, by name."""
        return {name: form for name, form in FORMS.items() if self.where(form)}


class Catalogue:
    """Changes by name, in the order in which they are written down."""

    def __init__(self) -> None:
        self.changes: dict[str, Change] = {}

    def change(self, *cases: str, where: Where) -> Callable[[Changing], Changing]:
        """Enter a function under its own name; its docstring says what it does."""

        def enter(function: Changing) -> Changing:
            name = function.__name__
            if name in self.changes or not function.__doc__:
                raise ValueError(f"{name} stands in the catalogue already, or says nothing")
            self.changes[name] = Change(name=name, says=function.__doc__, cases=cases, where=where, apply=function)
            return function

        return enter


DEFECTS = Catalogue()
ODDITIES = Catalogue()
defect = DEFECTS.change
oddity = ODDITIES.change


def certified(form: Form) -> bool:
    return form.certified


def vouched(form: Form) -> bool:
    return form.vouched


def key_signed(form: Form) -> bool:
    return not form.certified


def logged(form: Form) -> bool:
    return form.entry is not None


def promised(form: Form) -> bool:
    return form.promised


def proven(form: Form) -> bool:
    return form.proven


def bundled(form: Form) -> bool:
    return form.bundled


def stamped(form: Form) -> bool:
    return form.stamped


def both(*conditions: Where) -> Where:
    """Where all of these hold."""
    return lambda form: all(condition(form) for condition in conditions)


def without(condition: Where) -> Where:
    return lambda form: not condition(form)


def timed_by_stamp_alone(form: Form) -> bool:
    """A certificate with no other time than its timestamp's."""
    return form.certified and form.stamped and not form.promised


def in_container(change: Callable[[Json], None]) -> Callable[[Json], None]:
    """Change the verification material of a bundle."""
    return lambda document: change(document["verificationMaterial"])
