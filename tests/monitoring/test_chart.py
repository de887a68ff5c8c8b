"""The chart's monitoring objects: none unless they are asked for, and then those whose files are tested."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.plainyaml import read_documents, read_yaml
from tests.support.tools import Helm

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "navicert"
KINDS = {"ServiceMonitor", "PrometheusRule", "ConfigMap"}


def rendered(folder: Path, *settings: str) -> list[dict[str, Any]]:
    arguments = [part for setting in settings for part in ("--set", setting)]
    text = Helm(folder).run("template", "navicert", CHART, "--namespace", "navicert-system", *arguments)
    documents = read_documents(text)
    return [one for one in documents if one["kind"] in KINDS and not one["metadata"]["name"].endswith("-settings")]


def test_nothing_is_there_unless_it_is_asked_for(tmp_path: Path) -> None:
    assert rendered(tmp_path) == []


def test_service_monitors_scrape_the_status_port_of_both_programs(tmp_path: Path) -> None:
    monitors = rendered(tmp_path, "metrics.serviceMonitor.enabled=true", "metrics.serviceMonitor.labels.release=kps")
    assert {one["metadata"]["labels"]["release"] for one in monitors} == {"kps"}
    text = Helm(tmp_path).run("template", "navicert", CHART, "--namespace", "navicert-system")
    services = [one for one in read_documents(text) if one and one["kind"] == "Service"]
    for monitor in monitors:
        selected = monitor["spec"]["selector"]["matchLabels"].items()
        (endpoint,) = monitor["spec"]["endpoints"]
        met = [
            service["metadata"]["name"]
            for service in services
            if selected <= service["metadata"]["labels"].items()
            and endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        ]
        assert met == [f"{monitor['metadata']['name']}-status"]


def test_rule_and_dashboard_are_the_tested_files(tmp_path: Path) -> None:
    asked = ("metrics.prometheusRule.enabled=true", "metrics.dashboard.enabled=true")
    found = {one["kind"]: one for one in rendered(tmp_path, *asked)}
    assert set(found) == {"PrometheusRule", "ConfigMap"}
    assert found["PrometheusRule"]["spec"] == read_yaml((CHART / "rules.yaml").read_text())
    shown = json.loads(found["ConfigMap"]["data"]["navicert.json"])
    assert shown == json.loads((CHART / "dashboards/navicert.json").read_text())
    assert found["ConfigMap"]["metadata"]["labels"]["grafana_dashboard"] == "1"


@pytest.mark.parametrize("part", ["serviceMonitor", "prometheusRule", "dashboard"])
def test_values_that_nobody_reads_are_refused(tmp_path: Path, part: str) -> None:
    with pytest.raises(Exception, match="non-zero exit status") as refused:
        rendered(tmp_path, f"metrics.{part}.enable=true")
    assert "enable" in "".join(refused.value.__notes__)
