"""Freezing what a registry has about an image, so that it can be judged again later, elsewhere and offline.

Captured is what gathering would read for any policy, and nothing of what the image is made of. A later judgement from
the layout finds the same: what a registry lists as referrers, by its API or by the fallback tag, stands under the
fallback tag in the layout, entry for entry, and with it all that another repository keeps as evidence.
"""

from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from controller.core.errors import LimitExceeded, MalformedManifest
from controller.core.image import Digest, ImageReference, Repository
from controller.registry.client import MAX_BLOB_BYTES as MAX_ONE_BLOB_BYTES
from controller.registry.client import Fetched, Registry
from controller.registry.discovery import MAX_LISTED, layers_of
from controller.registry.layoutwriting import LayoutWriter
from controller.wire.layout import render_index
from controller.wire.oci import MANIFEST_TYPES, OCI_INDEX, Descriptor, Index, Manifest, parse_manifest

MAX_DEPTH = 2  # of indexes in indexes, as gathering
MAX_IMAGES = 65  # an index and twice the 32 runnable children that are judged: BuildKit adds one entry to each
MAX_OBJECTS = 4096  # manifests and blobs of one capture
MAX_BYTES = 512 * 1024 * 1024

SIGNATURES, ATTESTATIONS = ".sig", ".att"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What was captured: the image's digest, and how many documents of evidence about it and its children."""

    digest: Digest
    documents: int


async def capture(
    registry: Registry,
    reference: ImageReference,
    layout: LayoutWriter,
    *,
    evidence_repository: Repository | None = None,
    tell: Tell,
) -> Captured | None:
    """Write everything that the registry has about this image to the layout; None where there is no such image.

    `evidence_repository` is where evidence about it is kept besides.

    All or nothing: raises Unavailable or MalformedManifest for whatever could not be found out, LimitExceeded beyond
    MAX_IMAGES, MAX_OBJECTS or MAX_BYTES. What the registry lists and does not have, and what is larger than any
    judgement reads, is left out: from the layout it can be judged no better than from the registry. `tell` hears what
    is looked at.
    """
    return await _Capture(registry, reference, evidence_repository, layout, tell).run()


class _Capture:
    """One capture under way."""

    def __init__(
        self,
        registry: Registry,
        reference: ImageReference,
        elsewhere: Repository | None,
        layout: LayoutWriter,
        tell: Tell,
    ) -> None:
        self._registry = registry
        self._repository = reference.repository
        self._places = (self._repository, elsewhere) if elsewhere else (self._repository,)
        self._reference = reference
        self._layout = layout
        self._tell = tell
        self._images: set[Digest] = set()
        self._stored: set[Digest] = set()
        self._evidence: set[Digest] = set()
        self._bytes = MAX_BYTES

    async def run(self) -> Captured | None:
        """The image first: its bytes give the digest that everything else is about."""
        tag = self._reference.tag
        image = await self._registry.manifest(self._repository, self._reference.digest or tag or "")
        if image is None:
            return None
        image.refuse_stale()
        self._layout.enter(image.content, media_type=image.content_type, tag=tag)
        await self._image(image, depth=0)
        return Captured(digest=image.digest, documents=len(self._evidence))

    async def _image(self, image: Fetched, *, depth: int) -> None:
        if image.digest in self._images:
            return
        if len(self._images) == MAX_IMAGES:
            raise LimitExceeded(f"the index holds more than {MAX_IMAGES - 1} manifests")
        self._images.add(image.digest)
        self._tell(f"evidence about {image.digest}")
        self._store(image.content, image.digest)
        document = parse_manifest(image.content, content_type=image.content_type)
        if isinstance(document, Manifest):  # BuildKit's attestations stand in the index among the images
            await self._layers(self._repository, document)
        elif depth < MAX_DEPTH:
            for child in document.manifests:
                fetched = await self._registry.manifest(self._repository, child.digest)
                if fetched is not None:
                    await self._image(fetched, depth=depth + 1)
        await self._referrers(image.digest)
        for suffix in (SIGNATURES, ATTESTATIONS):
            await self._tagged(f"sha256-{image.digest.hex}{suffix}")

    async def _referrers(self, subject: Digest) -> None:
        listed: list[Descriptor] = []
        for place in self._places:
            found = await self._listed(place, subject)
            listed += (entry for entry in found if entry not in listed)
            if len(listed) > MAX_LISTED:
                raise LimitExceeded(f"more than {MAX_LISTED} referrers of {subject} are listed")
            for digest in dict.fromkeys(entry.digest for entry in found if entry.media_type in MANIFEST_TYPES):
                fetched = await self._registry.manifest(place, digest)
                if fetched is not None:
                    await self._document(place, fetched)
        if listed:
            self._layout.enter(render_index(listed), media_type=OCI_INDEX, tag=f"sha256-{subject.hex}")

    async def _listed(self, place: Repository, subject: Digest) -> list[Descriptor]:
        """What this place lists about it. A layout has each tag once, and it is the image's own repository's: what
        another keeps under cosign's tags is listed with its referrers."""
        listed: list[Descriptor] = []
        async with aclosing(self._registry.referrers(place, subject)) as pages:
            async for page in pages:
                listed += _entries(page)
        tag = f"sha256-{subject.hex}"
        if (fallback := await self._current(place, tag)) is not None:
            listed += (entry for entry in _entries(fallback) if entry not in listed)
        for suffix in (SIGNATURES, ATTESTATIONS) if place != self._repository else ():
            if (kept := await self._current(place, tag + suffix)) is not None:
                listed.append(Descriptor(media_type=kept.content_type, digest=kept.digest, size=len(kept.content)))
        return listed

    async def _current(self, place: Repository, tag: str) -> Fetched | None:
        """What a tag points to now. Raises RegistryUnavailable where only a mirror says."""
        fetched = await self._registry.manifest(place, tag)
        if fetched is not None:
            fetched.refuse_stale()
        return fetched

    async def _tagged(self, tag: str) -> None:
        fetched = await self._current(self._repository, tag)
        if fetched is not None:
            self._layout.enter(fetched.content, media_type=fetched.content_type, tag=tag)
            await self._document(self._repository, fetched)

    async def _document(self, place: Repository, fetched: Fetched) -> None:
        """A manifest of evidence. One that is none is kept as it is: it explains a refusal."""
        self._store(fetched.content, fetched.digest)
        try:
            document = parse_manifest(fetched.content, content_type=fetched.content_type)
        except MalformedManifest:
            return
        if isinstance(document, Manifest):
            await self._layers(place, document)

    async def _layers(self, place: Repository, manifest: Manifest) -> None:
        for layer in layers_of(manifest):
            descriptor = layer.descriptor
            self._evidence.add(descriptor.digest)
            if descriptor.size <= MAX_ONE_BLOB_BYTES and descriptor.digest not in self._stored:
                self._store(await self._registry.blob(place, descriptor), descriptor.digest)

    def _store(self, content: bytes, digest: Digest) -> None:
        if digest in self._stored:
            return
        self._stored.add(digest)
        self._bytes -= len(content)
        if self._bytes < 0 or len(self._stored) > MAX_OBJECTS:
            raise LimitExceeded(f"the evidence is more than {MAX_OBJECTS} objects or {MAX_BYTES} bytes")
        self._layout.store(content)


def _entries(page: Fetched) -> tuple[Descriptor, ...]:
    index = parse_manifest(page.content, content_type=page.content_type)
    return index.manifests if isinstance(index, Index) else ()
