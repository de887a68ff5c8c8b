"""What is asked about one digest, and the means to find it out."""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime

from controller.core.image import Digest, Repository
from controller.engine.family import Family, family_of
from controller.engine.gathering import Access
from controller.engine.turns import Turns
from controller.registry.client import Deadline, Registry
from controller.registry.discovery import Referrer
from controller.trust.root import TrustRoots
from controller.wire.oci import Index, parse_manifest

EvidenceRepository = Callable[[Repository], Repository | None]
"""Where else the evidence for a repository's images is; None: nowhere else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all looks of a process share. `turns` bounds the candidates in memory, by bytes and by host."""

    registry: Registry
    executor: Executor
    turns: Turns
    evidence_repository: EvidenceRepository

    def reading(self, access: Access | None) -> "Means":
        """The same for who reads registries as somebody else."""
        return replace(self, registry=access.registry) if access else self

    def within(self, deadline: Deadline) -> "Means":
        """The same for a look that nobody waits for any longer than this."""
        return replace(self, registry=self.registry.within(deadline))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image whose manifest was read. `family` is None unless it is an index."""

    digest: Digest
    family: Family | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be found out: everything that the answer depends on besides the registry.

    `image` is there when the manifest was read already. `within` is the index as whose child the digest is looked at,
    and `attestations` is what that index lists about it.
    """

    repository: Repository
    digest: Digest
    image: Image | None = None
    within: Digest | None = None
    attestations: tuple[Referrer, ...] = ()
    wanted: frozenset[str]
    kept: frozenset[str]
    roots: TrustRoots
    now: datetime


async def resolve(registry: Registry, repository: Repository, reference: Digest | str) -> Image | None:
    """Read an image's manifest: its bytes give the digest that is used from here on (BIND-013). None: not there.

    Raises as the registry does, MalformedManifest, and RegistryUnavailable for a tag that only a mirror answers: what
    the registry's own points to now is not known.
    """
    fetched = await registry.manifest(repository, reference)
    if fetched is None:
        return None
    fetched.refuse_stale()
    manifest = parse_manifest(fetched.content, content_type=fetched.content_type)
    return Image(digest=fetched.digest, family=family_of(manifest) if isinstance(manifest, Index) else None)
