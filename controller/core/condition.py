"""Conditions of a policy on one statement: what they are asked about, and what they can answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from controller.core.evidence import VerifiedStatement
from controller.core.image import Digest, ImageReference
from controller.core.work import Work
from controller.core.workload import Workload


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
