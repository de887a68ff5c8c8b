"""Values that helm refuses, and what it says: where the value stands, and where that is not plain, why."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.chart import CHART, CLIENT_CA, NAMESPACE, template
from tests.support.tools import Helm

KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"  # gitleaks:allow (it is none)
TERM = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"a": "b"}}}
WRONG: tuple[tuple[str, Any, str], ...] = (
    ("replicaCuont", 3, "replicaCuont"),
    ("webhook.replicaCount", 3, "'/webhook': additional properties 'replicaCount'"),
    ("webhook.replicas", 0, "'/webhook/replicas'"),
    ("operator.replicas", 0, "'/operator/replicas'"),
    ("webhook.replicas", "2", "'/webhook/replicas'"),
    ("webhook.port", 443, "'/webhook/port'"),
    ("webhook.resources", {"limit": {}}, "'/webhook/resources': additional properties 'limit'"),
    ("webhook.resources", {"limits": {"memory": "1 GB"}}, "'/webhook/resources/limits/memory'"),
    ("operator.resources", {"requests": {"cpu": True}}, "'/operator/resources/requests/cpu'"),
    ("operator.affinity", {"podAfinity": {}}, "'/operator/affinity': additional properties 'podAfinity'"),
    ("webhook.affinity", {"nodeAffinity": {"required": {}}}, "'/webhook/affinity/nodeAffinity'"),
    ("webhook.tolerations", [{"efect": "NoSchedule"}], "'/webhook/tolerations/0': additional properties 'efect'"),
    ("operator.tolerations", [{"effect": "NoSchedul"}], "'/operator/tolerations/0/effect'"),
    ("webhook.nodeSelector", {"gpu": True}, "'/webhook/nodeSelector/gpu'"),
    ("networkPolicy.metricsFrom", [{"nameSpaceSelector": {}}], "'/networkPolicy/metricsFrom/0'"),
    ("networkPolicy.metricsFrom", [{}], "'/networkPolicy/metricsFrom/0'"),
    ("networkPolicy.egress", [{"too": []}], "'/networkPolicy/egress/0': additional properties 'too'"),
    ("networkPolicy.egress", [{"ports": [{"portt": 443}]}], "'/networkPolicy/egress/0/ports/0'"),
    ("clientCA", "x", "'/clientCA'"),
    ("clientCA", CLIENT_CA + KEY, "'/clientCA'"),
    ("clientCA", KEY, "'/clientCA'"),
    ("exemptNamespaces", ["default"], "default is never exempt, as everybody's workloads land there"),
    ("exemptNamespaces", ["kube_flannel"], "'/exemptNamespaces/0'"),
    ("drainSeconds", 601, "'/drainSeconds'"),
    ("servicePort", 0, "'/servicePort'"),
    ("uncovered", "deny", "'/uncovered'"),
    ("logLevel", "trace", "'/logLevel'"),
    ("scanPeriod", "12", "'/scanPeriod'"),
    ("exceptionMaximum", "90d", "'/exceptionMaximum'"),
    ("reports", "policyreports", "'/reports'"),
    ("image.digest", "sha256:abc", "'/image/digest'"),
    ("certificates.source", "certmanager", "'/certificates/source'"),
    ("certificates", {"source": "certManager"}, "'/certificates/issuerRef'"),
    ("hostNetwork", "yes", "'/hostNetwork'"),
    ("builders.catalogue", ["tekton-chains"], "'/builders/catalogue/0'"),
)
RIGHT: tuple[tuple[str, Any], ...] = (
    ("webhook.resources", {"requests": {"cpu": 1, "memory": "128Mi"}, "limits": {"ephemeral-storage": "1e9"}}),
    ("webhook.tolerations", [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]),
    (
        "operator.affinity",
        {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [TERM],
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": TERM}],
            },
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": []}]}
            },
        },
    ),
    ("networkPolicy.metricsFrom", [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]),
    ("networkPolicy.egress", [{"to": [{"podSelector": {}}], "ports": [{"protocol": "TCP", "port": 443}]}, {}]),
    ("clientCA", f"# of the API server\n{CLIENT_CA}{CLIENT_CA}"),
)


def values(path: str, value: Any) -> dict[str, Any]:
    first, _, rest = path.partition(".")
    return {first: values(rest, value) if rest else value}


@pytest.mark.case("OPS-010")
@pytest.mark.parametrize(
    ("path", "value", "told"), WRONG, ids=[f"{path}={json.dumps(value)[:40]}" for path, value, _ in WRONG]
)
def test_unknown_and_mistyped_values_are_refused_with_their_path(
    path: str, value: Any, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values(path, value)))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        Helm(tmp_path).run("template", "navicert", CHART, "--namespace", NAMESPACE, "--values", file)
    assert told in "".join(refused.value.__notes__)


@pytest.mark.parametrize(("path", "value"), RIGHT, ids=[path for path, _ in RIGHT])
def test_what_kubernetes_takes_is_not_refused(path: str, value: Any, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values(path, value)))
    assert template("--values", str(file))
