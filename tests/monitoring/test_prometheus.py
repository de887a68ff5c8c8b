"""Alerts and dashboard against the real thing: Prometheus scrapes the real processes under the load of the demo."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
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


ABSENCES = {"webhook": "absent(navicert_build_info)", "leader": "absent(navicert_operator_leading == 1)"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """What Prometheus answered under load, and of the rules."""

    panels: dict[str, list[dict[str, Any]]]
    rules: list[dict[str, Any]]
    broken: list[dict[str, Any]]
    present: dict[str, list[float]]

    @classmethod
    def at(cls, prometheus: Prometheus) -> Look:
        return cls(
            panels={expression: prometheus.query(filled(expression)) for expression in EXPRESSIONS.values()},
            rules=prometheus.rules(),
            broken=prometheus.query(expression_of("NavicertBrokenObjects")),
            present=absences(prometheus),
        )

    @property
    def settled(self) -> bool:
        """Whether every panel has something to show, every rule was evaluated on what is there, and nobody is missed:
        one that is slow to tell a scrape is, until the next."""
        pending = {rule["name"] for rule in self.rules if rule["state"] == "pending"}
        return (
            all(rule["lastEvaluation"] > "2000" for rule in self.rules)
            and pending.issuperset(PENDING)
            and not pending.intersection(QUIET)
            and bool(self.broken)
            and all(self.panels.values())
            and not any(self.present.values())
        )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen at last, when all of it was there, and who was missed when the processes had gone."""

    last: Look
    gone: dict[str, list[float]]


def absences(prometheus: Prometheus) -> dict[str, list[float]]:
    return {name: prometheus.values(expression) for name, expression in ABSENCES.items()}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("monitoring")

    async def looked(running: Programs) -> Seen:
        async with under_load(folder, running, ROUNDS) as prometheus:
            return await asyncio.to_thread(look, prometheus, running)

    with programs(folder) as running:
        yield asyncio.run(looked(running))


def look(prometheus: Prometheus, running: Programs) -> Seen:
    """Looks until everything has settled, which what never does fails the test of; then stops both programs."""
    looks: list[Look] = []

    def settled() -> bool:
        looks[:] = [Look.at(prometheus)]
        return looks[0].settled

    with suppress(TimeoutError):
        wait_until(settled)
    running.operator.stop()
    running.webhook.stop()
    wait_until(lambda: [one["metric"]["job"] for one in prometheus.query("up == 1")] == ["demo"])
    # The demo's webhook is the only one left: as long as it answers nobody is to be woken.
    return Seen(last=looks[0], gone=absences(prometheus))


def expression_of(name: str) -> str:
    text = RULES.read_text().partition(f"- alert: {name}\n")[2]
    return text.partition("expr: ")[2].partition("\n")[0]


@pytest.mark.apiserver
@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_every_panel_shows_numbers_after_the_demos_load(seen: Seen, expression: str) -> None:
    values = [float(one["value"][1]) for one in seen.last.panels[expression]]
    assert values
    assert all(math.isfinite(value) and value >= 0 for value in values)


@pytest.mark.apiserver
def test_panels_show_what_the_demo_met(seen: Seen) -> None:
    def series(text: str, label: str) -> set[str]:
        (found,) = (result for expression, result in seen.last.panels.items() if text in expression)
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
    assert [rule["name"] for rule in seen.last.rules if rule["health"] != "ok"] == []
    assert [rule["name"] for rule in seen.last.rules if rule["state"] == "firing"] == []
    told = [alert for rule in seen.last.rules for alert in rule["alerts"]]
    assert all("<error" not in text for alert in told for text in alert["annotations"].values())


@pytest.mark.apiserver
def test_what_is_broken_and_never_refreshed_is_pending(seen: Seen) -> None:
    pending = {rule["name"] for rule in seen.last.rules if rule["state"] == "pending"}
    assert pending >= PENDING
    assert pending & QUIET == set()
    assert {one["metric"]["kind"] for one in seen.last.broken} >= {"ClusterSLSAPolicy"}


@pytest.mark.case("OPS-014")
@pytest.mark.apiserver
def test_an_operator_that_is_gone_is_missed_and_a_webhook_that_is_there_is_not(seen: Seen) -> None:
    assert seen.last.present == {"webhook": [], "leader": []}
    assert seen.gone == {"webhook": [], "leader": [1.0]}
