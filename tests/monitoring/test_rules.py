"""Alerts and dashboard as files: what they ask for is there, and each alert has its page."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.plainyaml import read_yaml
from tests.support.prometheus import promtool

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts/navicert/rules.yaml"
DASHBOARD = ROOT / "charts/navicert/dashboards/navicert.json"
RUNBOOKS = ROOT / "docs/runbooks"
COURSES = Path(__file__).parent / "alerts.yaml"
METRIC = re.compile(r"\b(?:navicert|process)_\w+")
HEADINGS = ["What it means", "Look", "Mend"]


def alerts() -> list[dict[str, Any]]:
    (group,) = read_yaml(RULES.read_text())["groups"]
    return list(group["rules"])


def names() -> list[str]:
    return [alert["alert"] for alert in alerts()]


def expressions() -> Iterator[str]:
    yield from (alert["expr"] for alert in alerts())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def documented() -> set[str]:
    """The metrics of docs/metrics.md, with the series that a histogram makes."""
    found = set(METRIC.findall((ROOT / "docs/metrics.md").read_text()))
    return found | {"navicert_review_duration_seconds_bucket"}


def test_prometheus_takes_the_rules() -> None:
    checked = promtool("check", "rules", RULES)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_alert_fires_when_it_should_and_not_otherwise() -> None:
    tested = promtool("test", "rules", COURSES)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("name", names())
def test_every_alert_has_a_course_that_fires_it_and_one_that_does_not(name: str) -> None:
    courses = [one for one in read_yaml(COURSES.read_text())["tests"] if one["name"].startswith(name)]
    asked = [question for course in courses for question in course["promql_expr_test"]]
    assert all(f'alertname="{name}"' in question["expr"] for question in asked)
    assert {bool(question["exp_samples"]) for question in asked} == {True, False}


def test_every_metric_that_is_asked_for_is_documented() -> None:
    asked = {metric for expression in expressions() for metric in METRIC.findall(expression)}
    assert asked - documented() == set()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md") if page.stem != "README"} == set(names())
    listed = re.findall(r"\]\((\w+)\.md\)", (RUNBOOKS / "README.md").read_text())
    assert listed == names()


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_happened_and_leads_to_its_page(alert: dict[str, Any]) -> None:
    said = alert["annotations"]
    assert set(said) == {"summary", "description", "runbook_url"}
    assert said["runbook_url"].endswith(f"/docs/runbooks/{alert['alert']}.md")
    assert alert["labels"]["severity"] in {"critical", "warning"}


@pytest.mark.parametrize("name", names())
def test_a_runbook_says_what_to_look_at_and_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == HEADINGS
    (alert,) = (one for one in alerts() if one["alert"] == name)
    assert f"Severity: {alert['labels']['severity']}" in text


def test_panels_have_an_id_a_title_and_a_place_of_their_own() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in panels]
    taken = [(x + dx, y + dy) for x, y, w, h in places for dx in range(w) for dy in range(h)]
    assert len(taken) == len(set(taken))
    assert all(x + w <= 24 for x, _, w, _ in places)
