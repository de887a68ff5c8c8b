"""The one decision: workload and policies in, verdict out. Webhook, scan, command line and policy tests call it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from controller.core.evaluate import Selected, judge_image, needs_evidence, select
from controller.core.evidence import Evidence, Gap
from controller.core.image import ImageReference
from controller.core.policy import Mode, Policy, Uncovered
from controller.core.question import Moment
from controller.core.reasons import Reason
from controller.core.verdict import Finding, ImageVerdict, Verdict, conclude
from controller.core.workload import Workload, WorkloadImage
from controller.engine.gathering import Gather, GatherRequest
from controller.engine.policies import Snapshot

PARALLEL_IMAGES = 32
MAX_IMAGES = 256  # of one workload that are looked up; the others are unknown, which Enforce refuses
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
    selections: list[Selected] = []
    for image in workload.images:
        await asyncio.sleep(0)
        selections.append(select(snapshot.policies, workload, image))
    evidence = await _gather_all(workload, selections, snapshot, gather, circumstances)
    moment = Moment(now=circumstances.now, uncovered=circumstances.uncovered)
    judged: list[ImageVerdict] = []
    for image, selected in zip(workload.images, selections, strict=True):
        await asyncio.sleep(0)  # other reviews go on, however many images and policies this one has
        found = evidence.get(image.reference) if image.reference else None
        judged.append(
            judge_image(
                snapshot.policies,
                workload,
                image,
                selected=selected,
                evidence=found,
                moment=moment,
            )
        )
    return conclude(tuple(judged), expected=len(workload.images))


async def _gather_all(
    workload: Workload, selections: list[Selected], snapshot: Snapshot, gather: Gather, circumstances: Circumstances
) -> dict[ImageReference, Evidence]:
    requests = [
        _request(workload, image.reference, selected, snapshot, circumstances)
        for image, selected in zip(workload.images, selections, strict=True)
        if image.reference is not None and needs_evidence(selected, workload.form, image)
    ]
    slots = asyncio.Semaphore(PARALLEL_IMAGES)
    served, beyond = requests[:MAX_IMAGES], requests[MAX_IMAGES:]
    gathered = await asyncio.gather(*(_gather_in_turn(gather, request, slots) for request in served))
    evidence = {request.reference: found for request, found in zip(served, gathered, strict=True)}
    return evidence | {request.reference: _too_many(request) for request in beyond}


def _strictest(workload: Workload, modes: list[Mode]) -> Mode:
    if workload.mirror:
        return Mode.AUDIT
    return next(mode for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT) if mode in modes)


def _until(mode: Mode, deadline: float) -> float:
    return min(deadline, asyncio.get_running_loop().time() + PATIENCE[mode])


def _request(
    workload: Workload,
    reference: ImageReference,
    selected: Selected,
    snapshot: Snapshot,
    circumstances: Circumstances,
) -> GatherRequest:
    named = [policy.trust_roots for policy, _ in selected if isinstance(policy, Policy)]
    named += [builder.trust_roots for builder in snapshot.policies.builders.values()]
    strictest = _strictest(workload, [policy.mode for policy, _ in selected])
    return GatherRequest(
        reference=reference,
        wanted=snapshot.policies.wanted,
        roots=snapshot.roots.serving(frozenset().union(*named)),
        now=circumstances.now,
        deadline=_until(strictest, circumstances.deadline),
    )


async def _gather_in_turn(gather: Gather, request: GatherRequest, slots: asyncio.Semaphore) -> Evidence:
    """Gathering keeps the deadline itself; this guards the wait for a slot, and against one that does not keep it."""
    try:
        async with asyncio.timeout_at(request.deadline + _GRACE), slots:
            return await gather(request)
    except TimeoutError:
        host = request.reference.repository.host
        return _unknown(request, Reason.DeadlineExceeded, f"{host} did not answer in time")


def _too_many(request: GatherRequest) -> Evidence:
    return _unknown(request, Reason.LimitExceeded, f"the workload has more than {MAX_IMAGES} images to look up")


def _unknown(request: GatherRequest, reason: Reason, detail: str) -> Evidence:
    return Evidence(digest=request.reference.digest, gaps=(Gap(reason=reason, detail=detail),))


_GRACE = 0.1  # seconds that partial evidence may take to come back after the deadline


def _unsynced(image: WorkloadImage) -> ImageVerdict:
    finding = Finding(
        policy=None, mode=Mode.ENFORCE, reason=Reason.PoliciesNotSynced, detail="policies are not loaded yet"
    )
    digest = image.reference.digest if image.reference else None
    return ImageVerdict(image=image, digest=digest, covered=False, findings=(finding,))
