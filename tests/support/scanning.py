"""The operator's scan in this process, on a real API server with the operator's rights, and every write counted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller.core.evidence import Evidence
from controller.core.policy import Uncovered
from controller.engine.access import Gathering
from controller.engine.audit import AuditSettings
from controller.engine.gathering import Gather, GatherRequest
from controller.engine.policies import PolicyStore, Snapshot
from controller.kube.client import ApiClient, Object, Verb
from controller.kube.connection import from_kubeconfig
from controller.reconcile.changes import ChangeTeller
from controller.reconcile.look import ScanFigures, ScanSettings
from controller.reconcile.reports import Reports
from controller.reconcile.scan import Scan
from controller.wire.policy import KINDS
from controller.wire.report import ReportForm

NOW = datetime(2026, 6, 1, tzinfo=UTC)

Document = dict[str, Any]


@dataclass(kw_only=True)
class Stage:
    """A scan, what it goes by, and what it did. `objects` are the policies in force, and ConfigMaps of Navicert's own
    namespace; `now` the time of a look."""

    gather: Gather
    objects: list[Document]
    now: datetime = NOW
    writes: list[tuple[str, str]] = field(default_factory=list)
    gathered: list[str] = field(default_factory=list)
    scan: Scan = field(init=False)

    def snapshot(self) -> Snapshot | None:
        store = PolicyStore()
        for kind in KINDS:
            store.replace(kind, [one for one in self.objects if one["kind"] == kind])
        store.replace_config_maps([one for one in self.objects if one["kind"] == "ConfigMap"])
        return store.current()

    async def gather_counted(self, request: GatherRequest) -> Evidence:
        self.gathered.append(str(request.reference))
        return await self.gather(request)

    async def look(self) -> ScanFigures:
        figures = await self.scan.look(self.now)
        assert figures is not None
        return figures

    async def new_writes(self) -> list[tuple[str, str]]:
        """What another look writes."""
        known = len(self.writes)
        await self.look()
        return self.writes[known:]


@asynccontextmanager
async def staged(
    kubeconfig: Path,
    gather: Gather,
    objects: list[Document],
    *,
    form: ReportForm | None = ReportForm.POLICY_REPORT,
    uncovered: Uncovered = Uncovered.ALLOW,
    exempt: tuple[str, ...] = ("kube-system",),
    refuse: Callable[[Verb, str], Exception | None] = lambda _verb, _path: None,
) -> AsyncIterator[Stage]:
    """`refuse` gives the error that a write is to meet, before it reaches the server."""
    stage = Stage(gather=gather, objects=objects)
    async with ApiClient(from_kubeconfig(kubeconfig)) as client:

        async def write(verb: Verb, path: str, document: Object) -> Object | None:
            if (error := refuse(verb, path)) is not None:
                raise error
            stage.writes.append((verb.name, path))
            return await client.write(verb, path, document)

        stage.scan = Scan(
            client,
            snapshot=stage.snapshot,
            gathering=Gathering(gather=stage.gather_counted),
            settings=ScanSettings(
                period=timedelta(hours=12), exempt=frozenset(exempt), audit=AuditSettings(uncovered=uncovered)
            ),
            reports=Reports(client, write, form) if form else None,
            changes=ChangeTeller(write, identity="test", now=lambda: stage.now),
        )
        yield stage
