"""How much conditions may cost while one image is judged."""

from collections.abc import Mapping

MAX_WORK = 1024 * 1024  # values that steps look at while one image is judged; at 250 ns at most each (measured)
MAX_WORK_OF_REVIEW = 8 * MAX_WORK  # for all images of one workload, in equal parts
OF_ASKING_AGAIN = 8  # so small a part may go into finding out that conditions say of another review the same

BYTES_OF_VALUE = 32  # that cost no more than one value does


class Work:
    """What is left of a number of units, counted and never timed: the same facts in the same order end alike (POL-016).

    Belongs to one judgement of one image.
    """

    __slots__ = ("_left",)

    def __init__(self, units: int = MAX_WORK) -> None:
        self._left = units

    def spend(self, units: int) -> bool:
        """Take so many units; where fewer are left, take none and say False."""
        if units > self._left:
            return False
        self._left -= units
        return True


def size_of_labels(labels: Mapping[str, str]) -> int:
    """How many values labels are, as work counts them: long texts count by their length."""
    return len(labels) + sum(len(name) + len(value) for name, value in labels.items()) // BYTES_OF_VALUE


def share_of_work(images: int) -> int:
    """The units for each of so many images of one workload: no other image's evidence changes them."""
    return min(MAX_WORK, MAX_WORK_OF_REVIEW // max(images, 1))
