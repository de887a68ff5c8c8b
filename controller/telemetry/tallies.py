"""What every review counts, counted at the price of a dictionary: the library's own series lock, and keep more.

Belongs to one thread: whoever counts and whoever shows it.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry


class Tally(Collector):
    """A counter with labels."""

    def __init__(self, name: str, what: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name, self._what, self._labels = name, what, tuple(labels)
        self._numbers: dict[tuple[str, ...], int] = {}
        registry.register(self)

    def add(self, labels: tuple[str, ...]) -> None:
        """One more of these, in the order of the labels."""
        self._numbers[labels] = self._numbers.get(labels, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """The family, for the registry."""
        family = CounterMetricFamily(self._name, self._what, labels=self._labels)
        for labels, number in self._numbers.items():
            family.add_metric(labels, number)
        yield family


class Durations(Collector):
    """A histogram of seconds with one label."""

    def __init__(self, name: str, what: str, label: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        """`bounds` are the upper ends of the buckets, in rising order; what is above the last counts, too."""
        self._name, self._what, self._label = name, what, label
        self._bounds = tuple(bounds)
        self._numbers: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, label: str, seconds: float) -> None:
        """Something took this long."""
        if label not in self._sums:
            self._numbers[label], self._sums[label] = [0] * (len(self._bounds) + 1), 0.0
        self._numbers[label][bisect_left(self._bounds, seconds)] += 1
        self._sums[label] += seconds

    def collect(self) -> Iterator[Metric]:
        """The family, for the registry."""
        family = HistogramMetricFamily(self._name, self._what, labels=[self._label])
        names = [*map(str, self._bounds), "+Inf"]
        for label, numbers in self._numbers.items():
            buckets = list(zip(names, map(float, accumulate(numbers)), strict=True))
            family.add_metric([label], buckets, self._sums[label])
        yield family
