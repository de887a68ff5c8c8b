"""`navicert serve`: the webhook, wired together."""

import asyncio
import faulthandler
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import click
import uvloop

from controller import __version__
from controller.cli.credentials import read_credentials
from controller.cli.files import read_registries
from controller.cli.known import Known, know
from controller.cli.options import (
    FILE,
    PATH,
    exception_maximum_option,
    log_level_option,
    registry_options,
    status_listen_option,
    uncovered_option,
)
from controller.core.policy import Uncovered
from controller.engine.admissibility import Review, review_object
from controller.engine.announcing import Announcer
from controller.engine.expiry import root_expiries
from controller.engine.opening import Opened, open_gatherer
from controller.engine.pinning import Resolver
from controller.engine.policies import Snapshot, Source
from controller.kube.pullsecrets import PullSecrets
from controller.settings import Address, Settings
from controller.telemetry import Metrics, Outlet, Teller, configure_outlet
from controller.webhook.app import AdmissionApp, status_app
from controller.webhook.asgi import Prompt
from controller.webhook.bodies import Bodies
from controller.webhook.connections import Terms
from controller.webhook.judging import Judge
from controller.webhook.memory import expect_to_keep, settle_memory
from controller.webhook.pinning import Pinner
from controller.webhook.policing import PolicyReviewer
from controller.webhook.review import LOGGER, MESSAGE, ReviewEndpoint, Tell
from controller.webhook.server import Listener, bind
from controller.webhook.server import serve as serve_listeners
from controller.webhook.tls import CertificateFiles, ServingCertificate
from controller.wire.registries import Registries

_log = logging.getLogger(__name__)

_SETTLE_SECONDS = 0.2


@click.command()
@click.option("--tls-cert", type=FILE, required=True, help="The webhook's certificate chain, PEM.")
@click.option("--tls-key", type=FILE, required=True, help="Its private key, PEM.")
@click.option(
    "--listen",
    type=Address.parse,
    metavar="HOST:PORT",
    default="0.0.0.0:8443",  # a webhook is there to be reached
    show_default=True,
    help="Admission, over TLS; port 0 is any free one.",
)
@status_listen_option
@click.option("--client-ca", type=FILE, help="Who must have issued the certificate that a client shows, PEM.")
@click.option(
    "--client-names",
    metavar="NAME,...",
    default="",
    help="With --client-ca: names, one of which the certificate must bear; default: any.",
)
@click.option("--policies", type=PATH, help="Policies from this file or folder, and no cluster.")
@click.option("--namespace", help="Navicert's own namespace, which holds refreshed trust roots; default: the pod's.")
@click.option("--kubeconfig", type=FILE, help="The cluster to read policies from; default: the pod's own.")
@uncovered_option
@exception_maximum_option
@registry_options
@click.option(
    "--pod-pull-secrets",
    is_flag=True,
    help="Read an image by the Secrets that its pod is pulled with, besides --credentials; needs --client-ca.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 600),
    default=2.0,
    show_default=True,
    help="How long to go on serving after SIGTERM, until everybody knows that this replica goes.",
)
@log_level_option
def serve(**options: Any) -> None:
    """Run the webhook until SIGTERM: admission over TLS, health and metrics in the clear.

    Policies come from the cluster of --kubeconfig, or of the pod this runs in, or from --policies without a cluster.
    """
    names = frozenset(name for text in options["client_names"].split(",") if (name := text.strip()))
    settings = Settings(**{**options, "uncovered": Uncovered(options["uncovered"]), "client_names": names})
    outlet = configure_outlet(settings.log_level)
    faulthandler.enable()  # where the code of a library crashes, what each thread was at is the last that is told
    expect_to_keep()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, outlet))


async def _serve(settings: Settings, outlet: Outlet) -> None:
    metrics = Metrics.create(version=__version__)
    metrics.watch_log(lambda: outlet.dropped)
    files = CertificateFiles(certificate=settings.tls_cert, key=settings.tls_key, client_ca=settings.client_ca)
    certificate = ServingCertificate(
        files, now=_now, shown=metrics.show_certificate, counted=metrics.count_certificate_load
    )
    registries = read_registries(settings.registries) if settings.registries else Registries()
    credentials = read_credentials(settings.credentials, settings.credential_programs)
    admission, status = bind(settings.listen), bind(settings.status_listen)
    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(know(settings, metrics))
        metrics.watch_roots(lambda: root_expiries(known.store.current()))
        secrets = PullSecrets(known.get) if settings.pod_pull_secrets else None
        count = metrics.count_registry_call
        opening = open_gatherer(registries, credentials, known.store.current, secrets=secrets, count=count)
        opened = await stack.enter_async_context(opening)
        metrics.watch_cache(opened.counts)
        tell = Teller(logging.getLogger(LOGGER), MESSAGE, outlet)
        app = AdmissionApp(_endpoints(settings, known, opened, metrics, tell))
        _log.info("starting", extra={"version": __version__})
        announcer = Announcer(known.store.current, metrics.count_broken)
        await stack.enter_async_context(_beside(announcer.run(), certificate.run(), _settle_once(known)))
        terms = Terms(client_names=settings.client_names, refused=metrics.count_refused_connection)
        plain = Terms(client_names=frozenset(), refused=metrics.count_refused_connection)
        shown = status_app(unready=partial(_unready, known, plain), metrics=metrics)
        await serve_listeners(
            Listener(serves="admission", app=app, bound=admission, tls=certificate.context, terms=terms),
            Listener(serves="status", app=shown, bound=status, tls=None, terms=plain),
            drain_seconds=settings.drain_seconds,
        )


def _endpoints(settings: Settings, known: Known, opened: Opened, metrics: Metrics, tell: Tell) -> dict[str, Prompt]:
    """One for each path, over one client of registries."""
    current, find_access = known.store.current, opened.find_access
    labels = known.namespaces.labels
    judge = Judge(
        snapshot=current,
        gather=opened.gather,
        namespace_labels=labels,
        labels_at_hand=known.namespaces.at_hand,
        find_access=find_access,
        uncovered=settings.uncovered,
        exception_maximum=settings.exception_maximum,
        now=_now,
    )
    pinner = Pinner(
        snapshot=current, namespace_labels=labels, find_access=find_access, resolve=Resolver(opened.registry)
    )
    policies = PolicyReviewer(snapshot=current, review_object=partial(_review_object, settings.exception_maximum))
    bodies = Bodies()
    return {one.path: ReviewEndpoint(one, metrics, bodies, tell) for one in (judge, pinner, policies)}


def _unready(known: Known, terms: Terms) -> str | None:
    if terms.draining:
        return "this replica is about to end"
    return None if known.ready() else "policies are not loaded yet"


@asynccontextmanager
async def _beside(*works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """These go on for as long as the context lasts. One that breaks ends the process, to be started again: without it
    a replica would serve on, and for instance take no new certificate, which nobody sees until the old one ends."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


async def _settle_once(known: Known) -> None:
    while not known.ready():  # noqa: ASYNC110 (a fact of many watches, needed once)
        await asyncio.sleep(_SETTLE_SECONDS)
    settle_memory()


def _review_object(longest: timedelta, source: Source, snapshot: Snapshot | None) -> Review:
    return review_object(source, snapshot, now=_now(), longest_exception=longest)


def _now() -> datetime:
    return datetime.now(UTC)
