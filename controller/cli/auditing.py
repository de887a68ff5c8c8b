"""One audit of a whole cluster, as it is now, through one connection: everything is only read."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from controller.core.verdict import ImageVerdict
from controller.engine.access import Gathering
from controller.engine.audit import AuditSettings, audit
from controller.engine.namespaces import Namespaces
from controller.engine.opening import open_gatherer
from controller.engine.owners import Owners
from controller.engine.policies import PolicyStore, Snapshot
from controller.engine.population import RunningWorkload, coverage_of, take_census
from controller.kube.client import ApiClient, Object, Resource
from controller.kube.connection import Connection
from controller.kube.pullsecrets import PullSecrets
from controller.registry.credentials import Credentials
from controller.wire.coverage import Coverage
from controller.wire.policy import GROUP, KINDS, VERSION
from controller.wire.registries import Registries

PARALLEL_WORKLOADS = 8
_PODS = Resource(kind="Pod", path="/api/v1/pods")
_NAMESPACES = Resource(kind="Namespace", path="/api/v1/namespaces")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuestion:
    """What is asked of a cluster: by which settings, and how registries are reached."""

    settings: AuditSettings
    exempt: frozenset[str]
    registries: Registries
    credentials: Credentials
    pod_pull_secrets: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A workload with the verdicts on what it runs."""

    workload: RunningWorkload
    verdicts: tuple[ImageVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAudit:
    """Everything that runs, judged. `waiting` says that nodes had not told yet what some pods run."""

    workloads: tuple[Audited, ...]
    coverage: Mapping[str, Coverage]
    waiting: bool


async def audit_cluster(
    connection: Connection, question: AuditQuestion, *, now: datetime, tell: Callable[[str], None]
) -> ClusterAudit:
    """Judge all that runs, in order of namespace and workload. `tell` is told how far it is.

    Raises ApiServerUnavailable.
    """
    async with ApiClient(connection) as client:
        tell("reading policies and pods")
        snapshot, namespaces = await _snapshot(client), Namespaces(_nothing)
        namespaces.replace((await client.list(_NAMESPACES)).objects)
        population = await take_census(_pages(client), owners=Owners(client.get), exempt=question.exempt)
    done: dict[RunningWorkload, tuple[ImageVerdict, ...]] = {}
    waiting = iter(population.workloads)
    async with _opened(connection, question, snapshot) as gathering:

        async def work() -> None:
            for workload in waiting:
                labels = await namespaces.labels(workload.namespace, 0.0)
                done[workload] = await audit(
                    workload,
                    snapshot=snapshot,
                    gathering=gathering,
                    namespace_labels=labels,
                    settings=question.settings,
                    now=now,
                )
                tell(f"{len(done)} of {len(population.workloads)} workloads judged")

        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL_WORKLOADS):
                group.create_task(work())
    audited = tuple(Audited(workload=one, verdicts=done[one]) for one in population.workloads)
    uncovered = ((one.workload, (each.image.text for each in one.verdicts if not each.covered)) for one in audited)
    return ClusterAudit(workloads=audited, coverage=coverage_of(uncovered, population), waiting=population.waiting)


@asynccontextmanager
async def _opened(connection: Connection, question: AuditQuestion, snapshot: Snapshot) -> AsyncIterator[Gathering]:
    """Secrets are read, where they are, with the rights of whoever asks."""
    async with ApiClient(connection) as client:
        secrets = PullSecrets(client.get) if question.pod_pull_secrets else None
        async with open_gatherer(
            question.registries, question.credentials, lambda: snapshot, secrets=secrets
        ) as gathering:
            yield gathering


async def _snapshot(client: ApiClient) -> Snapshot:
    store = PolicyStore()
    for kind in KINDS.values():
        resource = Resource(kind=kind.name, path=f"/apis/{GROUP}/{VERSION}/{kind.plural}")
        store.replace(kind.name, (await client.list(resource)).objects)
    snapshot = store.current()
    if snapshot is None:
        raise AssertionError("every kind was put into the store")
    return snapshot


async def _nothing(_name: str) -> Object | None:
    """A namespace that was not listed a moment ago is gone, or new: what its labels are is not known."""
    return None


async def _pages(client: ApiClient) -> AsyncIterator[Sequence[Object]]:
    async for page in client.pages(_PODS):
        yield page.objects
