"""The decision line: what one review was about and how it came out, fit for a log and for a search in it.

Never the object itself, its environment, or anything of the client's credentials (NET-011).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from controller.core.policy import Mode
from controller.core.reasons import Outcome
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
        "cache": _counted(lookups),
        "images": [_image(image) for image in verdict.images],
    }


class _Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"builder_id": "builderID"}):
    """What is not there is left out."""

    policy: str | None = None
    mode: Mode
    outcome: Outcome
    reason: str
    detail: str = ""
    level: int | None = None
    builders: tuple[str, ...] = ()
    builder_id: str | None = None
    source: str | None = None
    signer: str | None = None
    exception: str | None = None
    ticket: str | None = None


def _counted(lookups: Sequence[Lookup]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for one in lookups:
        counted[one._value_] = counted.get(one._value_, 0) + 1
    return counted


def _image(image: ImageVerdict) -> dict[str, Any]:
    return {
        "image": image.image.text,
        "slots": [str(slot) for slot in image.image.slots],
        "digest": str(image.digest) if image.digest else None,
        "covered": image.covered,
        "findings": [_finding(finding) for finding in image.findings],
    }


def _finding(finding: Finding) -> _Finding:
    proven = finding.proven
    return _Finding(
        policy=str(finding.policy) if finding.policy else None,
        mode=finding.mode,
        outcome=finding.outcome,
        reason=finding.reason._name_,
        detail=finding.detail,
        level=proven.level,
        builders=proven.builders,
        builder_id=proven.builder_id,
        source=proven.source,
        signer=proven.signer,
        exception=proven.exception,
        ticket=proven.ticket,
    )
