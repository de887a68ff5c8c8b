"""`navicert serve`: the webhook, wired together."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import uvloop

from controller import __version__
from controller.cli.files import read_policies, read_registries
from controller.core.policy import Uncovered
from controller.engine.announcing import Announcer
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.hosts import named_hosts
from controller.engine.namespaces import Namespaces
from controller.engine.policies import PolicyStore
from controller.kube.client import ApiClient, Object, Resource
from controller.kube.connection import Connection, from_kubeconfig, in_cluster
from controller.kube.reflector import Callbacks, Reflector
from controller.registry.client import NO_CREDENTIALS, RegistryClient
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.settings import Address, Settings
from controller.telemetry import Metrics, configure_logging
from controller.webhook.app import admission_app, status_app
from controller.webhook.review import Judge, ReviewEndpoint
from controller.webhook.server import Listener, bind, load_certificate
from controller.webhook.server import serve as serve_listeners
from controller.wire.policy import GROUP, KINDS, VERSION
from controller.wire.registries import Registries

_log = logging.getLogger(__name__)

VERIFYING_THREADS = 2
NAMESPACES = Resource(kind="Namespace", path="/api/v1/namespaces")

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PATH = click.Path(exists=True, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--tls-cert", type=_FILE, required=True, help="The webhook's certificate chain, PEM.")
@click.option("--tls-key", type=_FILE, required=True, help="Its private key, PEM.")
@click.option(
    "--listen",
    type=Address.parse,
    metavar="HOST:PORT",
    default="0.0.0.0:8443",  # a webhook is there to be reached
    show_default=True,
    help="Admission, over TLS; port 0 is any free one.",
)
@click.option(
    "--status-listen",
    type=Address.parse,
    metavar="HOST:PORT",
    default="0.0.0.0:8080",
    show_default=True,
    help="Health and metrics, in the clear.",
)
@click.option("--policies", type=_PATH, help="Policies from this file or folder, and no cluster.")
@click.option("--kubeconfig", type=_FILE, help="The cluster to read policies from; default: the pod's own.")
@click.option(
    "--uncovered",
    type=click.Choice([choice.value for choice in Uncovered]),
    default=Uncovered.ALLOW.value,
    show_default=True,
    help="What happens to an image of which no ClusterSLSAPolicy in Enforce or Warn asks the origin.",
)
@click.option("--registries", type=_FILE, help="YAML file that configures single registry hosts.")
@click.option("--credentials", type=_PATH, help="Docker configuration with credentials: a file, or a folder of them.")
@click.option(
    "--credential-programs",
    type=_FOLDER,
    help="The folder of the docker-credential-* programs that --credentials may name.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least level of lines to log, as JSON on standard error.",
)
def serve(**options: Any) -> None:
    """Run the webhook until SIGTERM: admission over TLS, health and metrics in the clear.

    Policies come from the cluster of --kubeconfig, or of the pod this runs in, or from --policies without a cluster.
    """
    settings = Settings(**{**options, "uncovered": Uncovered(options["uncovered"])})
    configure_logging(settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What the webhook goes by, and whether it has been loaded."""

    store: PolicyStore
    namespaces: Namespaces
    ready: Callable[[], bool]


async def _serve(settings: Settings) -> None:
    tls = load_certificate(settings.tls_cert, settings.tls_key)
    registries = read_registries(settings.registries) if settings.registries else Registries()
    credentials = _credentials(settings)
    admission, status = bind(settings.listen), bind(settings.status_listen)
    metrics = Metrics.create()
    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(_known(settings, metrics))
        executor = stack.enter_context(ThreadPoolExecutor(VERIFYING_THREADS, thread_name_prefix="verify"))
        client = RegistryClient(registries, named_hosts=partial(_hosts, known.store), credentials=credentials)
        gatherer = Gatherer(
            registry=await stack.enter_async_context(client),
            executor=executor,
            evidence_repository=registries.evidence_repository,
        )
        gather = await stack.enter_async_context(
            CachingGatherer(gatherer, clock=time.monotonic, scope=credentials.scope)
        )
        judge = Judge(
            snapshot=known.store.current,
            gather=gather,
            namespace_labels=known.namespaces.labels,
            uncovered=settings.uncovered,
            now=lambda: datetime.now(UTC),
        )
        _log.info("starting", extra={"version": __version__})
        announcing = asyncio.create_task(Announcer(known.store.current, metrics.count_broken).run())
        stack.callback(announcing.cancel)
        review = admission_app(ReviewEndpoint(judge, metrics))
        await serve_listeners(
            Listener(serves="admission", app=review, bound=admission, tls=tls),
            Listener(serves="status", app=status_app(ready=known.ready, metrics=metrics), bound=status, tls=None),
        )


def _credentials(settings: Settings) -> Credentials:
    if settings.credentials is None:
        return NO_CREDENTIALS
    return FileCredentials(settings.credentials, programs=CredentialPrograms(settings.credential_programs))


def _hosts(store: PolicyStore) -> frozenset[str]:
    return named_hosts(store.current())


@asynccontextmanager
async def _known(settings: Settings, metrics: Metrics) -> AsyncIterator[_Known]:
    if settings.policies is not None:
        yield _from_files(settings.policies)
        return
    connection = from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else in_cluster()
    async with _from_cluster(connection, metrics) as known:
        yield known


def _from_files(path: Path) -> _Known:
    """Everything is loaded at once; of a namespace that no file describes nothing is known."""
    objects: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for item in read_policies(path):
        objects[str(item.get("kind"))].append(item)
    store, namespaces = PolicyStore(), Namespaces(_nothing)
    for kind in KINDS:
        store.replace(kind, objects.pop(kind, []))
    namespaces.replace(objects.pop(NAMESPACES.kind, []))
    return _Known(store=store, namespaces=namespaces, ready=lambda: True)


async def _nothing(_name: str) -> Object | None:
    return None


@asynccontextmanager
async def _from_cluster(connection: Connection, metrics: Metrics) -> AsyncIterator[_Known]:
    """Follows the cluster for as long as the context lasts. A reflector that breaks ends the process: see Reflector."""
    async with ApiClient(connection) as client, asyncio.TaskGroup() as group:

        async def fetch(name: str) -> Object | None:
            return await client.get(f"{NAMESPACES.path}/{quote(name, safe='')}")

        store, namespaces = PolicyStore(), Namespaces(fetch)
        reflectors = _reflectors(client, store, namespaces)
        for reflector in reflectors:
            metrics.watch_age(reflector.kind, reflector.age)
        tasks = [group.create_task(reflector.run()) for reflector in reflectors]
        yield _Known(store=store, namespaces=namespaces, ready=lambda: all(one.synced for one in reflectors))
        for task in tasks:
            task.cancel()


def _reflectors(client: ApiClient, store: PolicyStore, namespaces: Namespaces) -> tuple[Reflector, ...]:
    policies = (
        Reflector(
            client,
            Resource(kind=kind.name, path=f"/apis/{GROUP}/{VERSION}/{kind.plural}"),
            Callbacks(
                replace=partial(store.replace, kind.name), apply=store.apply, remove=partial(store.remove, kind.name)
            ),
        )
        for kind in KINDS.values()
    )
    labels = Callbacks(
        replace=namespaces.replace, apply=namespaces.apply, remove=lambda _namespace, name: namespaces.remove(name)
    )
    return (*policies, Reflector(client, NAMESPACES, labels))
