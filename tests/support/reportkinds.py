"""The kinds of both report APIs, with the fields that all published versions have; what else is sent is pruned."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from tests.support.controlplane import Client
from tests.support.processes import wait_until

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RESULTS = ["pass", "fail", "warn", "error", "skip"]

Schema = dict[str, Any]


def texts(*names: str) -> dict[str, Schema]:
    return {name: {"type": "string"} for name in names}


def record(properties: dict[str, Schema], *required: str) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": [*required]} if required else {})


REFERENCE = record(texts("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"))
WORDS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
RESULT = record(
    texts("category", "message", "policy", "rule", "source")
    | {
        "properties": WORDS,
        "resources": {"type": "array", "items": REFERENCE},
        "result": {"type": "string", "enum": RESULTS},
        "scored": {"type": "boolean"},
        "severity": {"type": "string", "enum": ["high", "low", "medium"]},
        "timestamp": record(
            {"seconds": {"type": "integer", "format": "int64"}, "nanos": {"type": "integer", "format": "int32"}},
            "nanos",
            "seconds",
        ),
    },
    "policy",
)
FIELDS: dict[str, Schema] = {
    "scope": REFERENCE,
    "summary": record({name: {"type": "integer"} for name in RESULTS}),
    "results": {"type": "array", "items": RESULT},
}


def definition(group: str, version: str, kind: str, *, scope: str, **fields: Schema) -> dict[str, Any]:
    plural = f"{kind.lower()}s"
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    schema = {"type": "object", "properties": FIELDS | fields}
    served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "https://github.com/kubernetes/enhancements/pull/1111"},
        },
        "spec": {"group": group, "names": names, "scope": scope, "versions": [served]},
    }


POLICY_REPORTS = [
    definition("wgpolicyk8s.io", "v1alpha2", "PolicyReport", scope="Namespaced"),
    definition("wgpolicyk8s.io", "v1alpha2", "ClusterPolicyReport", scope="Cluster"),
]
OPEN_REPORTS = [
    definition("openreports.io", "v1alpha1", "Report", scope="Namespaced", source={"type": "string"}),
    definition("openreports.io", "v1alpha1", "ClusterReport", scope="Cluster", source={"type": "string"}),
]


def install_reports(client: Client, definitions: list[dict[str, Any]]) -> None:
    """Returns once all are served and listed, which the API server begins to do one after the other."""
    for one in definitions:
        status, body = client.create(DEFINITIONS, one)
        assert status == HTTPStatus.CREATED, body
        spec = one["spec"]
        api, plural = f"/apis/{spec['group']}/{spec['versions'][0]['name']}", spec["names"]["plural"]
        wait_until(partial(_served, client, api, plural))


def _served(client: Client, api: str, plural: str) -> bool:
    status, listed = client.get(api)
    if status != HTTPStatus.OK or plural not in {one["name"] for one in listed["resources"]}:
        return False
    return client.get(f"{api}/{plural}")[0] == HTTPStatus.OK
