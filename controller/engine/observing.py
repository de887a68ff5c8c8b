"""Counting what registries are asked, in few enough series: whoever writes a pod chooses its hosts."""

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

from controller.core.errors import (
    LimitExceeded,
    MalformedManifest,
    NavicertError,
    RegistryDenied,
    RegistryUnavailable,
)
from controller.core.image import Digest, Repository
from controller.engine.hosts import named_hosts
from controller.engine.policies import Snapshot
from controller.registry.client import Deadline, Fetched, Registry
from controller.wire.oci import Descriptor

OTHER = "other"
ABANDONED = "abandoned"  # nobody waits for the answer any more: the time of the review was used up

_CODES: dict[type[NavicertError], str] = {
    RegistryDenied: "denied",
    RegistryUnavailable: "unavailable",
    LimitExceeded: "too large",
    MalformedManifest: "malformed",
}


class KnownHosts:
    """The hosts that strangers do not choose: configured ones, and those that sound ClusterSLSAPolicies name."""

    def __init__(self, configured: frozenset[str], snapshot: Callable[[], Snapshot | None]) -> None:
        self._configured = configured
        self._snapshot = snapshot
        self._seen: Snapshot | None = None
        self._named: frozenset[str] = frozenset()

    def name(self, host: str) -> str:
        """The host itself if it is known, and one word for all others."""
        return host if self.known(host) else OTHER

    def known(self, host: str) -> bool:
        """Whether the cluster's own setting or policies name it."""
        snapshot = self._snapshot()
        if snapshot is not self._seen:
            self._seen, self._named = snapshot, named_hosts(snapshot)
        return host in self._configured or host in self._named


class ObservedRegistry:
    """A registry that tells `count` the host and the outcome of every call, and changes neither answer nor error.

    Outcomes: 200, 404, and a word for what is no answer. Attempts that the client repeats by itself are one call.
    """

    def __init__(self, registry: Registry, *, hosts: KnownHosts, count: Callable[[str, str], None]) -> None:
        self._registry = registry
        self._hosts = hosts
        self._count = count

    def within(self, deadline: Deadline) -> "ObservedRegistry":
        """See Registry."""
        return ObservedRegistry(self._registry.within(deadline), hosts=self._hosts, count=self._count)

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """See Registry."""
        with self._counted(repository) as answered:
            fetched = await self._registry.manifest(repository, reference)
            answered("200" if fetched is not None else "404")
            return fetched

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """See Registry."""
        with self._counted(repository) as answered:
            content = await self._registry.blob(repository, descriptor)
            answered("200")
            return content

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """See Registry. However many pages a list has, it is one call."""
        with self._counted(repository) as answered:
            listed = False
            async for page in self._registry.referrers(repository, digest):
                listed = True
                answered("200")
                yield page
            if not listed:
                answered("404")

    @contextmanager
    def _counted(self, repository: Repository) -> Iterator[Callable[[str], None]]:
        outcomes = [ABANDONED]
        try:
            yield outcomes.append
        except NavicertError as error:
            outcomes.append(_CODES.get(type(error), "unavailable"))
            raise
        finally:
            self._count(self._hosts.name(repository.host), outcomes[-1])
