"""Opening what evidence is gathered through, for processes that judge many images: one client, one cache."""

import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from controller.engine.access import Gathering, find_access_of
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.hosts import named_hosts
from controller.engine.observing import KnownHosts
from controller.engine.policies import Snapshot
from controller.kube.pullsecrets import PullSecrets
from controller.registry.client import RegistryClient
from controller.registry.credentials import Credentials
from controller.wire.registries import Registries

VERIFYING_THREADS = 2


@asynccontextmanager
async def open_gatherer(
    registries: Registries,
    credentials: Credentials,
    snapshot: Callable[[], Snapshot | None],
    *,
    secrets: PullSecrets | None,
) -> AsyncIterator[Gathering]:
    """A gatherer for as long as the context lasts; hosts that the policies of `snapshot` name may be private. Without
    `secrets` nobody's own are looked at."""
    with ThreadPoolExecutor(VERIFYING_THREADS, thread_name_prefix="verify") as executor:
        client = RegistryClient(registries, named_hosts=lambda: named_hosts(snapshot()), credentials=credentials)
        async with client as registry:
            gatherer = Gatherer(
                registry=registry,
                executor=executor,
                evidence_repository=registries.evidence_repository,
                vouched=KnownHosts(frozenset(registries.entries), snapshot).known,
            )
            async with CachingGatherer(gatherer, clock=time.monotonic, scope=registry.scope) as gather:
                yield Gathering(gather=gather, find_access=find_access_of(registry, secrets))
