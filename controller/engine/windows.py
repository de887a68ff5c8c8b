"""Between which edges of windows a time lies: all that the wall clock decides about evidence.

What carries no verified time is judged at the time of the review (KEY-010 to 014). Evidence that was judged in other
windows says nothing about now.
"""

from bisect import bisect_left, bisect_right
from datetime import datetime

from controller.trust.root import TrustRoots

Position = tuple[int, int]


def position(roots: TrustRoots, now: datetime) -> Position:
    """How many windows of keys and logs have begun by `now`, and how many are over; both ends are inside (closed).

    For the same roots and the same answer the same windows are open, so verification gives the same answer, too.
    """
    return bisect_right(roots.starts, now), bisect_left(roots.ends, now)
