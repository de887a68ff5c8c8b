"""/validate: judges a workload, by the one decision that everything else goes by, too."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from controller.core.policy import Uncovered
from controller.core.question import EXCEPTION_MAXIMUM
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.access import FindAccess, as_navicert, gathering_as
from controller.engine.decision import Circumstances, decide
from controller.engine.gathering import Gather, Heard, Lookup
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

    async def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered:
        """The verdict on what the review brings; raises MalformedReview for what can't be judged."""
        workload = await self._parse(request)
        lookups: list[Lookup] = []
        verdict = await self._verdict(workload, deadline=deadline, heard=lookups.append)
        return Answered(
            body=render(request, verdict),
            outcome="unchanged" if verdict.unchanged else _OUTCOMES[verdict.code],
            line=render_verdict(workload, verdict, lookups),
            findings=verdict.findings,
        )

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """A bug refuses (SVC-007)."""
        return render_bug(request)

    async def _parse(self, request: AdmissionRequest) -> Workload:
        """With the labels of its namespace, unless policies may change meanwhile: both are of one moment."""
        if len(request.object) + len(request.old_object) <= MAX_BYTES_ON_LOOP:
            return parse_workload(request, self.labels_at_hand(request.namespace or ""))
        return await asyncio.to_thread(parse_workload, request)

    async def _verdict(self, workload: Workload, *, deadline: float, heard: Heard) -> Verdict:
        """The verdict on a workload by `deadline`, on the snapshot of this moment (POL-012)."""
        snapshot, now = self.snapshot(), self.now()
        if workload.images and workload.namespace_labels is None:
            labels = await self.namespace_labels(workload.namespace, halfway(deadline))
            workload = replace(workload, namespace_labels=labels)
        circumstances = Circumstances(
            now=now,
            deadline=deadline,
            uncovered=self.uncovered,
            exception_maximum=self.exception_maximum,
            heard=heard,
        )
        gather = gathering_as(workload, self.gather, self.find_access)
        return await decide(workload, snapshot=snapshot, gather=gather, circumstances=circumstances)


def halfway(deadline: float) -> float:
    """Looking up a namespace may not use up the time that judging needs."""
    now = asyncio.get_running_loop().time()
    return now + (deadline - now) / 2
