"""The pull side of a registry (OCI distribution-spec 1.1): manifests, blobs and referrers, bounded and hashed.

What comes back hashed to what was asked; that is all. What it means is for `wire` to read and `trust` to verify.
"""

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Protocol, Self

from controller.core.image import Digest, Repository
from controller.registry.addresses import NamedHosts
from controller.registry.credentials import Anonymous, Credentials
from controller.registry.reading import MAX_BLOB_BYTES, MAX_MANIFEST_BYTES, MAX_PAGES, Fetched
from controller.registry.scoped import Connected, Deadline, ScopedRegistry
from controller.registry.sessions import Sessions
from controller.registry.transport import Transport
from controller.wire.dockerconfig import DockerConfig
from controller.wire.oci import Descriptor
from controller.wire.registries import Registries

__all__ = [
    "MAX_BLOB_BYTES",
    "MAX_MANIFEST_BYTES",
    "MAX_PAGES",
    "NO_CREDENTIALS",
    "Deadline",
    "Fetched",
    "Registry",
    "RegistryClient",
]

NO_CREDENTIALS = Anonymous()


class Registry(Protocol):
    """Where evidence is read from. A method that returns None says: not there. Ignorance is an exception."""

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag."""

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The content that the descriptor describes, and nothing else."""

    def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list; none where the registry has no such list."""

    def within(self, deadline: Deadline) -> "Registry":
        """The same for who waits no longer than this: it ends no call, but no pause reaches beyond it (REG-009)."""


class RegistryClient:
    """Reads registries over HTTP. An async context manager, entered inside the running loop.

    `named_hosts` tells the hosts that ClusterSLSAPolicies name literally; it is asked for every new connection, so a
    policy change counts at once. Passing troubles are retried briefly; nothing that was read is kept here. Entering
    raises MalformedDocument for certificates of the setting that can't be used.
    """

    def __init__(
        self, registries: Registries, *, named_hosts: NamedHosts, credentials: Credentials = NO_CREDENTIALS
    ) -> None:
        self._credentials = credentials
        transport = Transport(registries, named_hosts)
        self._connected = Connected(registries=registries, transport=transport, sessions=Sessions(transport))
        self._own = ScopedRegistry(self._connected, credentials=credentials)

    async def __aenter__(self) -> Self:
        await self._connected.transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connected.sessions.close()
        await self._connected.transport.__aexit__(kind, error, trace)

    def scoped(self, *, credentials: Credentials | None = None) -> ScopedRegistry:
        """The same registries, with other credentials perhaps.

        Connections and tokens are shared; a token serves only the credential it was granted for.
        """
        return ScopedRegistry(self._connected, credentials=credentials or self._credentials)

    def beside(self, config: DockerConfig) -> ScopedRegistry:
        """The same for somebody who brings credentials of his own; see `Credentials.beside`."""
        return self.scoped(credentials=self._credentials.beside(config))

    def within(self, deadline: Deadline) -> ScopedRegistry:
        """The same with a deadline that no pause between attempts reaches."""
        return self.scoped().within(deadline)

    def scope(self, repository: Repository) -> str:
        """With which credentials this repository is read, for the key of whatever remembers what was read."""
        return self._own.scope(repository)

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest or tag; None when the registry says there is none. See `Place`."""
        return await self.scoped().manifest(repository, reference)

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The content that the descriptor describes. See `Place`."""
        return await self.scoped().blob(repository, descriptor)

    def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """The pages of the referrers list. See `ScopedRegistry`."""
        return self.scoped().referrers(repository, digest)
