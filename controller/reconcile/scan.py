"""The scan: judges what runs again and again, and tells it in reports, Events and metrics. Nothing is ever evicted.

A look lists pods, which costs no registry anything, and judges what is due: workloads that are new, or whose pods or
namespace changed; all of them after a change of policies, builders, roots or exceptions; and each by itself once in a
period, at a time of its own, so that what registries are asked is spread over the period.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from controller.core.errors import ApiServerUnavailable
from controller.engine.access import Gathering
from controller.engine.namespaces import Namespaces
from controller.engine.owners import Owners
from controller.engine.policies import Snapshot
from controller.engine.population import take_census
from controller.engine.windows import Position, position
from controller.kube.client import ApiClient, Object, Resource
from controller.kube.reflector import Callbacks, Reflector
from controller.reconcile.changes import ChangeTeller
from controller.reconcile.lease import NotLeading
from controller.reconcile.look import Look, Means, ScanFigures, ScanSettings, Scene
from controller.reconcile.reports import Reports
from controller.reconcile.seen import Seen

PODS = Resource(kind="Pod", path="/api/v1/pods")
NAMESPACES = Resource(kind="Namespace", path="/api/v1/namespaces")

LOOK_SECONDS = 300.0  # between looks that nothing asked for
WAITING_SECONDS = 30.0  # until nodes have told what they run; twice as long each time that some have not
EARLIEST_SECONDS = 5.0  # between looks that changes asked for: a burst of them is one look
RETRY_SECONDS = 15.0
_TICK_SECONDS = 1.0

_InForce = tuple[Snapshot, frozenset[str], tuple[str, ...], Position]
"""Everything that is in force: exceptions that count, roots that are stale, and windows of keys that are open, too."""

_log = logging.getLogger(__name__)


class Scan:
    """Looks again and again. Belongs to one event loop; remembers a little of each workload that runs."""

    def __init__(
        self,
        client: ApiClient,
        *,
        snapshot: Callable[[], Snapshot | None],
        gathering: Gathering,
        settings: ScanSettings,
        reports: Reports | None,
        changes: ChangeTeller,
    ) -> None:
        """`reports` is None where none are to be written."""
        self._client = client
        self._snapshot = snapshot
        self._namespaces = Namespaces(self._fetch_namespace)
        self._means = Means(
            gathering=gathering,
            namespaces=self._namespaces,
            reports=reports,
            changes=changes,
            settings=settings,
        )
        self._owners = Owners(client.get)
        self._relabelled = False
        self._in_force: _InForce | None = None
        self._epoch = 0
        self._seen: Mapping[str, Seen] = {}

    async def run(self, now: Callable[[], datetime], show: Callable[[ScanFigures], None]) -> None:
        """Look whenever something asks for it, until cancelled; `show` is told what each look found."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.follow_namespaces())
            waiting = WAITING_SECONDS
            while True:
                pause = RETRY_SECONDS
                try:
                    figures = await self.look(now())
                    if figures is not None:
                        show(figures)
                        pause = min(waiting, LOOK_SECONDS) if figures.waiting else LOOK_SECONDS
                        waiting = pause * 2 if figures.waiting else WAITING_SECONDS
                except (ApiServerUnavailable, NotLeading) as error:
                    _log.warning("scan not finished", extra={"error": str(error)})
                await self._pause(pause, now)

    async def follow_namespaces(self) -> None:
        """Know the labels of namespaces without asking for each, and when they change, until cancelled."""
        await Reflector(self._client, NAMESPACES, self._label_callbacks()).run()

    async def look(self, now: datetime) -> ScanFigures | None:
        """One look; None before policies are loaded. Raises ApiServerUnavailable and NotLeading: what was judged until
        then is told, and the rest is due."""
        snapshot = self._snapshot()
        if snapshot is None:
            return None
        self._take(snapshot, now)
        self._relabelled = False
        self._owners.forget()
        reports = self._means.reports
        scene = Scene(
            snapshot=snapshot,
            epoch=self._epoch,
            population=await take_census(self._pages(), owners=self._owners, exempt=self._means.settings.exempt),
            present=await reports.present() if reports else None,
            now=now,
        )
        look = Look(self._means, scene, self._seen)
        try:
            figures = await look.run()
        except (ApiServerUnavailable, NotLeading):
            self._seen = {**self._seen, **look.seen}
            raise
        self._seen = look.seen
        _log.info("scanned", extra={one: getattr(figures, one) for one in ("workloads", "judged", "written")})
        return figures

    def _take(self, snapshot: Snapshot, now: datetime) -> None:
        """A new epoch begins when anything that is in force changed, or time changed it: an exception has expired
        (AUD-008), a root is stale, a key's window is over."""
        in_force = self._now_in_force(snapshot, now)
        if in_force != self._in_force:
            self._in_force, self._epoch = in_force, self._epoch + 1

    def _now_in_force(self, snapshot: Snapshot, now: datetime) -> _InForce:
        maximum = self._means.settings.audit.exception_maximum
        counting = (one.name for one in snapshot.policies.exceptions if one.counts(now=now, maximum=maximum))
        roots = snapshot.roots
        return snapshot, frozenset(counting), roots.stale(roots.roots, now), position(roots, now)

    async def _pause(self, seconds: float, now: Callable[[], datetime]) -> None:
        """Wait this long, or until something changed."""
        clock = asyncio.get_running_loop().time
        started = clock()
        while clock() - started < seconds:
            await asyncio.sleep(_TICK_SECONDS)
            if clock() - started >= EARLIEST_SECONDS and self._changed(now()):
                return

    def _changed(self, now: datetime) -> bool:
        snapshot = self._snapshot()
        return self._relabelled or (snapshot is not None and self._now_in_force(snapshot, now) != self._in_force)

    async def _pages(self) -> AsyncIterator[Sequence[Object]]:
        async for page in self._client.pages(PODS):
            yield page.objects

    def _label_callbacks(self) -> Callbacks:
        def told(change: Callable[[], None]) -> None:
            change()
            self._relabelled = True

        return Callbacks(
            replace=lambda objects: told(lambda: self._namespaces.replace(objects)),
            apply=lambda one: told(lambda: self._namespaces.apply(one)),
            remove=lambda _namespace, name: told(lambda: self._namespaces.remove(name)),
        )

    async def _fetch_namespace(self, name: str) -> Object | None:
        return await self._client.get(f"{NAMESPACES.path}/{quote(name, safe='')}")
