"""What the operator tells about itself: /livez, /readyz and /metrics, in the clear, on a port of its own."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest

from controller.core.errors import MalformedDocument
from controller.reconcile.look import ScanFigures
from controller.settings import Address
from controller.telemetry import CONTENT_TYPE

_KEEP_ALIVE_SECONDS = 30.0


class OperatorMetrics:
    """The metrics of one operator, in a registry of their own. Times are seconds since 1970, UTC."""

    def __init__(self, leading: Callable[[], bool]) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._gauge("navicert_operator_leading", "1 for the operator that writes.").set_function(
            lambda: float(leading())
        )
        self._expiry = self._gauge(
            "navicert_certificate_expiry_timestamp_seconds", "When a certificate in use expires.", "certificate"
        )
        self._refreshed = self._gauge(
            "navicert_trust_root_refreshed_timestamp_seconds", "The last good refresh; 0 before the first.", "root"
        )
        self._broken = self._gauge(
            "navicert_broken_objects", "Objects that are broken or have no effect, by kind.", "kind"
        )

        self._scanned = self._gauge(
            "navicert_scan_timestamp_seconds", "When the last look at what runs was finished; 0 before the first."
        )
        self._results = self._gauge(
            "navicert_scan_results", "Results on what runs, one for each policy and image.", "outcome", "mode"
        )
        self._images = self._gauge("navicert_scan_images", "Distinct images that run and are not judged.", "coverage")
        self._reports = self._gauge(
            "navicert_scan_reports_installed", "0 where reports are to be written and the cluster lacks their kinds."
        )

    def expires(self, certificate: str, time: datetime) -> None:
        """This certificate in use expires then."""
        self._expiry.labels(certificate).set(time.timestamp())

    def show(self, broken: Mapping[str, int], refreshed: Mapping[str, datetime | None]) -> None:
        """How many objects of each kind are broken, and when each root was refreshed last; others are gone."""
        self._broken.clear()
        for kind, number in broken.items():
            self._broken.labels(kind).set(number)
        self._refreshed.clear()
        for root, time in refreshed.items():
            self._refreshed.labels(root).set(time.timestamp() if time else 0.0)

    def show_scan(self, figures: ScanFigures) -> None:
        """What the last look at what runs found."""
        self._scanned.set(figures.time.timestamp())
        self._results.clear()
        for (outcome, mode), number in figures.results.items():
            self._results.labels(outcome, mode).set(number)
        self._images.labels("uncovered").set(figures.uncovered)
        self._images.labels("exempt").set(figures.exempt)
        self._reports.set(float(figures.reports is not False))

    def render(self) -> bytes:
        """The text exposition format."""
        return generate_latest(self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)


@asynccontextmanager
async def served(address: Address, *, ready: Callable[[], bool], metrics: OperatorMetrics) -> AsyncIterator[str]:
    """Serve for as long as the context lasts; gives where. Raises MalformedDocument when the address can't be had."""
    runner = web.AppRunner(_application(ready, metrics), access_log=None, keepalive_timeout=_KEEP_ALIVE_SECONDS)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port)
        try:
            await site.start()
        except OSError as error:
            raise MalformedDocument(f"can't listen at {address}: {error.strerror}") from error
        host, port = runner.addresses[0][:2]
        yield str(Address(host, port))
    finally:
        await runner.cleanup()


def _application(ready: Callable[[], bool], metrics: OperatorMetrics) -> web.Application:
    async def livez(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def readyz(_: web.Request) -> web.Response:
        return web.Response(text="ok") if ready() else web.Response(text="the API server does not answer", status=503)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    application = web.Application(client_max_size=1024)
    for path, answer in (("/livez", livez), ("/readyz", readyz), ("/metrics", exposition)):
        application.router.add_get(path, answer)
    return application
