"""What Navicert tells about itself: JSON lines and metrics. Neither holds a credential, ever (NET-011)."""

import json
import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from controller.core.verdict import Verdict

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds
_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JSONFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the fields given as `extra`, and any `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record; a field that is no JSON is rendered as its text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def configure_logging(level: str, stream: TextIO = sys.stderr) -> None:
    """Send every log line of this process to the stream, from this level on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of one process, in a registry of their own."""

    registry: CollectorRegistry
    reviews: Counter
    findings: Counter
    durations: Histogram
    bugs: Counter
    policy_age: Gauge
    broken: Gauge

    @classmethod
    def create(cls) -> "Metrics":
        """All metrics at zero, and those of the process itself."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        return cls(
            registry=registry,
            reviews=Counter("navicert_reviews", "Reviews answered, by verdict.", ["allowed"], registry=registry),
            findings=Counter(
                "navicert_findings",
                "Findings, by reason and mode of the policy.",
                ["reason", "mode"],
                registry=registry,
            ),
            durations=Histogram(
                "navicert_review_duration_seconds",
                "From the request to its answer.",
                registry=registry,
                buckets=_BUCKETS,
            ),
            bugs=Counter("navicert_internal_errors", "Reviews refused because of a bug.", registry=registry),
            policy_age=Gauge(
                "navicert_policy_age_seconds",
                "Seconds since the API server last told anything, by kind; +Inf before the first list.",
                ["kind"],
                registry=registry,
            ),
            broken=Gauge(
                "navicert_broken_objects",
                "Objects that are broken or have no effect, by kind.",
                ["kind"],
                registry=registry,
            ),
        )

    def count_broken(self, objects: Mapping[str, int]) -> None:
        """Show how many objects of each kind are broken, by kind; a kind that is not named has none."""
        self.broken.clear()
        for kind, number in objects.items():
            self.broken.labels(kind).set(number)

    def count(self, verdict: Verdict, seconds: float) -> None:
        """Count a verdict that took this long."""
        self.reviews.labels(str(verdict.allowed).lower()).inc()
        for finding in verdict.findings:
            self.findings.labels(finding.reason.name, finding.mode.value).inc()
        self.durations.observe(seconds)

    def count_bug(self, seconds: float) -> None:
        """Count a refusal of last resort."""
        self.reviews.labels("false").inc()
        self.bugs.inc()
        self.durations.observe(seconds)

    def watch_age(self, kind: str, age: Callable[[], float]) -> None:
        """Show this age, in seconds, for objects of this kind."""
        self.policy_age.labels(kind).set_function(age)

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self.registry)
