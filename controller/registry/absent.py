"""In the place of a registry that must not, or can't, be asked."""

from collections.abc import AsyncGenerator
from typing import Self

from controller.core.errors import RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry.client import Deadline, Fetched
from controller.wire.oci import Descriptor


class NoRegistry:
    """Implements `registry.client.Registry` by knowing nothing: every question raises RegistryUnavailable with `why`.

    That is ignorance and not absence: what needs an answer errs.
    """

    def __init__(self, why: str) -> None:
        self._why = why

    def within(self, _deadline: Deadline) -> Self:
        """See Registry."""
        return self

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:  # noqa: ARG002
        """Raises."""
        raise self._unavailable(repository)

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:  # noqa: ARG002 (the interface)
        """Raises."""
        raise self._unavailable(repository)

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:  # noqa: ARG002
        """Raises."""
        raise self._unavailable(repository)
        yield  # makes it the generator that the interface asks for

    def _unavailable(self, repository: Repository) -> RegistryUnavailable:
        return RegistryUnavailable(f"{repository} is not asked: {self._why}")
