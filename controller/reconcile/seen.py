"""What a scan remembers of a workload that it judged, and when that has to be done again."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from controller.core.image import Digest
from controller.core.reasons import Outcome, Reason
from controller.core.verdict import Finding, ImageVerdict
from controller.engine.population import RunningWorkload
from controller.reconcile.reports import Present, ReportName
from controller.wire.reported import ReportedOutcomes

UNKNOWN_SECONDS = 900.0  # until what could not be found out is asked again

Labels = Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What a judgement goes by besides evidence. `epoch` stands for everything that is in force."""

    epoch: int
    running: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A workload as it was judged last. `due` is in seconds of the loop's clock."""

    inputs: Inputs
    due: float
    outcomes: ReportedOutcomes
    results: tuple[tuple[str, str], ...]
    uncovered: frozenset[str]
    reports: Mapping[ReportName, Digest]

    def holds(self, inputs: Inputs, present: Present | None, *, now: float) -> bool:
        """Whether nothing asks for judging it again: not its inputs, not the time, and no report that is missing or
        was edited (AUD-013)."""
        if self.inputs != inputs or now >= self.due:
            return False
        if present is None:
            return True
        return all(name in present and present[name].fingerprint == told for name, told in self.reports.items())


def inputs_of(workload: RunningWorkload, labels: Labels, epoch: int) -> Inputs:
    """What this workload is judged by now."""
    namespace = None if labels is None else tuple(sorted(labels.items()))
    return Inputs(epoch=epoch, running=hash((workload.shapes, namespace)))


def due_after(verdicts: Sequence[ImageVerdict], period: float, *, now: float, first: bool) -> float:
    """When to judge again: after a period, the first time after some part of it, so that everything spreads over it.

    Sooner where something could not be found out that is not the fault of our own objects.
    """
    asked_again = any(_unknown(finding) for verdict in verdicts for finding in verdict.findings)
    span = min(period, UNKNOWN_SECONDS) if asked_again else period
    return now + span * (random.uniform(0.1, 1.0) if first else random.uniform(0.9, 1.0))


def _unknown(finding: Finding) -> bool:
    return finding.outcome is Outcome.ERROR and finding.reason is not Reason.PolicyBroken
