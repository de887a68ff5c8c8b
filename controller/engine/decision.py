"""The one decision: workload and policies in, verdict out. Webhook, scan, command line and policy tests call it."""

import asyncio
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from controller.core.dependencies import wanted_dependencies
from controller.core.errors import DeadlineExceeded, LimitExceeded, NavicertError
from controller.core.evaluate import children_matter, judge_image, needs_evidence, select
from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest, ImageReference
from controller.core.policy import Mode, strictest
from controller.core.question import Moment, Question
from controller.core.reasons import Outcome, Reason
from controller.core.season import Season
from controller.core.selection import Selected
from controller.core.verdict import Finding, ImageVerdict, Verdict, conclude
from controller.core.work import share_of_work
from controller.core.workload import Workload, WorkloadImage
from controller.engine.circumstances import Circumstances
from controller.engine.gathering import Gather, GatherRequest, Known
from controller.engine.policies import Snapshot

_T = TypeVar("_T")

PARALLEL_IMAGES = 32
STEPS_IN_A_ROW = 8  # selections and judgements, of a millisecond each, before other reviews have a turn
SECONDS_OF_STEP = 0.001  # one that took longer, as costly conditions do, counts as so many
MAX_IMAGES = 256  # of one workload that are looked up; the others are unknown, which Enforce refuses
MAX_DEPENDENCIES = 32  # of one image that are looked up
NO_DEPENDENCIES: Mapping[Digest, Evidence] = {}
RECENT_SECONDS = 30.0  # evidence that does not satisfy, and is older, is gathered anew


async def decide(
    workload: Workload, *, snapshot: Snapshot | None, gather: Gather, circumstances: Circumstances
) -> Verdict:
    """Judge every image of the workload by one snapshot of the policies.

    Guarantees an answer by the deadline, one gathering for each distinct reference, and a finding for each image.
    An image that is not satisfied is looked at once more: for the children of an index, and for what was attached since
    its evidence was gathered for another review. `snapshot` is None before the first sync: then everything is refused.
    Raises only what is a bug.
    """
    verdict = begin(workload, snapshot=snapshot, gather=gather, circumstances=circumstances)
    return verdict if isinstance(verdict, Verdict) else await verdict


def begin(
    workload: Workload, *, snapshot: Snapshot | None, gather: Gather, circumstances: Circumstances
) -> Verdict | Coroutine[Any, Any, Verdict]:
    """As `decide`: the verdict itself, where all it takes is at hand, or else what comes to it."""
    expected = len(workload.images)
    if snapshot is None:
        return conclude(tuple(_unsynced(image) for image in workload.images), expected=expected)
    verdicts = _Review(workload, snapshot, gather, circumstances).begin()
    return _concluded(verdicts, expected) if isinstance(verdicts, Coroutine) else conclude(verdicts, expected=expected)


async def _concluded(verdicts: Awaitable[tuple[ImageVerdict, ...]], expected: int) -> Verdict:
    return conclude(await verdicts, expected=expected)


class _Asked(NamedTuple):
    """An image that needs evidence, the policies that are about it, and what is asked for them."""

    image: WorkloadImage
    selected: Selected
    request: GatherRequest


_First = ImageVerdict | Coroutine[Any, Any, ImageVerdict]  # the latter not begun


class _Review:
    """One workload while it is being judged."""

    def __init__(self, workload: Workload, snapshot: Snapshot, gather: Gather, circumstances: Circumstances) -> None:
        self._workload = workload
        self._snapshot = snapshot
        self._gather = gather
        self._circumstances = circumstances
        self._moment = Moment(
            now=circumstances.now,
            uncovered=circumstances.uncovered,
            exception_maximum=circumstances.exception_maximum,
            work=share_of_work(len(workload.images)),
        )
        self._loop = asyncio.get_running_loop()
        self._steps = self._needing = 0

    def begin(self) -> tuple[ImageVerdict, ...] | Coroutine[Any, Any, tuple[ImageVerdict, ...]]:
        """One verdict for each image, in their order. What is at hand and satisfies takes no task, and waits for
        nobody; where that is all there is, and it is quickly judged, these are the verdicts themselves."""
        first: list[_First] = []
        for image in self._workload.images:
            if self._steps >= STEPS_IN_A_ROW:
                return self._verdicts(first)
            first.append(self._first(image))
        judged = tuple([one for one in first if isinstance(one, ImageVerdict)])
        return judged if len(judged) == len(first) else self._verdicts(first)

    async def _verdicts(self, first: list[_First]) -> tuple[ImageVerdict, ...]:
        """All that is left of it; what has to be looked up is looked up together."""
        for image in self._workload.images[len(first) :]:
            if self._turn_is_over():
                await asyncio.sleep(0)
            first.append(self._first(image))
        looked_up = iter(await _all([one for one in first if not isinstance(one, ImageVerdict)]))
        return tuple([one if isinstance(one, ImageVerdict) else next(looked_up) for one in first])

    def _first(self, image: WorkloadImage) -> _First:
        """The verdict where nothing has to be looked up, or else the looking up, not begun."""
        self._steps += 1
        selected = select(self._snapshot.policies, self._workload, image)
        if image.reference is None or not needs_evidence(selected, self._workload.form, image):
            return self._judged(image, selected, None)
        self._needing += 1
        if self._needing > MAX_IMAGES:
            error = LimitExceeded(f"the workload has more than {MAX_IMAGES} images to look up")
            return self._judged(image, selected, _unknown(image.reference, error))
        asked = _Asked(image, selected, self._request(image.reference, selected))
        answer = self._gather(asked.request)
        if not isinstance(answer, Known):
            return self._look_up(asked, answer)
        verdict = self._judged(image, selected, answer.evidence)
        return self._look_again(asked, answer.evidence, verdict) if _unmet(verdict) else verdict

    def _turn_is_over(self) -> bool:
        """Now and then others go on, however many images and policies this review has."""
        if self._steps < STEPS_IN_A_ROW:
            return False
        self._steps = 0
        return True

    async def _judge(
        self,
        image: WorkloadImage,
        selected: Selected,
        evidence: Evidence | None,
        dependencies: Mapping[Digest, Evidence] = NO_DEPENDENCIES,
    ) -> ImageVerdict:
        """The verdict on one image; other reviews go on in between."""
        if self._turn_is_over():
            await asyncio.sleep(0)
        return self._judged(image, selected, evidence, dependencies)

    def _judged(
        self,
        image: WorkloadImage,
        selected: Selected,
        evidence: Evidence | None,
        dependencies: Mapping[Digest, Evidence] = NO_DEPENDENCIES,
    ) -> ImageVerdict:
        policies, workload = self._snapshot.policies, self._workload
        moment = replace(self._moment, dependencies=dependencies) if dependencies else self._moment
        clock = self._loop.time
        started = clock()
        verdict = judge_image(policies, workload, image, selected=selected, evidence=evidence, moment=moment)
        self._steps += 1 + int((clock() - started) / SECONDS_OF_STEP)
        return verdict

    async def _look_up(self, asked: _Asked, answer: Awaitable[Evidence]) -> ImageVerdict:
        """The verdict on one image by its evidence."""
        evidence = await self._evidence(asked.request, answer)
        verdict = await self._judge(asked.image, asked.selected, evidence)
        return await self._look_again(asked, evidence, verdict) if _unmet(verdict) else verdict

    async def _look_again(self, asked: _Asked, evidence: Evidence, verdict: ImageVerdict) -> ImageVerdict:
        """The verdict on an image that was not satisfied, by what is known when it is asked once more.

        All of that is waited for as long as the strictest policy that is not satisfied may hold up a review.
        """
        modes = {finding.mode for finding in verdict.findings if finding.policy and finding.unmet}
        deadline = min(asked.request.deadline, _until(strictest(modes), self._circumstances))
        asked = asked._replace(request=replace(asked.request, deadline=deadline))
        again = _again(asked.request, evidence, verdict)
        anew = await self._evidence(again, self._gather(again)) if again else evidence
        dependencies = await self._dependencies(asked, anew)
        if anew is evidence and not dependencies:
            return verdict
        judged = await self._judge(asked.image, asked.selected, anew, dependencies)
        return judged if evidence.gaps else _settled(verdict, judged)

    async def _dependencies(self, asked: _Asked, evidence: Evidence) -> Mapping[Digest, Evidence]:
        """The evidence of the images that this one was built from, where a policy asks for their level; not of theirs
        (SUM-015). Of more than MAX_DEPENDENCIES nothing is known of the others, which meets no requirement."""
        request, season = asked.request, Season(self._moment.now)
        question = Question.of(
            self._snapshot.policies, self._workload, request.reference, evidence, self._moment, season
        )
        wanted = wanted_dependencies(asked.selected.sound, question) if question is not None else ()
        requests = [replace(request, reference=one, children=True) for one in wanted[:MAX_DEPENDENCIES]]
        found = await _all([self._evidence(one, self._gather(one)) for one in requests])
        return {one.reference.digest: known for one, known in zip(requests, found, strict=True) if one.reference.digest}

    async def _evidence(self, request: GatherRequest, answer: Awaitable[Evidence]) -> Evidence:
        """Gathering keeps the deadline itself; this guards the wait for a slot, and against one that does not.

        The grace counts from when the loop notices that the deadline has passed: however late a busy one is, what had
        been found by then still arrives.
        """
        if isinstance(answer, Known):
            return answer.evidence
        gathering = asyncio.create_task(self._in_turn(answer))
        try:
            await asyncio.wait({gathering}, timeout=request.deadline - self._loop.time())
            await asyncio.wait({gathering}, timeout=_GRACE)
        finally:
            gathering.cancel()
        if gathering.done():
            return gathering.result()
        host = request.reference.repository.host
        return _unknown(request.reference, DeadlineExceeded(f"{host} did not answer in time"))

    async def _in_turn(self, answer: Awaitable[Evidence]) -> Evidence:
        async with self._slots:
            return await answer

    @cached_property
    def _slots(self) -> asyncio.Semaphore:
        return asyncio.Semaphore(PARALLEL_IMAGES)

    def _request(self, reference: ImageReference, selected: Selected) -> GatherRequest:
        policies, now = self._snapshot.policies, self._circumstances.now
        strictest = Mode.AUDIT if self._workload.mirror else selected.strictest
        roots = policies.builder_roots | selected.trust_roots
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
    """The results in order; a single one needs no task of its own, and none no turn of the loop."""
    return [await one for one in work] if len(work) <= 1 else await asyncio.gather(*work)


def _again(request: GatherRequest, evidence: Evidence, verdict: ImageVerdict) -> GatherRequest | None:
    """What is worth asking once more where not all is satisfied: nothing, where a gap stays one. What a trust root does
    not vouch for is no gap in what the registry says, which may be more by now.

    The digest is what the tag was resolved to: that counts for the whole review.
    """
    children = children_matter(verdict.findings, evidence)
    if evidence.digest is None or (any(not gap.roots for gap in evidence.gaps) and not children):
        return None
    reference = replace(request.reference, digest=evidence.digest)
    return replace(request, reference=reference, children=children, max_age=RECENT_SECONDS)


def _settled(first: ImageVerdict, second: ImageVerdict) -> ImageVerdict:
    """The second verdict, without what it could not find out of policies that the first had satisfied.

    Evidence without a gap had satisfied them, and may for as long as it is remembered: that another policy made it
    worth a second look takes nothing from it (CACHE-012). What the second look shows to fail does fail.
    """
    findings = tuple(
        once if again.outcome is Outcome.ERROR and not once.unmet else again
        for once, again in zip(first.findings, second.findings, strict=True)
    )
    return replace(second, findings=findings)


def _unmet(verdict: ImageVerdict) -> bool:
    return any(finding.policy and finding.unmet for finding in verdict.findings)


def _until(mode: Mode, circumstances: Circumstances) -> float:
    return min(circumstances.deadline, asyncio.get_running_loop().time() + circumstances.patience[mode])


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
