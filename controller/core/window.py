"""Windows of time in which keys and authorities are believed."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A window closed at both ends (client-spec 4: a time equal to either is inside); `end` None leaves it open.

    Times are aware; construction raises ValueError for others. A window whose end lies before its start contains
    nothing.
    """

    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        if any(time is not None and time.tzinfo is None for time in (self.start, self.end)):
            raise ValueError("the times of a window have a time zone")

    def contains(self, time: datetime) -> bool:
        """Whether this time, an aware one, is inside."""
        return self.start <= time and (self.end is None or time <= self.end)
