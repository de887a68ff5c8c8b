"""The one decision: workload and policies in, verdict out. Webhook, scan, command line and policy tests call it."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from controller.core.dependencies import wanted_dependencies
from controller.core.errors import DeadlineExceeded, LimitExceeded, NavicertError
from controller.core.evaluate import Selected, children_matter, judge_image, needs_evidence, select
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest, ImageReference
from controller.core.match import Applies
from controller.core.policy import Mode, Policy, Uncovered
from controller.core.question import EXCEPTION_MAXIMUM, Moment, Question
from controller.core.reasons import Outcome, Reason
from controller.core.verdict import Finding, ImageVerdict, Verdict, conclude
from controller.core.work import share_of_work
from controller.core.workload import Workload, WorkloadImage
from controller.engine.gathering import Gather, GatherRequest, Heard, nobody_hears
from controller.engine.policies import Snapshot

_T = TypeVar("_T")

PARALLEL_IMAGES = 32
STEPS_IN_A_ROW = 8  # selections and judgements, of a millisecond each, before other reviews have a turn
SECONDS_OF_STEP = 0.001  # one that took longer, as costly conditions do, counts as so many
MAX_IMAGES = 256  # of one workload that are looked up; the others are unknown, which Enforce refuses
MAX_DEPENDENCIES = 32  # of one image that are looked up
NO_DEPENDENCIES: Mapping[Digest, Evidence] = {}
PATIENCE: Mapping[Mode, float] = {Mode.ENFORCE: float("inf"), Mode.WARN: 2.0, Mode.AUDIT: 0.5}
"""Seconds that an image may hold up a review, by the strictest mode that matches it."""
UNHURRIED: Mapping[Mode, float] = {mode: float("inf") for mode in Mode}
"""Where nobody's pod waits for the answer."""
RECENT_SECONDS = 30.0  # evidence that does not satisfy, and is older, is gathered anew


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a decision is made under: the review's own time, its deadline on the loop's clock, and settings.

    `patience` is how long, in seconds, an image may hold up the answer, by the strictest mode that matches it. `heard`
    is told where evidence came from.
    """

    now: datetime
    deadline: float
    uncovered: Uncovered
    exception_maximum: timedelta = EXCEPTION_MAXIMUM
    patience: Mapping[Mode, float] = field(default_factory=lambda: PATIENCE)
    heard: Heard = nobody_hears

    @property
    def moment(self) -> Moment:
        """What judgement takes of them."""
        return Moment(now=self.now, uncovered=self.uncovered, exception_maximum=self.exception_maximum)


async def decide(
    workload: Workload, *, snapshot: Snapshot | None, gather: Gather, circumstances: Circumstances
) -> Verdict:
    """Judge every image of the workload by one snapshot of the policies.

    Guarantees an answer by the deadline, one gathering for each distinct reference, and a finding for each image.
    An image that is not satisfied is looked at once more: for the children of an index, and for what was attached since
    its evidence was gathered for another review. `snapshot` is None before the first sync: then everything is refused.
    Raises only what is a bug.
    """
    if snapshot is None:
        return conclude(tuple(_unsynced(image) for image in workload.images), expected=len(workload.images))
    review = _Review(workload, snapshot, gather, circumstances)
    selections: list[Selected] = []
    for image in workload.images:
        await review.give_way()
        selections.append(select(snapshot.policies, workload, image))
    pairs = list(zip(workload.images, selections, strict=True))
    needing = [place for place, (image, selected) in enumerate(pairs) if needs_evidence(selected, workload.form, image)]
    served, beyond = needing[:MAX_IMAGES], frozenset(needing[MAX_IMAGES:])
    looked_up = await _all([review.look_up(*pairs[place]) for place in served])
    verdicts = dict(zip(served, looked_up, strict=True))
    for place, (image, selected) in enumerate(pairs):
        if place not in verdicts:
            verdicts[place] = await review.judge(image, selected, _too_many(image) if place in beyond else None)
    return conclude(tuple(verdicts[place] for place in range(len(pairs))), expected=len(workload.images))


class _Review:
    """One workload while it is being judged."""

    def __init__(self, workload: Workload, snapshot: Snapshot, gather: Gather, circumstances: Circumstances) -> None:
        self._workload = workload
        self._snapshot = snapshot
        self._gather = gather
        self._circumstances = circumstances
        self._slots = asyncio.Semaphore(PARALLEL_IMAGES)
        self._moment = replace(circumstances.moment, work=share_of_work(len(workload.images)))
        self._steps = 0

    async def give_way(self) -> None:
        """Now and then others go on, however many images and policies this review has."""
        self._steps += 1
        if self._steps >= STEPS_IN_A_ROW:
            self._steps = 0
            await asyncio.sleep(0)

    async def judge(
        self,
        image: WorkloadImage,
        selected: Selected,
        evidence: Evidence | None,
        dependencies: Mapping[Digest, Evidence] = NO_DEPENDENCIES,
    ) -> ImageVerdict:
        """The verdict on one image; other reviews go on in between."""
        await self.give_way()
        policies, workload = self._snapshot.policies, self._workload
        moment = replace(self._moment, dependencies=dependencies) if dependencies else self._moment
        started = asyncio.get_running_loop().time()
        verdict = judge_image(policies, workload, image, selected=selected, evidence=evidence, moment=moment)
        self._steps += int((asyncio.get_running_loop().time() - started) / SECONDS_OF_STEP)
        return verdict

    async def look_up(self, image: WorkloadImage, selected: Selected) -> ImageVerdict:
        """The verdict on one image by its evidence."""
        if image.reference is None:
            raise ValueError("what is no reference has no evidence")
        request = self._request(image.reference, selected)
        evidence = await self._evidence(request)
        verdict = await self.judge(image, selected, evidence)
        again = _again(request, evidence, verdict)
        anew = await self._evidence(again) if again else evidence
        dependencies = await self._dependencies(request, selected, anew) if _unmet(verdict) else NO_DEPENDENCIES
        if anew is evidence and not dependencies:
            return verdict
        return await self.judge(image, selected, anew, dependencies)

    async def _dependencies(
        self, request: GatherRequest, selected: Selected, evidence: Evidence
    ) -> Mapping[Digest, Evidence]:
        """The evidence of the images that this one was built from, where a policy asks for their level; not of theirs
        (SUM-015). Of more than MAX_DEPENDENCIES nothing is known of the others, which meets no requirement."""
        policies = self._snapshot.policies
        question = Question.of(policies, self._workload, request.reference, evidence, self._moment)
        sound = [policy for policy, applies in selected if isinstance(policy, Policy) and applies is Applies.YES]
        wanted = wanted_dependencies(sound, question) if question is not None else ()
        asked = [replace(request, reference=one, children=True) for one in wanted[:MAX_DEPENDENCIES]]
        found = await _all([self._evidence(one) for one in asked])
        return {one.reference.digest: known for one, known in zip(asked, found, strict=True) if one.reference.digest}

    async def _evidence(self, request: GatherRequest) -> Evidence:
        """Gathering keeps the deadline itself; this guards the wait for a slot, and against one that does not.

        The grace counts from when the loop notices that the deadline has passed: however late a busy one is, what had
        been found by then still arrives.
        """
        gathering = asyncio.create_task(self._in_turn(request))
        try:
            await asyncio.wait({gathering}, timeout=request.deadline - asyncio.get_running_loop().time())
            await asyncio.wait({gathering}, timeout=_GRACE)
        finally:
            gathering.cancel()
        if gathering.done():
            return gathering.result()
        host = request.reference.repository.host
        return _unknown(request.reference, DeadlineExceeded(f"{host} did not answer in time"))

    async def _in_turn(self, request: GatherRequest) -> Evidence:
        async with self._slots:
            return await self._gather(request)

    def _request(self, reference: ImageReference, selected: Selected) -> GatherRequest:
        policies = self._snapshot.policies
        named = [policy.trust_roots for policy, _ in selected if isinstance(policy, Policy)]
        strictest = _strictest(self._workload, [policy.mode for policy, _ in selected])
        roots, now = policies.builder_roots.union(*named), self._circumstances.now
        return GatherRequest(
            reference=reference,
            wanted=policies.wanted,
            kept=policies.kept,
            roots=self._snapshot.roots.serving(roots),
            stale=frozenset(self._snapshot.roots.stale(roots, now)),
            now=now,
            deadline=_until(strictest, self._circumstances),
            until=self._circumstances.deadline,
            heard=self._circumstances.heard,
        )


async def _all(work: Sequence[Coroutine[Any, Any, _T]]) -> Sequence[_T]:
    """The results in order; a single one needs no task of its own."""
    return [await work[0]] if len(work) == 1 else await asyncio.gather(*work)


def _again(request: GatherRequest, evidence: Evidence, verdict: ImageVerdict) -> GatherRequest | None:
    """What is worth asking once more: nothing, where all is satisfied or where a gap stays one. What a trust root does
    not vouch for is no gap in what the registry says, which may be more by now.

    The digest is what the tag was resolved to: that counts for the whole review.
    """
    unmet = _unmet(verdict)
    children = children_matter(verdict.findings, evidence)
    if evidence.digest is None or not unmet or (any(not gap.roots for gap in evidence.gaps) and not children):
        return None
    reference = replace(request.reference, digest=evidence.digest)
    return replace(request, reference=reference, children=children, max_age=RECENT_SECONDS)


def _unmet(verdict: ImageVerdict) -> bool:
    return any(finding.policy and finding.outcome in (Outcome.FAIL, Outcome.ERROR) for finding in verdict.findings)


def _strictest(workload: Workload, modes: list[Mode]) -> Mode:
    if workload.mirror:
        return Mode.AUDIT
    return next(mode for mode in (Mode.ENFORCE, Mode.WARN, Mode.AUDIT) if mode in modes)


def _until(mode: Mode, circumstances: Circumstances) -> float:
    return min(circumstances.deadline, asyncio.get_running_loop().time() + circumstances.patience[mode])


def _too_many(image: WorkloadImage) -> Evidence | None:
    error = LimitExceeded(f"the workload has more than {MAX_IMAGES} images to look up")
    return _unknown(image.reference, error) if image.reference else None


def _unknown(reference: ImageReference, error: NavicertError) -> Evidence:
    gap = Gap.of(error)
    return Evidence(digest=reference.digest, gaps=(gap,), unlisted=gap)


_GRACE = 0.1  # seconds that partial evidence may take to come back after the deadline


def _unsynced(image: WorkloadImage) -> ImageVerdict:
    finding = Finding(
        policy=None, mode=Mode.ENFORCE, reason=Reason.PoliciesNotSynced, detail="policies are not loaded yet"
    )
    digest = image.reference.digest if image.reference else None
    return ImageVerdict(image=image, digest=digest, covered=False, findings=(finding,))
