"""One look of the scan: what is due is judged and told, what is stale is removed, what is uncovered is counted."""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.core.errors import ApiServerUnavailable, Unavailable
from controller.core.image import Digest
from controller.core.verdict import ImageVerdict
from controller.engine.access import Gathering
from controller.engine.audit import AuditSettings, audit
from controller.engine.namespaces import Namespaces
from controller.engine.patience import Patience
from controller.engine.policies import Snapshot
from controller.engine.population import Population, RunningWorkload, coverage_of
from controller.kube.client import NotTaken, Object
from controller.reconcile.changes import ChangeTeller, changes_of
from controller.reconcile.lease import NotLeading
from controller.reconcile.reports import Present, ReportName, Reports, name_of, outcomes_before
from controller.reconcile.seen import Inputs, Seen, due_after, inputs_of
from controller.wire.coverage import COVERAGE, Coverage, render_coverage
from controller.wire.report import Subject, render_cluster_reports, render_reports
from controller.wire.reported import fingerprint, outcomes_of, results_of

PARALLEL_WORKLOADS = 4
MAX_FAILED = 20  # workloads of one look whose reports can't be written: then it is not the single report
_LABEL_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSettings:
    """How often everything is judged anew, whose workloads never are, and what it goes by."""

    period: timedelta
    exempt: frozenset[str]
    audit: AuditSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFigures:
    """What a look found, over everything that runs. `results` counts by outcome and mode, `uncovered` and `exempt`
    distinct images. `reports` says whether the report kinds are there, None where no reports are to be written."""

    time: datetime
    workloads: int
    judged: int
    written: int
    results: Mapping[tuple[str, str], int]
    uncovered: int
    exempt: int
    reports: bool | None
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What a look is made with. `reports` is None where none are to be written."""

    gathering: Gathering
    namespaces: Namespaces
    reports: Reports | None
    changes: ChangeTeller
    settings: ScanSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a look finds: what is in force, what runs, and the reports there are, None where none can be written."""

    snapshot: Snapshot
    epoch: int
    population: Population
    present: Present | None
    now: datetime


class Look:
    """One look. `seen` is what to remember of it, by the uid of each workload."""

    def __init__(self, means: Means, scene: Scene, known: Mapping[str, Seen]) -> None:
        """`known` is what the look before this one remembered."""
        self._means = means
        self._gathering = replace(means.gathering, gather=Patience(means.gathering.gather))
        self._scene = scene
        self._known = known
        self.seen: dict[str, Seen] = {}
        self._judged = self._written = 0
        self._failures: list[Unavailable] = []
        self._refused: list[Unavailable] = []

    async def run(self) -> ScanFigures:
        """Judge all that is due, PARALLEL_WORKLOADS at a time, and tell it; then what is stale and what is uncovered.

        A report that the API server does not take, as in a namespace that is ending, is logged, tried by the next look,
        and keeps no other from being told. Raises ApiServerUnavailable and NotLeading when something could not be
        written for another reason, after everything else was: then nothing is removed.
        """
        waiting = iter(self._scene.population.workloads)

        async def work() -> None:
            for workload in waiting:
                if not self._hopeless:
                    await self._take(workload)

        self._means.changes.begin()
        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL_WORKLOADS):
                group.create_task(work())
        self._means.changes.end()
        if self._refused:
            _log.warning("reports not taken", extra={"reports": len(self._refused), "error": str(self._refused[0])})
        if self._failures:
            raise self._failures[0]
        workloads = self._scene.population.workloads
        uncovered = ((one, self.seen[one.top.uid].uncovered) for one in workloads)
        coverage = coverage_of(uncovered, self._scene.population)
        await self._settle(coverage)
        return self._figures(coverage)

    @property
    def _hopeless(self) -> bool:
        return len(self._failures) >= MAX_FAILED or any(isinstance(one, NotLeading) for one in self._failures)

    async def _take(self, workload: RunningWorkload) -> None:
        """Judge this workload if it is due. What fails leaves it due."""
        clock = asyncio.get_running_loop().time
        labels = await self._means.namespaces.labels(workload.namespace, clock() + _LABEL_SECONDS)
        inputs = inputs_of(workload, labels, self._scene.epoch)
        known = self._known.get(workload.top.uid)
        if known is not None and known.holds(inputs, self._scene.present, now=clock()):
            self.seen[workload.top.uid] = known
            return
        verdicts = await audit(
            workload,
            snapshot=self._scene.snapshot,
            gathering=self._gathering,
            namespace_labels=labels,
            settings=self._means.settings.audit,
            now=self._scene.now,
        )
        self._judged += 1
        try:
            self.seen[workload.top.uid] = await self._tell(workload, verdicts, inputs, known)
        except (ApiServerUnavailable, NotLeading) as error:
            self._failures.append(error)

    async def _tell(
        self, workload: RunningWorkload, verdicts: tuple[ImageVerdict, ...], inputs: Inputs, known: Seen | None
    ) -> Seen:
        """Write what changed, and give what to remember."""
        subject = Subject(namespace=workload.namespace, top=workload.top)
        before = known.outcomes if known else outcomes_before(self._scene.present or {}, subject.namespace, subject.top)
        outcomes = outcomes_of(verdicts, before, now=self._scene.now)
        told: dict[ReportName, Digest] = {}
        if self._means.reports is not None:
            reports = render_reports(self._means.reports.form, subject, verdicts, outcomes)
            told = {name_of(one): fingerprint(one) for one in reports}
            try:
                await self._publish(reports)
            except NotTaken as error:
                self._refused.append(error)
        if changes := changes_of(verdicts, before):
            await self._means.changes.tell(subject, changes)
        period = self._means.settings.period.total_seconds()
        return Seen(
            inputs=inputs,
            due=due_after(verdicts, period, now=asyncio.get_running_loop().time(), first=known is None),
            outcomes=outcomes,
            results=tuple((finding.outcome.value, finding.mode.value) for _, finding in results_of(verdicts)),
            uncovered=frozenset(one.image.text for one in verdicts if not one.covered),
            reports=told,
        )

    async def _publish(self, reports: Sequence[Object]) -> None:
        if self._means.reports is not None and self._scene.present is not None:
            self._written += await self._means.reports.publish(reports, self._scene.present)

    async def _settle(self, coverage: Mapping[str, Coverage]) -> None:
        """The coverage report, and the end of every report that nothing stands behind any more."""
        reports, present = self._means.reports, self._scene.present
        if reports is None or present is None:
            return
        results = render_coverage(coverage, self._means.settings.audit.uncovered)
        rendered = render_cluster_reports(reports.form, COVERAGE, results)
        await self._publish(rendered)
        wanted = {name for one in self.seen.values() for name in one.reports} | {name_of(one) for one in rendered}
        self._written += await reports.remove(present, wanted)

    def _figures(self, coverage: Mapping[str, Coverage]) -> ScanFigures:
        return ScanFigures(
            time=self._scene.now,
            workloads=len(self._scene.population.workloads),
            judged=self._judged,
            written=self._written,
            results=Counter(result for one in self.seen.values() for result in one.results),
            uncovered=len({image for one in coverage.values() for image in one.uncovered}),
            exempt=len({image for one in coverage.values() for image in one.exempt}),
            reports=None if self._means.reports is None else self._scene.present is not None,
            waiting=self._scene.population.waiting,
        )
