"""Opening what evidence is gathered through: one client of registries, one cache, for every process that has either."""

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from controller.engine.access import Gathering, find_access_of
from controller.engine.cache import Counts
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.hosts import named_hosts
from controller.engine.observing import KnownHosts, ObservedRegistry
from controller.engine.policies import Snapshot
from controller.kube.pullsecrets import PullSecrets
from controller.registry.client import Registry, RegistryClient
from controller.registry.credentials import Credentials
from controller.wire.registries import Registries

VERIFYING_THREADS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(Gathering):
    """How evidence is gathered, what its cache did so far, and the registries it is read from as Navicert."""

    registry: Registry
    counts: Counts


def _uncounted(_host: str, _outcome: str) -> None:
    """Nobody wants to know."""


@asynccontextmanager
async def open_gatherer(
    registries: Registries,
    credentials: Credentials,
    snapshot: Callable[[], Snapshot | None],
    *,
    secrets: PullSecrets | None = None,
    count: Callable[[str, str], None] = _uncounted,
) -> AsyncIterator[Opened]:
    """A gatherer for as long as the context lasts; hosts that the policies of `snapshot` name may be private. Without
    `secrets` nobody's own are looked at; `count` hears the host and the outcome of every call, as ObservedRegistry
    tells them."""
    hosts = KnownHosts(frozenset(registries.entries), snapshot)

    def observed(registry: Registry) -> Registry:
        return ObservedRegistry(registry, hosts=hosts, count=count)

    with ThreadPoolExecutor(VERIFYING_THREADS, thread_name_prefix="verify") as executor:
        client = RegistryClient(registries, named_hosts=lambda: named_hosts(snapshot()), credentials=credentials)
        async with client:
            gatherer = Gatherer(
                registry=observed(client),
                executor=executor,
                evidence_repository=registries.evidence_repository,
                vouched=hosts.known,
            )
            async with CachingGatherer(gatherer, clock=time.monotonic, scope=client.scope) as gather:
                yield Opened(
                    gather=gather,
                    find_access=find_access_of(client, secrets, observed=observed),
                    registry=observed(client),
                    counts=gather.counts,
                )
