"""Kinds of other projects that the chart makes objects of, with the fields that it uses and no others.

Their own definitions are some ten thousand lines. What is here is closed: a field that it does not know is refused, and
so is a value that the published definitions (cert-manager.io/v1, monitoring.coreos.com/v1) would not take.
"""

from __future__ import annotations

from typing import Any

from tests.support.controlplane import Client
from tests.support.operator import put
from tests.support.processes import wait_until

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DURATION = r"^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$"

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
WORDS: Schema = {"type": "object", "additionalProperties": TEXT}


def one_of(*values: str) -> Schema:
    return {"type": "string", "enum": [*values]}


def record(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": [*required]} if required else {})


def several(items: Schema) -> Schema:
    return {"type": "array", "items": items}


DURATION_TEXT = TEXT | {"pattern": DURATION}
SPECS: dict[tuple[str, str], Schema] = {
    ("cert-manager.io", "Certificate"): record(
        "secretName",
        "issuerRef",
        secretName=TEXT,
        dnsNames=several(TEXT),
        privateKey=record(
            algorithm=one_of("RSA", "ECDSA", "Ed25519"),
            size={"type": "integer"},
            rotationPolicy=one_of("Never", "Always"),
        ),
        issuerRef=record("name", name=TEXT, kind=TEXT, group=TEXT),
    ),
    ("monitoring.coreos.com", "ServiceMonitor"): record(
        "endpoints",
        "selector",
        namespaceSelector=record(any={"type": "boolean"}, matchNames=several(TEXT)),
        selector=record(matchLabels=WORDS),
        endpoints=several(record(port=TEXT, path=TEXT, interval=DURATION_TEXT)),
    ),
    ("monitoring.coreos.com", "PrometheusRule"): record(
        groups=several(
            record(
                "name",
                name=TEXT | {"minLength": 1},
                rules=several(
                    record(
                        "expr",
                        alert=TEXT,
                        expr={"anyOf": [{"type": "integer"}, TEXT], "x-kubernetes-int-or-string": True},
                        labels=WORDS,
                        annotations=WORDS,
                        **{"for": DURATION_TEXT},
                    )
                ),
            )
        )
    ),
}


def install_foreign_kinds(client: Client) -> None:
    """All of them, served when it returns."""
    for (group, kind), spec in SPECS.items():
        plural = f"{kind.lower()}s"
        name = f"{plural}.{group}"
        schema = {"openAPIV3Schema": record(spec=spec)}
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": name},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
            },
        }
        put(client, f"{DEFINITIONS}/{name}", definition)
    groups = {(group, f"{kind.lower()}s") for group, kind in SPECS}
    wait_until(lambda: all(client.get(f"/apis/{group}/v1/{plural}")[0] == 200 for group, plural in groups))
