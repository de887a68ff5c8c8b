"""How long a judgement stays what it is: as far as time decides, and as conditions say of other reviews the same."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from controller.core.condition import Condition, Held
from controller.core.evidence import VerifiedStatement

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_RESOLUTION = datetime.resolution  # between two neighbouring times there is none


class Said(NamedTuple):
    """How a condition came out of which time or workload have a say."""

    condition: Condition
    statement: VerifiedStatement
    held: Held


class Season:
    """One moment, and the stretch of time around it in which everything that was asked of it has the same answer.

    Both ends are inside. `said` is what conditions said that looked at this moment or at the workload, in the order in
    which they were asked: what is judged here is the same for another review of which each of them says the same.
    `lasting` is False once something was asked that may come out otherwise for the same facts.
    """

    __slots__ = ("first", "last", "lasting", "now", "said")

    def __init__(self, now: datetime) -> None:
        """`now` is aware."""
        self.now = now
        self.first = _EARLIEST
        self.last = _LATEST
        self.said: list[Said] = []
        self.lasting = True

    def is_past(self, made: datetime, maximum: timedelta) -> bool:
        """Whether what was made then is older than `maximum` now. Exactly that old is not older."""
        try:
            edge = made + maximum
        except OverflowError:  # no time is that late
            return False
        if self.now > edge:
            self.first = max(self.first, edge + _RESOLUTION)
            return True
        self.last = min(self.last, edge)
        return False

    def is_ahead(self, time: datetime, lead: timedelta) -> bool:
        """Whether this time is further ahead than `lead`. Exactly that far is not further."""
        try:
            edge = time - lead
        except OverflowError:  # every time is later
            return False
        if self.now < edge:
            self.last = min(self.last, edge - _RESOLUTION)
            return True
        self.first = max(self.first, edge)
        return False

    def hear(self, condition: Condition, statement: VerifiedStatement, held: Held) -> None:
        """This came of a condition. One that can't be evaluated may be next time, when there is more memory."""
        if held is Held.ERROR:
            self.lasting = False
        elif not condition.lasting:
            self.said.append(Said(condition, statement, held))
