"""Sets of values that users of the chart have, each different from the others in what it renders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.chart import CLIENT_CA, Document, template

VALUES: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "certificates by cert-manager, no reports": {
        "certificates": {"source": "certManager", "issuerRef": {"name": "ca", "kind": "ClusterIssuer"}},
        "reports": "none",
        "webhook": {"replicas": 1},
        "operator": {"replicas": 1},
    },
    "an API server that does not reach pods, given certificates": {
        "hostNetwork": True,
        "webhook": {"port": 9443, "statusPort": 9080, "nodeSelector": {"kubernetes.io/os": "linux"}},
        "certificates": {"source": "given"},
        "reports": "openreports",
        "clientCA": CLIENT_CA,
        "clientNames": ["kube-apiserver"],
    },
    "private registries, closed network": {
        "registries": [{"host": "registry.example:5000", "plainHTTP": True, "rateLimit": 10}],
        "credentials": ["pull-secret", "another.one"],
        "credentialPrograms": {"emptyDir": {}},
        "registryCertificates": ["registry"],
        "image": {"digest": f"sha256:{'a' * 64}", "pullSecrets": ["pull-secret"]},
        "networkPolicy": {"metricsFrom": [{"namespaceSelector": {}}], "egress": [{"ports": [{"port": 443}]}]},
        "exemptNamespaces": ["calico-system"],
        "uncovered": "Deny",
    },
    "images read by their pods' own Secrets": {
        "podPullSecrets": True,
        "clientCA": CLIENT_CA,
    },
    "watched by Prometheus and Grafana": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "kps"}, "interval": "15s"},
            "prometheusRule": {"enabled": True, "labels": {"release": "kps"}},
            "dashboard": {"enabled": True},
        },
        "logLevel": "debug",
        "scanPeriod": "1h",
    },
    "bare": {
        "starterPolicy": False,
        "trustRoots": {"sigstore": False},
        "builders": {"catalogue": []},
        "certificates": {"source": "given"},
        "reports": "openreports",
        "networkPolicy": {"enabled": False},
        "priorityClassName": "",
        "webhook": {"tolerations": [{"operator": "Exists"}], "affinity": {"nodeAffinity": {}}},
    },
}


def rendered(name: str, folder: Path) -> tuple[Document, ...]:
    """Every object of a release with these values, without the kinds."""
    values = folder / f"values-{[*VALUES].index(name)}.yaml"  # what was rendered is kept by the arguments
    values.write_text(yaml.safe_dump(VALUES[name]))
    return template("--values", str(values))
