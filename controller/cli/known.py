"""Where `navicert serve` knows policies and namespaces from: a cluster that it follows, or files that it reads once."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import quote

from controller.cli.files import read_policies
from controller.engine.namespaces import Namespaces
from controller.engine.policies import PolicyStore
from controller.kube.client import ApiClient, Object, Resource, config_maps
from controller.kube.connection import Connection, from_kubeconfig, in_cluster, own_namespace
from controller.kube.reflector import Callbacks, Reflector
from controller.settings import Settings
from controller.telemetry import Metrics
from controller.wire.policy import GROUP, KINDS, VERSION

NAMESPACES = Resource(kind="Namespace", path="/api/v1/namespaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the webhook goes by, and whether it has been loaded: every kind, and the namespaces, once (SVC-001).

    `get` reads one object of the cluster, by its path; without a cluster there is none.
    """

    store: PolicyStore
    namespaces: Namespaces
    ready: Callable[[], bool]
    get: Callable[[str], Awaitable[Object | None]]


@asynccontextmanager
async def know(settings: Settings, metrics: Metrics) -> AsyncIterator[Known]:
    """What the settings say, for as long as the context lasts. Raises MalformedDocument and ApiServerUnavailable."""
    if settings.policies is not None:
        yield from_objects(read_policies(settings.policies))
        return
    connection = from_kubeconfig(settings.kubeconfig) if settings.kubeconfig else in_cluster()
    home = settings.namespace or (None if settings.kubeconfig else own_namespace())
    async with _from_cluster(connection, metrics, home=home) as followed:
        yield followed


def from_objects(objects: Iterable[Mapping[str, object]]) -> Known:
    """These are all that there are; of a namespace that none of them describes nothing is known.

    Raises MalformedPolicy for an object that is there twice.
    """
    by_kind: dict[str, list[Mapping[str, object]]] = defaultdict(list)
    for item in objects:
        by_kind[str(item.get("kind"))].append(item)
    store, namespaces = PolicyStore(), Namespaces(_nothing)
    for kind in KINDS:
        store.replace(kind, by_kind.pop(kind, []))
    namespaces.replace(by_kind.pop(NAMESPACES.kind, []))
    return Known(store=store, namespaces=namespaces, ready=lambda: True, get=_nothing)


async def _nothing(_name: str) -> Object | None:
    return None


@asynccontextmanager
async def _from_cluster(connection: Connection, metrics: Metrics, *, home: str | None) -> AsyncIterator[Known]:
    """Follows the cluster for as long as the context lasts. A reflector that breaks ends the process: see Reflector."""
    async with ApiClient(connection) as client, asyncio.TaskGroup() as group:

        async def fetch(name: str) -> Object | None:
            return await client.get(f"{NAMESPACES.path}/{quote(name, safe='')}")

        store, namespaces = PolicyStore(), Namespaces(fetch)
        reflectors = _reflectors(client, store, namespaces, home)
        for reflector in reflectors:
            metrics.watch_age(reflector.kind, reflector.age)
        tasks = [group.create_task(reflector.run()) for reflector in reflectors]
        yield Known(
            store=store, namespaces=namespaces, ready=lambda: all(one.synced for one in reflectors), get=client.get
        )
        for task in tasks:
            task.cancel()


def _reflectors(
    client: ApiClient, store: PolicyStore, namespaces: Namespaces, home: str | None
) -> tuple[Reflector, ...]:
    policies = (
        Reflector(
            client,
            Resource(kind=kind.name, path=f"/apis/{GROUP}/{VERSION}/{kind.plural}"),
            Callbacks(
                replace=partial(store.replace, kind.name),
                apply=store.apply,
                remove=partial(store.remove, kind.name),
                prepare=store.prepare,
            ),
        )
        for kind in KINDS.values()
    )
    labels = Callbacks(
        replace=namespaces.replace, apply=namespaces.apply, remove=lambda _namespace, name: namespaces.remove(name)
    )
    followed = (*policies, Reflector(client, NAMESPACES, labels))
    if home is None:
        return followed
    documents = Callbacks(
        replace=store.replace_config_maps,
        apply=store.apply_config_map,
        remove=lambda _namespace, name: store.remove_config_map(name),
    )
    return (*followed, Reflector(client, config_maps(home), documents))
