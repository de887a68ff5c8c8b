"""Timing two things in turn, so that a machine whose speed drifts does not tell a story of its own."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Medians over rounds: what it costs, what its measure costs, and the median of the ratios round by round."""

    name: str
    unit: str
    value: float
    against: str
    base: float
    ratio: float
    goal: float | None = None

    def __str__(self) -> str:
        value, base = f"{self.value:,.4g} {self.unit}", f"{self.base:,.4g} {self.unit}"
        told = f"{self.name:<52} {value:>14}   {self.ratio:6.2f} x {self.against} ({base})"
        return told if self.goal is None else f"{told}, goal at most {self.goal:.2f}: {self._outcome}"

    @property
    def _outcome(self) -> str:
        return "met" if self.goal is None or self.ratio <= self.goal else "MISSED"


def ratio(name: str, unit: str, against: str, pairs: list[tuple[float, float]], *, goal: float | None = None) -> Ratio:
    """The ratio of paired figures; `goal` is the most that it should be."""
    return Ratio(
        name=name,
        unit=unit,
        value=statistics.median(value for value, _ in pairs),
        against=against,
        base=statistics.median(base for _, base in pairs),
        ratio=statistics.median(value / base for value, base in pairs),
        goal=goal,
    )


def side_by_side(
    name: str,
    work: Callable[[], object],
    against: str,
    base: Callable[[], object],
    *,
    times: int,
    rounds: int = 7,
    goal: float | None = None,
) -> Ratio:
    """Microseconds a call of `work` against `base`, in alternating rounds after one that does not count."""
    pairs = [(_microseconds(work, times), _microseconds(base, times)) for _ in range(rounds + 1)]
    return ratio(name, "us", against, pairs[1:], goal=goal)


def _microseconds(work: Callable[[], object], times: int) -> float:
    """Of the processor's time: what others do with the machine meanwhile is not the work's."""
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times * 1e6


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Milliseconds of CPU that one call takes: the least of the rounds, as others on the machine only ever add."""

    name: str
    milliseconds: float
    goal: float | None = None

    def __str__(self) -> str:
        told = f"{self.name:<76} {self.milliseconds:6.3f} ms of CPU"
        if self.goal is None:
            return told
        return f"{told}, goal at most {self.goal:.2f} ms: {'met' if self.milliseconds <= self.goal else 'MISSED'}"


def cpu_cost(
    name: str, work: Callable[[int], object], *, goal: float | None = None, times: int = 200, rounds: int = 9
) -> Cost:
    """The cost of `work`, which is told how often it was called before."""
    spent = [_cpu_milliseconds(work, range(number * times, (number + 1) * times)) for number in range(rounds)]
    return Cost(name=name, milliseconds=min(spent), goal=goal)


def _cpu_milliseconds(work: Callable[[int], object], numbers: range) -> float:
    started = time.process_time()
    for number in numbers:
        work(number)
    return (time.process_time() - started) / len(numbers) * 1000
