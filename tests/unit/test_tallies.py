"""What is counted by hand is exposed as the library would."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from controller.telemetry.tallies import Durations, Tally

BOUNDS = (0.001, 0.5, 1.0, 30.0)


def exposed(registry: CollectorRegistry) -> list[str]:
    """When a series began is nothing that anybody asks for."""
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


def test_a_tally_is_a_counter() -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    tally = Tally("reviews", "Reviews.", ("endpoint", "outcome"), ours)
    counter = Counter("reviews", "Reviews.", ("endpoint", "outcome"), registry=theirs)
    assert exposed(ours) == exposed(theirs)
    for labels in (("pin", "pinned"), ("validate", "admitted"), ("pin", "pinned"), ('odd"\\', "line\nend")):
        tally.add(labels)
        counter.labels(*labels).inc()
        assert exposed(ours) == exposed(theirs)


@pytest.mark.parametrize("seconds", [(), (0.0,), (0.001,), (0.0011, 0.5, 0.75), (30.0, 30.1), (1e9, 0.2, 1.0)])
def test_durations_are_a_histogram(seconds: tuple[float, ...]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    durations = Durations("seconds", "It took.", "endpoint", BOUNDS, ours)
    histogram = Histogram("seconds", "It took.", ("endpoint",), registry=theirs, buckets=BOUNDS)
    for one in seconds:
        durations.observe("validate", one)
        histogram.labels("validate").observe(one)
    assert exposed(ours) == exposed(theirs)
