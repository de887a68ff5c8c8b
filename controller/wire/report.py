"""Reports on what runs, in the two published report APIs, which say the same under different names.

`wgpolicyk8s.io/v1alpha2` PolicyReport and ClusterPolicyReport, `openreports.io/v1alpha1` Report and ClusterReport. Only
fields that every published version of them has are written: what a server prunes would be written again for ever.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec

from controller.core.explain import sentence
from controller.core.policy import Mode
from controller.core.text import printable
from controller.core.verdict import Finding, ImageVerdict
from controller.wire.reported import (
    MANAGED_BY,
    SOURCE,
    ReportedOutcome,
    ReportedOutcomes,
    key_of,
    policy_of,
    results_of,
)
from controller.wire.running import Reference
from controller.wire.status import RFC3339

PREFIX = "navicert-"
MAX_REPORT_BYTES = 900_000  # of results in one report: etcd takes 1.5 MiB of an object, the case asks for 1 MiB
_MESSAGE_CHARACTERS = 1024
_PROPERTY_CHARACTERS = 512
_SEVERITIES = {Mode.ENFORCE: "high", Mode.WARN: "medium", Mode.AUDIT: "low"}
_COUNTED = ("pass", "fail", "warn", "error", "skip")

Document = dict[str, Any]


class ReportForm(Enum):
    """In which API reports are written: API version, kinds, and their plurals in the path."""

    POLICY_REPORT = ("wgpolicyk8s.io/v1alpha2", "PolicyReport", "policyreports")
    OPEN_REPORTS = ("openreports.io/v1alpha1", "Report", "reports")

    @property
    def api(self) -> str:
        """The path of the API's own list of kinds."""
        return f"/apis/{self.value[0]}"

    @property
    def plural(self) -> str:
        """What reports of workloads are called in a path."""
        return self.value[2]

    @property
    def cluster_plural(self) -> str:
        """What reports of the cluster are called in a path."""
        return f"cluster{self.plural}"

    @property
    def kind(self) -> str:
        """The kind of reports of workloads."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom a report is about, and to whom it belongs."""

    namespace: str
    top: Reference


def render_reports(
    form: ReportForm, subject: Subject, verdicts: Sequence[ImageVerdict], outcomes: ReportedOutcomes
) -> tuple[Document, ...]:
    """The reports of one workload, none where there is nothing to tell.

    Everything is in one report unless its results are larger than MAX_REPORT_BYTES: then in as many as it takes, in
    the same order, of which the second is called `-2`. The same verdicts give the same reports.
    """
    told = sorted(results_of(verdicts), key=lambda one: key_of(*one))
    results = [_result(verdict, finding, outcomes[key_of(verdict, finding)]) for verdict, finding in told]
    top = subject.top
    owner = {"apiVersion": top.api_version, "kind": top.kind, "name": top.name, "uid": top.uid}
    return tuple(
        _report(form, form.kind, name, part)
        | {
            "metadata": _metadata(name) | {"namespace": subject.namespace, "ownerReferences": [owner]},
            "scope": owner | {"namespace": subject.namespace},
        }
        for name, part in _parts(f"{PREFIX}{top.uid}", results)
    )


def render_cluster_reports(form: ReportForm, name: str, results: Sequence[Document]) -> tuple[Document, ...]:
    """A report of the cluster, split as `render_reports` does."""
    return tuple(_report(form, f"Cluster{form.kind}", part_name, part) for part_name, part in _parts(name, results))


def _metadata(name: str) -> Document:
    return {"name": name, "labels": {MANAGED_BY: SOURCE}}


def _report(form: ReportForm, kind: str, name: str, results: Sequence[Document]) -> Document:
    source = {"source": SOURCE} if form is ReportForm.OPEN_REPORTS else {}
    return {
        "apiVersion": form.value[0],
        "kind": kind,
        "metadata": _metadata(name),
        **source,
        "summary": {counted: sum(one["result"] == counted for one in results) for counted in _COUNTED},
        "results": list(results),
    }


def _parts(name: str, results: Sequence[Document]) -> Iterator[tuple[str, list[Document]]]:
    parts: list[list[Document]] = []
    size = 0
    for result in results:
        weight = len(msgspec.json.encode(result)) + 1
        if not parts or size + weight > MAX_REPORT_BYTES:
            parts.append([])
            size = 0
        parts[-1].append(result)
        size += weight
    for number, part in enumerate(parts, start=1):
        yield part_name(name, number), part


def part_name(name: str, number: int) -> str:
    """What the report of this number is called; the first has no number."""
    return name if number == 1 else f"{name}-{number}"


def _result(verdict: ImageVerdict, finding: Finding, told: ReportedOutcome) -> Document:
    severity = {"severity": _SEVERITIES[finding.mode]} if finding.unmet else {}
    return {
        "source": SOURCE,
        "policy": policy_of(finding),
        "result": finding.outcome.value,
        "message": printable(sentence(verdict, finding), limit=_MESSAGE_CHARACTERS),
        "timestamp": {"seconds": int(told.since.timestamp()), "nanos": 0},
        "properties": _properties(verdict, finding, told),
        **severity,
    }


def _properties(verdict: ImageVerdict, finding: Finding, told: ReportedOutcome) -> dict[str, str]:
    proven = finding.proven
    values = {
        "image": verdict.image.text,
        "digest": str(verdict.digest or ""),
        "reason": finding.reason.name,
        "mode": finding.mode.value,
        "level": "" if proven.level is None else str(proven.level),
        "builder": ", ".join(proven.builders),
        "builderID": proven.builder_id or "",
        "source": proven.source or "",
        "ref": proven.ref or "",
        "commit": proven.commit or "",
        "signer": proven.signer or "",
        "exception": proven.exception or "",
        "ticket": proven.ticket or "",
        "since": told.since.strftime(RFC3339),
    }
    # The image is what a result is known by: whole, whatever its length.
    whole = {"image": verdict.image.text}
    return {name: printable(value, limit=_PROPERTY_CHARACTERS) for name, value in values.items() if value} | whole
