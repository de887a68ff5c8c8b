"""Conditions of a policy on one statement: what they are asked about, and what they can answer."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeVar, cast

from controller.core.evidence import VerifiedStatement
from controller.core.image import Digest, ImageReference
from controller.core.work import Work
from controller.core.workload import Workload

_T = TypeVar("_T")
_NOTHING = object()  # None is something that may be remembered


class Held(Enum):
    """How a condition came out. ERROR is neither: an expression that can't be evaluated never counts as true."""

    TRUE = "true"
    FALSE = "false"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an expression may look at: one verified statement, the image, the workload and the time of judgement.

    `work` is what looking may cost still, over all expressions of this judgement.
    """

    statement: VerifiedStatement
    reference: ImageReference
    digest: Digest
    workload: Workload
    now: datetime
    work: Work = field(default_factory=Work, compare=False, repr=False)
    _known: dict[Hashable, object] = field(init=False, default_factory=dict, compare=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What `make` gives, made once for all expressions that are asked about this. It pays for itself."""
        known = self._known.get(key, _NOTHING)
        if known is _NOTHING:
            known = self._known[key] = make()
        return cast("_T", known)


class View:
    """One image in one review, as conditions see it beside each statement: within so many units of work in all."""

    __slots__ = ("_digest", "_known", "_now", "_reference", "_work", "_workload")

    def __init__(
        self, *, reference: ImageReference, digest: Digest, workload: Workload, now: datetime, units: int
    ) -> None:
        """`now` is aware."""
        self._reference, self._digest, self._workload, self._now = reference, digest, workload, now
        self._work = Work(units)
        self._known: dict[int, Facts] = {}

    def beside(self, statement: VerifiedStatement) -> Facts:
        """One object for all conditions that are asked about a statement, so that they share what it takes to look."""
        known = self._known.get(id(statement))
        if known is None:
            known = self._known[id(statement)] = Facts(
                statement=statement,
                reference=self._reference,
                digest=self._digest,
                workload=self._workload,
                now=self._now,
                work=self._work,
            )
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A compiled expression. `test` never raises, and gives with ERROR a reason that is fit to print.

    `lasting` says that time and workload have no say: the same statement, image and work give the same answer.
    """

    name: str
    expression: str
    message: str | None
    lasting: bool = False
    test: Callable[[Facts], tuple[Held, str]] = field(compare=False, repr=False)
