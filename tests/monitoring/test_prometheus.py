"""Alerts and dashboard against the real thing: Prometheus scrapes the real processes under the load of the demo."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from controller.wire.policy import KINDS
from tests.monitoring.staging import PANELS, RULES, Programs, filled, programs, under_load
from tests.support.processes import wait_until
from tests.support.prometheus import Prometheus

EXPRESSIONS: dict[str, str] = {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel.get("targets", ())
}
ROUNDS = 3
PENDING = {"NavicertBrokenObjects", "NavicertTrustRootStale"}
QUIET = {"NavicertWebhookDown", "NavicertOperatorLeaderless"}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What Prometheus answered under load, of the rules, and when the processes had gone."""

    panels: dict[str, list[dict[str, Any]]]
    rules: list[dict[str, Any]]
    broken: list[dict[str, Any]]
    present: dict[str, list[float]]
    gone: dict[str, list[float]]


ABSENCES = {"webhook": "absent(navicert_build_info)", "leader": "absent(navicert_operator_leading == 1)"}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("monitoring")

    async def looked(running: Programs) -> Seen:
        async with under_load(folder, running, ROUNDS) as prometheus:
            return await asyncio.to_thread(look, prometheus, running)

    with programs(folder) as running:
        yield asyncio.run(looked(running))


def look(prometheus: Prometheus, running: Programs) -> Seen:
    """Asks everything once it has settled, which what never does fails the test of; then stops both programs."""
    with suppress(TimeoutError):
        wait_until(partial(settled, prometheus))
    panels = {expression: prometheus.query(filled(expression)) for expression in EXPRESSIONS.values()}
    present = {name: prometheus.values(expression) for name, expression in ABSENCES.items()}
    rules, broken = prometheus.rules(), prometheus.query(expression_of("NavicertBrokenObjects"))
    running.operator.stop()
    running.webhook.stop()
    wait_until(lambda: prometheus.values("sum(up)") == [1.0])
    # The demo's webhook is the only one left: as long as it answers nobody is to be woken.
    gone = {"leader": prometheus.values(ABSENCES["leader"]), "webhook": prometheus.values(ABSENCES["webhook"])}
    return Seen(panels=panels, rules=rules, broken=broken, present=present, gone=gone)


def settled(prometheus: Prometheus) -> bool:
    """Whether every panel has something to show, and every rule was evaluated on what is there."""
    rules = prometheus.rules()
    pending = {rule["name"] for rule in rules if rule["state"] == "pending"}
    return (
        all(rule["lastEvaluation"] > "2000" for rule in rules)
        and pending.issuperset(PENDING)
        and not pending.intersection(QUIET)
        and all(prometheus.query(filled(expression)) for expression in EXPRESSIONS.values())
    )


def expression_of(name: str) -> str:
    text = RULES.read_text().partition(f"- alert: {name}\n")[2]
    return text.partition("expr: ")[2].partition("\n")[0]


@pytest.mark.apiserver
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_panel_shows_numbers_after_the_demos_load(seen: Seen, expression: str) -> None:
    values = [float(one["value"][1]) for one in seen.panels[expression]]
    assert values
    assert all(math.isfinite(value) and value >= 0 for value in values)


@pytest.mark.apiserver
def test_panels_show_what_the_demo_met(seen: Seen) -> None:
    def series(text: str, label: str) -> set[str]:
        (found,) = (result for expression, result in seen.panels.items() if text in expression)
        return {one["metric"].get(label, "") for one in found}

    assert {"admitted", "refused", "error"} <= series("navicert_reviews_total", "outcome")
    assert {"NoProvenance", "SourceMismatch", "TagNotPinned", "Uncovered"} <= series('outcome!="pass"', "reason")
    assert {"Enforce", "Warn", "Audit"} <= series("sum by (mode, outcome)", "mode")
    assert {"200", "404"} <= series("navicert_registry_calls_total", "code")
    assert set(KINDS) <= series("navicert_policy_age_seconds", "kind")
    assert series("navicert_trust_root_refreshed", "root") == {"refreshed"}
    assert series("navicert_trust_root_expiry", "root") == {"ending"}


@pytest.mark.apiserver
def test_every_rule_evaluates_and_none_that_waits_fires(seen: Seen) -> None:
    assert [rule["name"] for rule in seen.rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in seen.rules if rule["state"] == "firing"] == []
    told = [alert for rule in seen.rules for alert in rule["alerts"]]
    assert all("<error" not in text for alert in told for text in alert["annotations"].values())


@pytest.mark.apiserver
def test_what_is_broken_and_never_refreshed_is_pending(seen: Seen) -> None:
    pending = {rule["name"] for rule in seen.rules if rule["state"] == "pending"}
    assert pending >= PENDING
    assert pending & QUIET == set()
    assert {one["metric"]["kind"] for one in seen.broken} >= {"ClusterSLSAPolicy"}


@pytest.mark.case("OPS-014")
@pytest.mark.apiserver
def test_an_operator_that_is_gone_is_missed_and_a_webhook_that_is_there_is_not(seen: Seen) -> None:
    assert seen.present == {"webhook": [], "leader": []}
    assert seen.gone == {"webhook": [], "leader": [1.0]}
