"""How long a judgement stays what it is, as far as time decides."""

from datetime import UTC, datetime, timedelta

_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_RESOLUTION = datetime.resolution  # between two neighbouring times there is none


class Season:
    """One moment, and the stretch of time around it in which everything that was asked of it has the same answer.

    Both ends are inside. `lasting` is False once something was asked that is for this moment, or this workload, alone.
    """

    __slots__ = ("first", "last", "lasting", "now")

    def __init__(self, now: datetime) -> None:
        """`now` is aware."""
        self.now = now
        self.first = _EARLIEST
        self.last = _LATEST
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

    def end(self) -> None:
        """What is judged here is judged for this moment and this workload alone."""
        self.lasting = False
