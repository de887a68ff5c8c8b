"""/validate: judges a workload, by the one decision that everything else goes by, too."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple

from controller.core.policy import Uncovered
from controller.core.question import EXCEPTION_MAXIMUM
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.access import FindAccess, as_navicert, gathering_as
from controller.engine.circumstances import Circumstances
from controller.engine.decision import begin
from controller.engine.gathering import Gather, Lookup
from controller.engine.policies import Snapshot
from controller.webhook.line import render_verdict
from controller.webhook.review import MAX_BYTES_ON_LOOP, Answered
from controller.wire.admission import AdmissionRequest, render, render_bug
from controller.wire.workload import parse_workload

Labels = Callable[[str, float], Awaitable[Mapping[str, str] | None]]
"""The labels of a namespace, or None when they can't be found out by a time of the loop's clock."""


def nothing_at_hand(_namespace: str) -> None:
    """Where the labels of every namespace have to be asked for."""


_OUTCOMES = {200: "admitted", 403: "refused", 500: "bug", 503: "error"}


class _Held(NamedTuple):
    """What a review is judged under: `lookups` are told where evidence came from."""

    snapshot: Snapshot | None
    circumstances: Circumstances
    lookups: list[Lookup]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Everything a review is judged by. The callables are asked anew for each review; `now` is aware, UTC."""

    path: ClassVar[str] = "/validate"

    snapshot: Callable[[], Snapshot | None]
    gather: Gather
    namespace_labels: Labels
    labels_at_hand: Callable[[str], Mapping[str, str] | None] = nothing_at_hand
    find_access: FindAccess = as_navicert
    uncovered: Uncovered
    exception_maximum: timedelta = EXCEPTION_MAXIMUM
    now: Callable[[], datetime]

    def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered | Coroutine[Any, Any, Answered]:
        """The verdict on what the review brings; raises MalformedReview for what can't be judged."""
        if len(request.object) + len(request.old_object) > MAX_BYTES_ON_LOOP:
            return self._answer_large(request, deadline)
        workload = parse_workload(request, self.labels_at_hand(request.namespace or ""))
        if workload.images and workload.namespace_labels is None:
            return self._answer_labelled(request, workload, deadline)
        return self._judged(request, workload, self._circumstances(deadline))

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """A bug refuses (SVC-007)."""
        return render_bug(request)

    async def _answer_large(self, request: AdmissionRequest, deadline: float) -> Answered:
        workload = await asyncio.to_thread(parse_workload, request)
        return await self._answer_labelled(request, workload, deadline)

    async def _answer_labelled(self, request: AdmissionRequest, workload: Workload, deadline: float) -> Answered:
        """With the labels of its namespace, which are asked for; by what held before."""
        held = self._circumstances(deadline)
        if workload.images:
            labels = await self.namespace_labels(workload.namespace, halfway(deadline))
            workload = replace(workload, namespace_labels=labels)
        answered = self._judged(request, workload, held)
        return answered if isinstance(answered, Answered) else await answered

    def _circumstances(self, deadline: float) -> _Held:
        """The policies of this moment (POL-012), and all that a review is judged under besides."""
        lookups: list[Lookup] = []
        circumstances = Circumstances(
            now=self.now(),
            deadline=deadline,
            uncovered=self.uncovered,
            exception_maximum=self.exception_maximum,
            heard=lookups.append,
        )
        return _Held(self.snapshot(), circumstances, lookups)

    def _judged(
        self, request: AdmissionRequest, workload: Workload, held: _Held
    ) -> Answered | Coroutine[Any, Any, Answered]:
        gather = gathering_as(workload, self.gather, self.find_access)
        verdict = begin(workload, snapshot=held.snapshot, gather=gather, circumstances=held.circumstances)
        if isinstance(verdict, Verdict):
            return _answered(request, workload, verdict, held.lookups)
        return _awaited(request, workload, verdict, held.lookups)


async def _awaited(
    request: AdmissionRequest, workload: Workload, verdict: Awaitable[Verdict], lookups: Sequence[Lookup]
) -> Answered:
    return _answered(request, workload, await verdict, lookups)


def _answered(request: AdmissionRequest, workload: Workload, verdict: Verdict, lookups: Sequence[Lookup]) -> Answered:
    return Answered(
        body=render(request, verdict),
        outcome="unchanged" if verdict.unchanged else _OUTCOMES[verdict.code],
        line=render_verdict(workload, verdict, lookups),
        findings=verdict.findings,
    )


def halfway(deadline: float) -> float:
    """Looking up a namespace may not use up the time that judging needs."""
    now = asyncio.get_running_loop().time()
    return now + (deadline - now) / 2
