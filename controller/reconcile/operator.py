"""The operator: elected, then the only writer, until it is told to end or loses the lease."""

import asyncio
import logging
import signal
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.core.errors import Unavailable
from controller.engine.access import Gathering
from controller.engine.opening import open_gatherer
from controller.engine.policies import Snapshot
from controller.kube.client import ApiClient, Object
from controller.kube.connection import Connection
from controller.kube.pullsecrets import PullSecrets
from controller.reconcile.changes import ChangeTeller
from controller.reconcile.events import EventWriter
from controller.reconcile.health import OperatorMetrics, served
from controller.reconcile.keeping import GivenCertificates, Keeper, OwnCertificates
from controller.reconcile.lease import Elector
from controller.reconcile.look import ScanSettings
from controller.reconcile.names import Home
from controller.reconcile.registering import Exposure, Registrar
from controller.reconcile.reports import Reports
from controller.reconcile.roots import RootRefresher
from controller.reconcile.scan import Scan
from controller.reconcile.statuses import Statuses
from controller.reconcile.watching import wait_listed, watch
from controller.registry.credentials import Credentials
from controller.settings import Address
from controller.wire.registries import Registries
from controller.wire.report import ReportForm

RESTORED = "WebhooksRestored"
_SHOW_SECONDS = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Everything `navicert reconcile` can be told. Without `reports` none are written, and the scan goes on."""

    home: Home
    identity: str
    status_listen: Address
    exposure: Exposure
    own_certificates: bool
    exception_maximum: timedelta
    registries: Registries
    credentials: Credentials
    pod_pull_secrets: bool
    scan: ScanSettings
    reports: ReportForm | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What a leader runs."""

    statuses: Statuses
    roots: RootRefresher
    registrar: Registrar


async def reconcile(connection: Connection, settings: OperatorSettings) -> None:
    """Run until SIGTERM or SIGINT, then release the lease and return.

    Raises LeaseLost, and ApiServerUnavailable when watching can't go on: the process then ends, and its successor
    starts clean. Raises MalformedDocument when the status address can't be had.
    """
    async with ApiClient(connection) as client:
        elector = Elector(client, settings.home.lease, identity=settings.identity, now=_now)
        metrics = OperatorMetrics(elector.leading)
        async with served(settings.status_listen, ready=elector.in_contact, metrics=metrics) as address:
            _log.info("listening", extra={"serves": "status", "address": address})
            await _until_told(_elected(client, connection, settings, elector, metrics))
    _log.info("stopped")


async def _until_told(work: Coroutine[None, None, None]) -> None:
    """Do the work until it ends, or cancel it at SIGTERM or SIGINT; the first of many signals counts."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    working, waiting = asyncio.ensure_future(work), asyncio.ensure_future(told.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not working.done():
        working.cancel()
    try:
        await working
    except asyncio.CancelledError:
        if not told.is_set():
            raise


async def _elected(
    client: ApiClient, connection: Connection, settings: OperatorSettings, elector: Elector, metrics: OperatorMetrics
) -> None:
    try:
        await elector.acquire()
        parts = _parts(client, settings, elector, metrics)
        current = parts.statuses.snapshot
        secrets = PullSecrets(client.get) if settings.pod_pull_secrets else None
        async with open_gatherer(settings.registries, settings.credentials, current, secrets=secrets) as gathering:
            scan = _scan(client, settings, elector, parts, gathering)
            await _lead(parts, scan, connection, elector, metrics)
    except Unavailable as error:
        _log.error("ending", extra={"error": str(error)})
        raise
    finally:
        await elector.release()


async def _lead(parts: _Parts, scan: Scan, connection: Connection, elector: Elector, metrics: OperatorMetrics) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for work in (
                elector.keep(),
                parts.statuses.run(),
                parts.roots.run(parts.statuses.wake),
                parts.registrar.run(_now),
                _watch_when_looked(connection, parts.statuses),
                scan.run(_now, metrics.show_scan),
                _show(parts, metrics),
            ):
                group.create_task(work)
    except ExceptionGroup as failed:
        expected, bugs = failed.split(Unavailable)
        if expected is None or bugs is not None:
            raise
        raise _first(expected) from failed


def _first(failed: ExceptionGroup[Unavailable]) -> Unavailable:
    error = failed.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


def _parts(client: ApiClient, settings: OperatorSettings, elector: Elector, metrics: OperatorMetrics) -> _Parts:
    home, write = settings.home, elector.write
    roots = RootRefresher(client, write, home, now=_now)
    statuses = Statuses(
        client, write, roots, home=settings.home.namespace, maximum=settings.exception_maximum, now=_now
    )
    own = OwnCertificates(client, write, home, expires=metrics.expires)
    keeper: Keeper = own if settings.own_certificates else GivenCertificates(client, home)
    events = EventWriter(write, _now)

    async def announce(subject: Object, message: str) -> None:
        await events.warn(subject, RESTORED, message)

    registrar = Registrar(client, write, home, exposure=settings.exposure, keeper=keeper, announce=announce)
    return _Parts(statuses=statuses, roots=roots, registrar=registrar)


def _scan(client: ApiClient, settings: OperatorSettings, elector: Elector, parts: _Parts, gathering: Gathering) -> Scan:
    return Scan(
        client,
        snapshot=parts.statuses.snapshot,
        gathering=gathering,
        settings=settings.scan,
        reports=Reports(client, elector.write, settings.reports) if settings.reports else None,
        changes=ChangeTeller(elector.write, identity=settings.identity, now=_now),
    )


async def _watch_when_looked(connection: Connection, statuses: Statuses) -> None:
    """Only once everything was listed is it known that the kinds are there, and later where the framework looks for
    them, once."""
    await statuses.looked.wait()
    async with ApiClient(connection) as client:
        await wait_listed(client)
    await watch(connection, statuses.wake)


async def _show(parts: _Parts, metrics: OperatorMetrics) -> None:
    while True:
        metrics.show(_broken(parts.statuses.snapshot()), parts.roots.ages())
        await asyncio.sleep(_SHOW_SECONDS)


def _broken(snapshot: Snapshot | None) -> dict[str, int]:
    kinds = [name.partition("/")[0] for name in snapshot.problems] if snapshot else []
    return {kind: kinds.count(kind) for kind in kinds}


def _now() -> datetime:
    return datetime.now(UTC)
