"""A registry of several repositories in memory, for gathering: it counts, fails, and holds answers back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, Self

from controller.core.errors import MalformedManifest, NavicertError, RegistryUnavailable
from controller.core.evidence import Evidence
from controller.core.image import Digest, ImageReference, Repository
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.core.reasons import Reason
from controller.engine.gathering import GatherRequest
from controller.registry.client import Deadline, Fetched
from controller.trust.root import TrustRoots
from controller.wire.oci import Descriptor
from tests.support.foundry import Foundry, Layer
from tests.support.shelf import CONFIG_TYPE, EMPTY_TYPE, INDEX_TYPE, Json, Page, Shelf

REPOSITORY = Repository.parse("ghcr.io/acme/shop")
NOW = datetime(2026, 6, 1, tzinfo=UTC)
STATEMENT_TYPE = "application/vnd.in-toto+json"
AMD64, ARM64 = {"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}


class Shelves:
    """Reads shelves as a registry client does. `failing` paths raise, and all do while `down` is set; none answers
    while `held` is, and none ever of a path that begins with `stalling`."""

    def __init__(self, shelf: Shelf | None = None, repository: Repository = REPOSITORY) -> None:
        self.shelves: dict[Repository, Shelf] = {repository: shelf} if shelf else {}
        self.failing: dict[str, NavicertError] = {}
        self.down: NavicertError | None = None
        self.asked: Counter[str] = Counter()
        self.answering = asyncio.Event()
        self.answering.set()
        self.stalling: str | None = None

    def within(self, _deadline: Deadline) -> Self:
        return self

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        fetched = await self._read(repository, f"manifests/{reference}")
        if fetched is not None and isinstance(reference, Digest) and fetched.digest != reference:
            raise MalformedManifest("other content")
        return fetched

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        fetched = await self._read(repository, f"blobs/{descriptor.digest}")
        if fetched is None or len(fetched.content) != descriptor.size:
            raise RegistryUnavailable("other content")
        return fetched.content

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        page = await self._read(repository, f"referrers/{digest}")
        if page is not None:
            yield page

    async def _read(self, repository: Repository, path: str) -> Fetched | None:
        self.asked[f"{repository}/{path}"] += 1
        await self.answering.wait()
        if self.stalling is not None and path.startswith(self.stalling):
            await asyncio.Event().wait()
        error = self.down or self.failing.get(path)
        if error is not None:
            raise error
        page = self.shelves[repository].pages.get(path) if repository in self.shelves else None
        if page is None:
            return None
        return Fetched(content=page.content, content_type=page.content_type, digest=Digest.of(page.content))


class Family:
    """An index on a shelf, and its children: attested by bundles that refer to them, or by BuildKit's statements."""

    def __init__(self, foundry: Foundry, shelf: Shelf) -> None:
        self.foundry = foundry
        self.shelf = shelf
        self.entries: list[Json] = []

    def child(self, platform: Json | None, *, number: int | None = None, **fields: Any) -> Digest:
        """Adds an image to the index, not pushed yet."""
        layer = self.shelf.put_blob(b"layer %d" % (len(self.entries) if number is None else number), "text/plain")
        entry = self.shelf.put_manifest(self.shelf.manifest_of([layer], CONFIG_TYPE)) | fields
        self.entries.append(entry | ({"platform": platform} if platform else {}))
        return Digest.parse(entry["digest"])

    def attest(self, subject: Digest, payload: bytes | None = None) -> None:
        """Refers a signed bundle to this digest; provenance unless another payload is given."""
        layer = self.foundry.bundle_layer(payload or self.foundry.provenance(subject))
        page = Page(content=self.shelf.index_of(self.shelf.put_bundle(layer)), content_type=INDEX_TYPE)
        self.shelf.pages[f"referrers/{subject}"] = page

    def attest_in_index(self, subject: Digest, *, platform: Json = UNKNOWN) -> Digest:
        """Adds an attestation manifest as BuildKit does, with provenance that nobody signed."""
        described = self.shelf.put_blob(self.foundry.provenance(subject), STATEMENT_TYPE)
        manifest = self.shelf.put_manifest(self.shelf.manifest_of([described], EMPTY_TYPE))
        about = {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": str(subject),
        }
        self.entries.append(manifest | {"platform": platform, "annotations": about})
        return Digest.parse(manifest["digest"])

    def push(self, *more: Json) -> Digest:
        """Puts the index on the shelf, as the image that is judged."""
        content = self.shelf.index_of(*self.entries, *more)
        self.shelf.image = self.shelf.put_bytes(content, INDEX_TYPE)
        self.shelf.subject = Digest.parse(self.shelf.image["digest"])
        self.shelf.tag(self.shelf.image, "v1")
        return self.shelf.subject


def request_of(
    roots: TrustRoots,
    *,
    digest: Digest | None = None,
    tag: str | None = None,
    repository: Repository = REPOSITORY,
    seconds: float = 30,
    now: datetime = NOW,
    wanted: frozenset[str] = PROVENANCE | IMAGE_SIGNATURE,
    **fields: Any,
) -> GatherRequest:
    """A request with a deadline so many seconds from now."""
    return GatherRequest(
        reference=ImageReference(repository=repository, tag=tag, digest=digest),
        wanted=wanted,
        roots=roots,
        now=now,
        deadline=asyncio.get_running_loop().time() + seconds,
        **fields,
    )


def attested(foundry: Foundry, content: bytes = b"image") -> tuple[Shelf, Layer]:
    """A shelf whose image has one bundle with provenance."""
    shelf = Shelf()
    layer = foundry.bundle_layer(foundry.provenance(shelf.subject, path=content.decode()))
    shelf.list_referrers(shelf.put_bundle(layer))
    return shelf, layer


def reasons(evidence: Evidence) -> list[Reason]:
    """Why something of this evidence could not be had."""
    return [gap.reason for gap in evidence.gaps]
