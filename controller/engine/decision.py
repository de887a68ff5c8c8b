"""The one decision: workload and policies in, verdict out. Webhook, scan, command line and policy tests call it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from controller.core.evaluate import Selected, judge_image, needs_evidence, select
from controller.core.evidence import Evidence, Gap
from controller.core.image import ImageReference
from controller.core.policy import Mode, Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict, Verdict, conclude
from controller.core.workload import Workload, WorkloadImage
from controller.engine.gathering import Gather, GatherRequest
from controller.engine.policies import Snapshot

PATIENCE = {Mode.ENFORCE: float("inf"), Mode.WARN: 2.0, Mode.AUDIT: 0.5}
"""Seconds that an image may hold up a review, by the strictest mode that matches it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision is made under: the review's own time, its deadline on the loop's clock, and a setting."""

    now: datetime
    deadline: float
    uncovered: Uncovered


async def decide(
    workload: Workload, *, snapshot: Snapshot | None, gather: Gather, circumstances: Circumstances
) -> Verdict:
    """Judge every image of the workload by one snapshot of the policies.

    Guarantees an answer by the deadline, one gathering for each distinct reference, and a finding for each image.
    `snapshot` is None before the first sync: then everything is refused. Raises only what is a bug.
    """
    if snapshot is None:
        return conclude(tuple(_unsynced(image) for image in workload.images), expected=len(workload.images))
    selections = [select(snapshot.policies, workload, image) for image in workload.images]
    evidence = await _gather_all(workload, selections, snapshot, gather, circumstances)
    judged = tuple(
        judge_image(
            snapshot.policies,
            workload,
            image,
            selected=selected,
            evidence=evidence.get(image.reference) if image.reference else None,
            uncovered=circumstances.uncovered,
        )
        for image, selected in zip(workload.images, selections, strict=True)
    )
    return conclude(judged, expected=len(workload.images))


async def _gather_all(
    workload: Workload, selections: list[Selected], snapshot: Snapshot, gather: Gather, circumstances: Circumstances
) -> dict[ImageReference, Evidence]:
    deadlines: dict[ImageReference, float] = {}
    for image, selected in zip(workload.images, selections, strict=True):
        if image.reference is not None and needs_evidence(selected, workload.form, image):
            strictest = _strictest(workload, [policy.mode for policy, _ in selected])
            deadlines[image.reference] = _until(strictest, circumstances.deadline)
    requests = [_request(reference, until, snapshot, circumstances) for reference, until in deadlines.items()]
    gathered = await asyncio.gather(*(_gather_in_time(gather, request) for request in requests))
    return dict(zip(deadlines, gathered, strict=True))


def _strictest(workload: Workload, modes: list[Mode]) -> Mode:
    if workload.mirror:
        return Mode.AUDIT
    return next(mode for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT) if mode in modes)


def _until(mode: Mode, deadline: float) -> float:
    return min(deadline, asyncio.get_running_loop().time() + PATIENCE[mode])


def _request(
    reference: ImageReference, until: float, snapshot: Snapshot, circumstances: Circumstances
) -> GatherRequest:
    return GatherRequest(
        reference=reference,
        wanted=snapshot.policies.wanted,
        roots=snapshot.roots,
        now=circumstances.now,
        deadline=until,
    )


async def _gather_in_time(gather: Gather, request: GatherRequest) -> Evidence:
    """Gathering keeps the deadline itself; this is the guard for when it does not."""
    try:
        async with asyncio.timeout_at(request.deadline + _GRACE):
            return await gather(request)
    except TimeoutError:
        gap = Gap(
            reason=Reason.DeadlineExceeded,
            detail=f"{request.reference.repository.host} did not answer in time",
        )
        return Evidence(digest=request.reference.digest, gaps=(gap,))


_GRACE = 0.1  # seconds that partial evidence may take to come back after the deadline


def _unsynced(image: WorkloadImage) -> ImageVerdict:
    finding = Finding(
        policy=None, mode=Mode.ENFORCE, reason=Reason.PoliciesNotSynced, detail="policies are not loaded yet"
    )
    digest = image.reference.digest if image.reference else None
    return ImageVerdict(image=image, digest=digest, covered=False, findings=(finding,))
