"""docs/metrics.md says what is exposed, and nothing that is not."""

import re
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from controller.core.policy import Mode
from controller.core.reasons import Reason
from controller.core.verdict import Finding
from controller.reconcile.health import OperatorMetrics
from controller.telemetry import Metrics

ROOT = Path(__file__).resolve().parents[2]
WEBHOOK, _, OPERATOR = (ROOT / "docs/metrics.md").read_text().partition("## Of the operator")
ROW = re.compile(r"^\| `(?P<name>navicert_\w+)` \| (?P<type>\w+) \|(?P<labels>[^|]*)\|", re.MULTILINE)
SUFFIXES = {"counter": "_total", "info": "_info"}


class Counters:
    hits = misses = shared = evicted = bytes = 1


def filled() -> Metrics:
    """Every metric with a series in it."""
    metrics = Metrics.create(version="1")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    metrics.count_bug("validate", "CREATE", 0.1)
    metrics.count_findings([Finding(policy=None, mode=Mode.ENFORCE, reason=Reason.Uncovered)])
    metrics.count_broken({"TrustRoot": 1})
    metrics.count_registry_call("ghcr.io", "200")
    metrics.count_refused_connection("late")
    metrics.count_certificate_load("live")
    metrics.show_certificate(moment)
    metrics.watch_age("TrustRoot", lambda: 1.0)
    metrics.watch_roots(lambda: {"acme": moment})
    metrics.watch_cache(Counters())
    metrics.watch_log(lambda: 0)
    return metrics


def described(metric: Metric) -> tuple[str, str]:
    return f"{metric.name}{SUFFIXES.get(metric.type, '')}", "gauge" if metric.type == "info" else metric.type


def labels(text: str) -> dict[str, set[str]]:
    return {row["name"]: set(re.findall(r"`(\w+)`", row["labels"])) for row in ROW.finditer(text)}


def test_every_metric_is_in_the_table_with_its_type_and_the_other_way_about() -> None:
    families = [family for family in filled().registry.collect() if family.name.startswith("navicert_")]
    assert {(row["name"], row["type"]) for row in ROW.finditer(WEBHOOK)} == {described(family) for family in families}


def test_the_labels_are_those_of_the_table() -> None:
    told = labels(WEBHOOK)
    for family in filled().registry.collect():
        samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
        if family.name.startswith("navicert_") and samples:
            shown = set().union(*(sample.labels for sample in samples)) - {"le"}
            assert shown == told[described(family)[0]], family.name


def test_the_processs_own_are_named() -> None:
    own = [described(one)[0] for one in filled().registry.collect() if one.name.startswith("process_")]
    assert own
    assert [name for name in own if f"`{name}`" not in WEBHOOK] == []


def test_the_operators_are_in_a_table_of_their_own() -> None:
    metrics = OperatorMetrics(lambda: True)
    metrics.expires("serving", datetime(2026, 1, 1, tzinfo=UTC))
    metrics.show({"TrustRoot": 1}, {"acme": None})
    families = text_string_to_metric_families(metrics.render().decode())
    exposed = {one.name: one.samples for one in families if one.name.startswith("navicert_")}
    assert set(labels(OPERATOR)) == set(exposed)
    shown = {name: set(samples[0].labels) for name, samples in exposed.items() if samples}
    assert {name: labels(OPERATOR)[name] for name in shown} == shown
