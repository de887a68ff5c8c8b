"""The metrics of one process, after the conventions of Prometheus: base units, counters that end in `_total`.

Every label has values from a closed list, or from objects that only the cluster's administrators write: no tenant can
make a series (docs/metrics.md lists them all).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.core.verdict import Finding
from controller.telemetry.tallies import Durations, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds. A warm review takes a millisecond or two, a cold one some round trips; the API server waits 30 at most.
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_OPERATIONS = frozenset({"CREATE", "UPDATE", "DELETE"})


class CacheCounters(Protocol):
    """What a cache of evidence counts by itself: all but `bytes` only ever grow."""

    @property
    def hits(self) -> int:
        """Answers from what was gathered before."""

    @property
    def misses(self) -> int:
        """Answers that had to be gathered."""

    @property
    def shared(self) -> int:
        """Answers from what was being gathered for somebody else."""

    @property
    def evicted(self) -> int:
        """Entries that left for want of room."""

    @property
    def bytes(self) -> int:
        """What the entries take now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """All metrics, in a registry of their own. Whatever is counted is counted by a method."""

    registry: CollectorRegistry
    _reviews: Tally
    _durations: Durations
    _findings: Tally
    _bugs: Counter
    _policy_age: Gauge
    _broken: Gauge
    _registry_calls: Counter
    _refused_connections: Counter
    _certificate: Gauge
    _reloads: Counter

    @classmethod
    def create(cls, *, version: str = "") -> "Metrics":
        """All metrics at zero, and those of the process itself."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("navicert_build", "The version that runs.", registry=registry).info({"version": version})

        def tally(name: str, what: str, *labels: str) -> Tally:
            return Tally(f"navicert_{name}", what, labels, registry)

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"navicert_{name}", what, labels, registry=registry)

        def gauge(name: str, what: str, *labels: str) -> Gauge:
            return Gauge(f"navicert_{name}", what, labels, registry=registry)

        return cls(
            registry=registry,
            _reviews=tally("reviews", "Reviews answered.", "endpoint", "operation", "outcome"),
            _durations=Durations(
                "navicert_review_duration_seconds", "From a request to its answer.", "endpoint", _BUCKETS, registry
            ),
            _findings=tally("findings", "Findings of /validate.", "reason", "mode", "outcome"),
            _bugs=counter("internal_errors", "Reviews that met a bug."),
            _policy_age=gauge(
                "policy_age_seconds",
                "Seconds since the API server last told anything of a kind; +Inf before the first list.",
                "kind",
            ),
            _broken=gauge("broken_objects", "Objects that are broken or have no effect.", "kind"),
            _registry_calls=counter("registry_calls", "What registries were asked.", "host", "code"),
            _refused_connections=counter("refused_connections", "Connections closed unanswered.", "cause"),
            _certificate=gauge(
                "serving_certificate_expiry_timestamp_seconds", "When the certificate that is served ends, Unix time."
            ),
            _reloads=counter("serving_certificate_loads", "Attempts to take new certificate files live.", "result"),
        )

    def count_review(self, endpoint: str, operation: str, outcome: str, seconds: float) -> None:
        """Count an answer that took this long. Only `operation` may be anything: what is no usual one is `other`."""
        self._reviews.add((endpoint, operation if operation in _OPERATIONS else "other", outcome))
        self._durations.observe(endpoint, seconds)

    def count_bug(self, endpoint: str, operation: str, seconds: float) -> None:
        """Count an answer of last resort."""
        self.count_review(endpoint, operation, "bug", seconds)
        self._bugs.inc()

    def count_malformed(self, endpoint: str) -> None:
        """Count a request that is no review and was refused as such."""
        self._reviews.add((endpoint, "other", "malformed"))

    def count_findings(self, findings: Sequence[Finding]) -> None:
        """Count what was found about the images of one workload."""
        for one in findings:
            self._findings.add((one.reason._name_, one.mode._value_, one.outcome._value_))

    def count_broken(self, objects: Mapping[str, int]) -> None:
        """Show how many objects of each kind are broken, by kind; a kind that is not named has none."""
        self._broken.clear()
        for kind, number in objects.items():
            self._broken.labels(kind).set(number)

    def count_registry_call(self, host: str, code: str) -> None:
        """Count one question to a registry. The caller keeps both to few values."""
        self._registry_calls.labels(host, code).inc()

    def count_refused_connection(self, cause: str) -> None:
        """Count a connection that was closed without an answer."""
        self._refused_connections.labels(cause).inc()

    def count_certificate_load(self, result: str) -> None:
        """Count an attempt to take new certificate files live."""
        self._reloads.labels(result).inc()

    def show_certificate(self, expires: datetime) -> None:
        """Show when the certificate that is served ends."""
        self._certificate.set(expires.timestamp())

    def watch_age(self, kind: str, age: Callable[[], float]) -> None:
        """Show this age, in seconds, for objects of this kind."""
        self._policy_age.labels(kind).set_function(age)

    def watch_roots(self, expiries: Callable[[], Mapping[str, datetime]]) -> None:
        """Show when each trust root ends to verify anything, as of the moment of the question."""
        self.registry.register(_Watched(lambda: _root_families(expiries())))

    def watch_cache(self, counters: CacheCounters) -> None:
        """Show what this cache counts."""
        self.registry.register(_Watched(lambda: _cache_families(counters)))

    def watch_log(self, dropped: Callable[[], int]) -> None:
        """Show how many log lines were dropped so far."""
        self.registry.register(_Watched(lambda: _log_families(dropped())))

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)


class _Watched(Collector):
    """Asks for its families whenever the metrics are."""

    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families()


def _root_families(expiries: Mapping[str, datetime]) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "navicert_trust_root_expiry_timestamp_seconds",
        "When the last key or authority of a trust root ends, Unix time; without an entry: never.",
        labels=["root"],
    )
    for root, expiry in sorted(expiries.items()):
        family.add_metric([root], expiry.timestamp())
    yield family


def _log_families(dropped: int) -> Iterator[Metric]:
    yield CounterMetricFamily("navicert_log_lines_dropped", "Log lines that nobody took in time.", dropped)


def _cache_families(counters: CacheCounters) -> Iterator[Metric]:
    lookups = CounterMetricFamily("navicert_cache_lookups", "Questions to the evidence cache.", labels=["result"])
    for result, number in (("hit", counters.hits), ("miss", counters.misses), ("shared", counters.shared)):
        lookups.add_metric([result], number)
    yield lookups
    yield CounterMetricFamily("navicert_cache_evictions", "Entries that left for want of room.", counters.evicted)
    yield GaugeMetricFamily("navicert_cache_bytes", "What the cached evidence takes.", counters.bytes)
