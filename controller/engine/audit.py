"""Judging what runs already, by the one decision that admission goes by, too. Evicts nothing, and writes nothing."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.core.evidence import Evidence, Gap
from controller.core.policy import PolicyName, Uncovered
from controller.core.question import EXCEPTION_MAXIMUM
from controller.core.reasons import Outcome, Reason
from controller.core.verdict import Finding, ImageVerdict
from controller.core.workload import Form, Workload
from controller.engine.access import Gathering, gathering_as
from controller.engine.circumstances import UNHURRIED, Circumstances
from controller.engine.decision import decide
from controller.engine.gathering import GatherRequest
from controller.engine.policies import Snapshot
from controller.engine.population import RunningWorkload
from controller.wire.running import PodShape

WORKLOAD_SECONDS = 30.0  # for each distinct shape of its pods
UNKNOWN = Gap(
    reason=Reason.RegistryUnavailable,
    detail="which image runs is not known: its node does not tell the digest of the manifest; pin the digest",
)
_WORST = (Outcome.FAIL, Outcome.ERROR, Outcome.SKIP, Outcome.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """What an audit goes by besides policies. Evidence older than `max_age` seconds is gathered anew."""

    uncovered: Uncovered
    exception_maximum: timedelta = EXCEPTION_MAXIMUM
    max_age: float = float("inf")


async def audit(
    workload: RunningWorkload,
    *,
    snapshot: Snapshot,
    gathering: Gathering,
    namespace_labels: Mapping[str, str] | None,
    settings: AuditSettings,
    now: datetime,
) -> tuple[ImageVerdict, ...]:
    """The verdict on each distinct image that the workload runs, in order of the image.

    Where its pods differ in labels, and come out differently, the worst finding of each policy is told. `now` is aware,
    UTC. Raises only what is a bug.
    """

    async def gather_known(request: GatherRequest) -> Evidence:
        """What a tag points to now need not be what runs: an image without a digest is unknown."""
        if request.reference.digest is None:
            return Evidence(digest=None, gaps=(UNKNOWN,))
        return await gathering.gather(replace(request, max_age=min(request.max_age, settings.max_age)))

    found: list[ImageVerdict] = []
    for shape in workload.shapes:
        circumstances = Circumstances(
            now=now,
            deadline=asyncio.get_running_loop().time() + WORKLOAD_SECONDS,
            uncovered=settings.uncovered,
            exception_maximum=settings.exception_maximum,
            patience=UNHURRIED,
        )
        judged = _as_judged(workload.namespace, shape, namespace_labels)
        gather_as = gathering_as(judged, gather_known, gathering.find_access)
        verdict = await decide(judged, snapshot=snapshot, gather=gather_as, circumstances=circumstances)
        found += verdict.images
    return merge(found)


def _as_judged(namespace: str, shape: PodShape, namespace_labels: Mapping[str, str] | None) -> Workload:
    """The pod as a review would bring it, with one difference: that a tag was not pinned is told by admission alone.

    Here it would hide that nobody knows which image runs.
    """
    return Workload(
        kind="Pod",
        namespace=namespace,
        name=shape.name,
        form=Form.TEMPLATE,
        labels=dict(shape.labels),
        images=shape.images,
        namespace_labels=namespace_labels,
        pulled_with=shape.pulled_with,
    )


def merge(verdicts: Iterable[ImageVerdict]) -> tuple[ImageVerdict, ...]:
    """One verdict for each distinct image: all its slots, and of each policy the worst finding."""
    grouped: dict[str, list[ImageVerdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(verdict.image.text, []).append(verdict)
    return tuple(_merged(same) for _, same in sorted(grouped.items()))


def _merged(same: list[ImageVerdict]) -> ImageVerdict:
    first = same[0]
    worst: dict[PolicyName | None, Finding] = {}
    for finding in (finding for verdict in same for finding in verdict.findings):
        known = worst.setdefault(finding.policy, finding)
        if _WORST.index(finding.outcome) < _WORST.index(known.outcome):
            worst[finding.policy] = finding
    slots = dict.fromkeys(slot for verdict in same for slot in verdict.image.slots)
    return ImageVerdict(
        image=replace(first.image, slots=tuple(slots)),
        digest=first.digest,
        covered=all(verdict.covered for verdict in same),
        findings=tuple(finding for _, finding in sorted(worst.items(), key=lambda one: str(one[0] or "~"))),
    )
