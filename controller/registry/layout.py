"""An OCI layout on disk as a registry: the same interface over a folder, without a connection.

Whoever wrote the layout is believed no more than a registry is: everything hashes to its digest when it is read.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from controller.core.errors import (
    LimitExceeded,
    MalformedManifest,
    MalformedReference,
    NavicertError,
    RegistryUnavailable,
)
from controller.core.image import Digest, ImageReference, Repository
from controller.registry.client import MAX_BLOB_BYTES, MAX_MANIFEST_BYTES, Deadline, Fetched
from controller.registry.layoutfiles import LayoutFiles
from controller.wire.layout import (
    COSIGN_EVIDENCE,
    COSIGN_IMAGES,
    COSIGN_KIND,
    INDEX_FILE,
    VERSION_FILE,
    LayoutReference,
    Stored,
    describe,
    is_evidence,
    parse_listing,
    render_index,
    repository_of,
    require_version,
    tags_of,
)
from controller.wire.oci import INDEX_TYPES, MANIFEST_TYPES, OCI_INDEX, Descriptor, Index, parse_manifest

MAX_VERSION_BYTES = 64 * 1024
MAX_SEARCHED_BYTES = 128 * 1024 * 1024  # of everything stored that may be a manifest

_OPENING = b"{"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """What the stored manifests refer to, and what kept the search from being complete."""

    referring: Mapping[Digest, tuple[Descriptor, ...]]
    obstacle: NavicertError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A layout as it was when it was opened: what it lists, and what is stored in it that refers to something.

    Opening reads `index.json` and every stored manifest, listed or not: cosign stores bundles without listing them.
    """

    files: LayoutFiles
    entries: tuple[Descriptor, ...]
    images: tuple[Digest, ...]
    search: _Search = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Read the layout in this folder. Blocks.

        Raises MalformedManifest for what is none, RegistryDenied for links and the like in the place of its files,
        RegistryUnavailable and LimitExceeded. What can't be searched is told later, to whoever asks for referrers.
        """
        files = LayoutFiles(folder)
        if not folder.is_dir():
            raise MalformedManifest(f"{files} is no folder")
        require_version(files.document(VERSION_FILE, limit=MAX_VERSION_BYTES))
        entries = parse_listing(files.document(INDEX_FILE, limit=MAX_MANIFEST_BYTES))
        known = MANIFEST_TYPES | INDEX_TYPES
        listed = tuple(entry for entry in entries if entry.media_type in known)
        search = _search(files)
        return cls(files=files, entries=listed, images=_images(files, listed, search), search=search)

    def tagged(self, tag: str) -> Descriptor | None:
        """The entry of this tag, by its annotations, or by what cosign says it is.

        Raises MalformedManifest where two entries claim it.
        """
        found = {entry.digest: entry for entry in self.entries if tag in tags_of(entry) | self._cosign_tags(entry)}
        if len(found) > 1:
            raise MalformedManifest(f"{self.files} lists {tag} more than once")
        return next(iter(found.values()), None)

    def _cosign_tags(self, entry: Descriptor) -> frozenset[str]:
        """cosign keeps one image in a layout: its signatures and attestations are about that one."""
        suffix = COSIGN_EVIDENCE.get(entry.annotations.get(COSIGN_KIND, ""))
        if suffix is None:
            return frozenset()
        about = (image for image in self.entries if image.annotations.get(COSIGN_KIND) in COSIGN_IMAGES)
        return frozenset(f"sha256-{image.digest.hex}{suffix}" for image in about)


class LayoutRegistry:
    """A layout in the place of a registry, for one repository; implements `registry.client.Registry`.

    Whatever it returns hashed to its digest when it was read. It never follows a link, reads nothing outside the
    folder, and keeps the same bounds as the registry client.
    """

    def __init__(self, layout: Layout, repository: Repository) -> None:
        self._layout = layout
        self._repository = repository

    def within(self, _deadline: Deadline) -> Self:
        """Itself: no file asks for a pause."""
        return self

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        """The manifest or index of this digest, listed or merely stored, or of this tag; None where there is none.

        Raises RegistryUnavailable for one that is listed and not stored, MalformedManifest for other content,
        LimitExceeded over 4 MiB, RegistryDenied for a link.
        """
        self._require(repository)
        entry = self._listed(reference)
        digest = entry.digest if entry else reference
        if not isinstance(digest, Digest):
            return None
        content, actual = await asyncio.to_thread(self._hashed, digest, MAX_MANIFEST_BYTES)
        if content is None and entry is not None:
            raise RegistryUnavailable(f"{self._layout.files} lists {digest}, and does not have it")
        if content is None:
            return None
        if actual != digest or (entry is not None and entry.size != len(content)):
            raise MalformedManifest(f"{self._layout.files} stores other content as {digest}")
        media_type = entry.media_type if entry else describe(content).descriptor.media_type
        return Fetched(content=content, content_type=media_type, digest=digest)

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        """The blob of this digest and size. Raises as the registry client does, and RegistryDenied for a link."""
        self._require(repository)
        what = f"blob {descriptor.digest}"
        if descriptor.size > MAX_BLOB_BYTES:
            raise LimitExceeded(f"{what} is larger than {MAX_BLOB_BYTES} bytes")
        content, actual = await asyncio.to_thread(self._hashed, descriptor.digest, MAX_BLOB_BYTES)
        if content is None:
            raise RegistryUnavailable(f"{self._layout.files} does not have {what}")
        if len(content) != descriptor.size or actual != descriptor.digest:
            raise RegistryUnavailable(f"{self._layout.files} has other content as {what}")
        return content

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        """One page: every stored manifest that names this digest as its subject.

        Raises afterwards what kept the search from being complete: what was not seen might refer to it.
        """
        self._require(repository)
        search = self._layout.search
        if found := search.referring.get(digest):
            content = render_index(found)
            yield Fetched(content=content, content_type=OCI_INDEX, digest=Digest.of(content))
        if search.obstacle is not None:
            raise search.obstacle

    def _listed(self, reference: Digest | str) -> Descriptor | None:
        if isinstance(reference, str):
            return self._layout.tagged(reference)
        return next((entry for entry in self._layout.entries if entry.digest == reference), None)

    def _hashed(self, digest: Digest, limit: int) -> tuple[bytes | None, Digest | None]:
        content = self._layout.files.blob(digest, limit=limit)
        return content, Digest.of(content) if content is not None else None

    def _require(self, repository: Repository) -> None:
        if repository != self._repository:
            raise RegistryUnavailable(f"the layout stands for {self._repository}, and knows nothing of {repository}")


def open_image(
    reference: LayoutReference, *, repository: Repository | None = None
) -> tuple[LayoutRegistry, ImageReference]:
    """The layout as a registry, and the image meant in it, by digest (CLI-015, CLI-016). Blocks.

    Without a digest it is the layout's only image; without a repository it stands for `localhost/<folder>`. Raises as
    `Layout.open` does, and MalformedReference where there is no image or where there are several: it lists them.
    """
    folder = Path(reference.path).absolute()
    layout = Layout.open(folder)
    stands_for = repository or repository_of(folder.resolve().name)
    digest = reference.digest or _only(layout)
    return LayoutRegistry(layout, stands_for), ImageReference(repository=stands_for, digest=digest)


def _only(layout: Layout) -> Digest:
    match layout.images:
        case (digest,):
            return digest
        case ():
            raise MalformedReference(f"{layout.files} lists no image")
        case several:
            names = ", ".join(str(digest) for digest in several)
            raise MalformedReference(f"{layout.files} has several images, name one by its digest: {names}")


def _search(files: LayoutFiles) -> _Search:
    """Looks at everything in the order of digests, so that a bound always leaves out the same."""
    referring: dict[Digest, list[Descriptor]] = defaultdict(list)
    obstacles: list[NavicertError] = []
    left = MAX_SEARCHED_BYTES
    for digest in _stored(files, obstacles):
        content = _possible(files, digest, obstacles)
        left -= len(content)
        if left < 0:
            obstacles.append(LimitExceeded(f"{files} stores more than {MAX_SEARCHED_BYTES} bytes of documents"))
            break
        stored = _described(content)
        if stored is not None and stored.subject is not None:
            referring[stored.subject].append(stored.descriptor)
    found = {subject: tuple(entries) for subject, entries in referring.items()}
    return _Search(referring=found, obstacle=next(iter(obstacles), None))


def _stored(files: LayoutFiles, obstacles: list[NavicertError]) -> tuple[Digest, ...]:
    try:
        return files.stored()
    except NavicertError as error:
        obstacles.append(error)
        return ()


def _possible(files: LayoutFiles, digest: Digest, obstacles: list[NavicertError]) -> bytes:
    """What is stored as this digest, if it may be a manifest: nothing larger is one."""
    try:
        return files.blob(digest, limit=MAX_MANIFEST_BYTES, opening=_OPENING) or b""
    except LimitExceeded:
        return b""
    except NavicertError as error:
        obstacles.append(error)
        return b""


def _described(content: bytes) -> Stored | None:
    try:
        return describe(content) if content else None
    except MalformedManifest:  # a bundle, an SBOM, anything
        return None


def _images(files: LayoutFiles, entries: tuple[Descriptor, ...], search: _Search) -> tuple[Digest, ...]:
    """What is listed for itself: not as evidence, nor as part of something listed, nor as referring to that."""
    parts = {part.digest for entry in entries if entry.media_type in INDEX_TYPES for part in _parts(files, entry)}
    listed = {entry.digest for entry in entries}
    referrers = {one.digest for subject, found in search.referring.items() if subject in listed for one in found}
    own = (entry.digest for entry in entries if not is_evidence(entry))
    return tuple(sorted(set(own) - parts - referrers))


def _parts(files: LayoutFiles, entry: Descriptor) -> tuple[Descriptor, ...]:
    """What a listed index holds; nothing where it is none: whoever asks for it will be told."""
    content = files.blob(entry.digest, limit=MAX_MANIFEST_BYTES)
    if content is None or Digest.of(content) != entry.digest:
        return ()
    try:
        index = parse_manifest(content, content_type=entry.media_type)
    except MalformedManifest:
        return ()
    return index.manifests if isinstance(index, Index) else ()
