"""The decision line: what one review was about and how it came out, fit for a log and for a search in it.

Never the object itself, its environment, or anything of the client's credentials (NET-011).
"""

from typing import Any

from controller.core.text import printable
from controller.core.verdict import Finding, ImageVerdict, Verdict
from controller.core.workload import Workload
from controller.wire.admission import AdmissionRequest


def render_line(request: AdmissionRequest, workload: Workload, verdict: Verdict, seconds: float) -> dict[str, Any]:
    """One review that was judged in so many seconds."""
    return _question(request) | {
        "name": printable(workload.name),
        "mirror": workload.mirror,
        "allowed": verdict.allowed,
        "code": verdict.code,
        "unchanged": verdict.unchanged,
        "images": [_image(image) for image in verdict.images],
        "ms": _milliseconds(seconds),
    }


def render_bug_line(request: AdmissionRequest, seconds: float) -> dict[str, Any]:
    """One review that could not be judged because of a bug."""
    return _question(request) | {"allowed": False, "code": 500, "ms": _milliseconds(seconds)}


def _question(request: AdmissionRequest) -> dict[str, Any]:
    return {
        "uid": printable(request.uid),
        "operation": printable(request.operation),
        "kind": printable(str(request.kind)),
        "subresource": printable(request.sub_resource or ""),
        "namespace": printable(request.namespace or ""),
        "name": printable(request.name or ""),
        "dryRun": bool(request.dry_run),
    }


def _image(image: ImageVerdict) -> dict[str, Any]:
    return {
        "image": image.image.text,
        "slots": [str(slot) for slot in image.image.slots],
        "digest": str(image.digest) if image.digest else None,
        "covered": image.covered,
        "findings": [_finding(finding) for finding in image.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    proven = finding.proven
    line: dict[str, Any] = {
        "policy": str(finding.policy) if finding.policy else None,
        "mode": finding.mode.value,
        "outcome": finding.outcome.value,
        "reason": finding.reason.name,
        "detail": finding.detail,
        "level": proven.level,
        "builders": list(proven.builders),
        "builderID": proven.builder_id,
        "source": proven.source,
        "signer": proven.signer,
    }
    return {name: value for name, value in line.items() if value not in (None, "", [])}


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
