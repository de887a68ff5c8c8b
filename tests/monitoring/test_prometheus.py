"""Alerts and dashboard against the real thing: Prometheus scrapes the real processes under the load of the demo."""

from __future__ import annotations

import asyncio
import json
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.demo.folder import DemoFolder
from controller.demo.run import Stage, ask_all, set_stage
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.controlplane import ControlPlane
from tests.support.operator import API, Operator, install, put
from tests.support.processes import wait_until
from tests.support.prometheus import SCRAPE_SECONDS, Prometheus
from tests.support.webhook import Webhook

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts/navicert/rules.yaml"
PANELS = json.loads((ROOT / "charts/navicert/dashboards/navicert.json").read_text())["panels"]
EXPRESSIONS: dict[str, str] = {
    f"{panel['title']} {target['refId']}": target["expr"] for panel in PANELS for target in panel.get("targets", ())
}
ROUNDS = 3
SECONDS = 30.0
# What Grafana fills in; the windows are as short as the test.
WINDOWS = {"$__rate_interval": "20s", "$__range": "5m"}
TUF = {"sigstore": {"tuf": {"url": "https://127.0.0.1:1/tuf", "root": "{}", "target": "trusted_root.json"}}}
OBJECTS = (
    objects.document("TrustRoot", "refreshed", TUF),
    objects.root("ending", {"name": "release", "pem": objects.new_pem(), "notAfter": "2099-01-01T00:00:00Z"}),
    objects.policy("broken", require={"buildLevel": 1, "builders": ["nobody"]}),
)


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
    with ControlPlane(folder / "controlplane") as plane:
        install(plane)
        for document in OBJECTS:
            put(plane.client(), f"{API}/{KINDS[document['kind']].plural}/{document['metadata']['name']}", document)
        with (
            Operator(plane, folder / "operator") as operator,
            Webhook(folder / "webhook", "--kubeconfig", plane.admin_kubeconfig) as webhook,
        ):
            webhook.wait_synced()
            yield asyncio.run(under_load(folder, operator, webhook))


async def under_load(folder: Path, operator: Operator, webhook: Webhook) -> Seen:
    """Scrapes everything while the demo asks, then stops one after the other."""
    with tempfile.TemporaryDirectory(dir=folder) as demo:
        async with set_stage(DemoFolder(Path(demo))) as stage:
            targets = {"webhook": webhook.status, "operator": operator.status, "demo": status_of(stage)}
            with Prometheus(folder / "prometheus", targets, RULES) as prometheus:
                for _ in range(ROUNDS):
                    rows = await ask_all(stage, lambda _: None)
                    assert all(row.as_expected for row in rows)
                    await asyncio.sleep(2 * SCRAPE_SECONDS)
                return await asyncio.to_thread(look, prometheus, stage, operator, webhook)


def look(prometheus: Prometheus, stage: Stage, operator: Operator, webhook: Webhook) -> Seen:
    wait_until(lambda: all(rule["lastEvaluation"] > "2000" for rule in prometheus.rules()), timeout=SECONDS)
    panels = {expression: prometheus.query(filled(expression)) for expression in EXPRESSIONS.values()}
    present = {name: prometheus.values(expression) for name, expression in ABSENCES.items()}
    rules, broken = prometheus.rules(), prometheus.query(expression_of("NavicertBrokenObjects"))
    operator.stop()
    webhook.stop()
    wait_until(lambda: prometheus.values("sum(up)") == [1.0], timeout=SECONDS)
    # The demo's webhook is the only one left: as long as it answers nobody is to be woken.
    gone = {"leader": prometheus.values(ABSENCES["leader"]), "webhook": prometheus.values(ABSENCES["webhook"])}
    return Seen(panels=panels, rules=rules, broken=broken, present=present, gone=gone)


def status_of(stage: Stage) -> str:
    return next(str(line["address"]) for line in stage.webhook.log_lines() if line.get("serves") == "status")


def filled(expression: str) -> str:
    for name, value in WINDOWS.items():
        expression = expression.replace(name, value)
    return expression


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
    assert {"NavicertBrokenObjects", "NavicertTrustRootStale"} <= pending
    assert "NavicertWebhookDown" not in pending
    assert "NavicertOperatorLeaderless" not in pending
    assert {one["metric"]["kind"] for one in seen.broken} >= {"ClusterSLSAPolicy"}


@pytest.mark.case("OPS-014")
@pytest.mark.apiserver
def test_an_operator_that_is_gone_is_missed_and_a_webhook_that_is_there_is_not(seen: Seen) -> None:
    assert seen.present == {"webhook": [], "leader": []}
    assert seen.gone == {"webhook": [], "leader": [1.0]}
