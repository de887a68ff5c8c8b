"""The CustomResourceDefinitions of the kinds that reports are written as, for clusters that have none.

Policy report API of the Kubernetes policy working group, wgpolicyk8s.io/v1alpha2, and its successor
openreports.io/v1alpha1. Structural, and no stricter than what the two projects publish: others write such objects, too.
What Navicert does not write is kept as it is and not described.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]

OUTCOMES = ("pass", "fail", "warn", "error", "skip")
_SEVERITIES = ("critical", "high", "medium", "low", "info")
_TEXT: Schema = {"type": "string"}
_ANYTHING: Schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_REFERENCE: Schema = {
    "type": "object",
    "properties": dict.fromkeys(
        ("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath"), _TEXT
    ),
}
_TIMESTAMP: Schema = {
    "type": "object",
    "required": ["seconds", "nanos"],
    "properties": {
        "seconds": {"type": "integer", "format": "int64"},
        "nanos": {"type": "integer", "format": "int32"},
    },
}
_SUMMARY: Schema = {"type": "object", "properties": {outcome: {"type": "integer"} for outcome in OUTCOMES}}
_RESULT: Schema = {
    "type": "object",
    "required": ["policy"],
    "properties": {
        **dict.fromkeys(("source", "policy", "rule", "category", "message"), _TEXT),
        "result": {"type": "string", "enum": [*OUTCOMES]},
        "severity": {"type": "string", "enum": [*_SEVERITIES]},
        "scored": {"type": "boolean"},
        "timestamp": _TIMESTAMP,
        "resources": {"type": "array", "items": _REFERENCE},
        "resourceSelector": _ANYTHING,
        "properties": {"type": "object", "additionalProperties": _TEXT},
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKind:
    """One kind of report, as its API names it."""

    group: str
    version: str
    name: str
    plural: str
    short: str
    namespaced: bool


POLICY_REPORTS, OPEN_REPORTS = "policyreport", "openreports"
_WITH_SOURCE = "openreports.io"
REPORT_KINDS: Mapping[str, tuple[ReportKind, ...]] = {
    setting: (
        ReportKind(group=group, version=version, name=name, plural=f"{name.lower()}s", short=short, namespaced=True),
        ReportKind(
            group=group,
            version=version,
            name=f"Cluster{name}",
            plural=f"cluster{name.lower()}s",
            short=f"c{short}",
            namespaced=False,
        ),
    )
    for setting, group, version, name, short in (
        (POLICY_REPORTS, "wgpolicyk8s.io", "v1alpha2", "PolicyReport", "polr"),
        (OPEN_REPORTS, _WITH_SOURCE, "v1alpha1", "Report", "reps"),
    )
} | {"none": ()}
"""What each value of the setting `reports` needs."""


def render_report_definition(kind: ReportKind) -> Schema:
    """The CustomResourceDefinition of this kind (apiextensions.k8s.io/v1)."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{kind.group}"},
        "spec": {
            "group": kind.group,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
            },
            "versions": [
                {
                    "name": kind.version,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _report_schema(kind)},
                }
            ],
        },
    }


def _report_schema(kind: ReportKind) -> Schema:
    source = {"source": _TEXT} if kind.group == _WITH_SOURCE else {}
    return {
        "type": "object",
        "description": f"Outcomes of policies, as {kind.group} defines them. Installed by Navicert, for any writer.",
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object"},
            **source,
            "scope": _REFERENCE,
            "scopeSelector": _ANYTHING,
            "configuration": _ANYTHING,
            "summary": _SUMMARY,
            "results": {"type": "array", "items": _RESULT},
        },
    }


def _columns() -> list[dict[str, str]]:
    counted = ((outcome.capitalize(), "integer", f".summary.{outcome}") for outcome in OUTCOMES)
    columns = (
        ("Kind", "string", ".scope.kind"),
        ("Name", "string", ".scope.name"),
        *counted,
        ("Age", "date", ".metadata.creationTimestamp"),
    )
    return [{"name": name, "type": form, "jsonPath": path} for name, form, path in columns]
