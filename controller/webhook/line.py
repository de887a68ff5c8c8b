"""The decision line: what one review was about and how it came out, fit for a log and for a search in it.

Never the object itself, its environment, or anything of the client's credentials (NET-011).
"""

from collections.abc import Sequence
from typing import Any

from controller.core.text import printable
from controller.core.verdict import Finding, ImageVerdict, Verdict
from controller.core.workload import Workload
from controller.engine.gathering import Lookup
from controller.wire.admission import AdmissionRequest


def render_question(request: AdmissionRequest) -> dict[str, Any]:
    """What a review asks, whatever the answer."""
    return {
        "uid": printable(request.uid),
        "operation": printable(request.operation),
        "kind": printable(str(request.kind)),
        "subresource": printable(request.sub_resource or ""),
        "namespace": printable(request.namespace or ""),
        "name": printable(request.name or ""),
        "dryRun": bool(request.dry_run),
    }


def render_verdict(workload: Workload, verdict: Verdict, lookups: Sequence[Lookup]) -> dict[str, Any]:
    """How a workload was judged: each image with its digest, and each finding with what was proven.

    `cache` counts where its evidence came from; it is empty where none was needed.
    """
    return {
        "name": printable(workload.name),
        "mirror": workload.mirror,
        "allowed": verdict.allowed,
        "code": verdict.code,
        "unchanged": verdict.unchanged,
        "cache": {one.value: lookups.count(one) for one in dict.fromkeys(lookups)},
        "images": [_image(image) for image in verdict.images],
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
        "exception": proven.exception,
        "ticket": proven.ticket,
    }
    return {name: value for name, value in line.items() if value not in (None, "", [])}
