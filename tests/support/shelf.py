"""What one repository of a registry holds, by the paths it is read at; and reading it without a network."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from controller.core.errors import MalformedManifest, NavicertError, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry.client import Deadline, Fetched
from controller.wire.oci import Descriptor
from tests.support.foundry import BUNDLE_V03, Layer

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
CREATED = "org.opencontainers.image.created"
PREDICATE = "dev.sigstore.bundle.predicateType"

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Page:
    """One answer of a registry with status 200."""

    content: bytes
    content_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Shelf:
    """A repository. `pages` maps a path below /v2/<repository>/ to its answer; what is not there is 404."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.image = self.put_manifest(self.manifest_of([self.put_blob(b"layer", "application/x-tar")], CONFIG_TYPE))
        self.subject = Digest.parse(self.image["digest"])
        self.tag(self.image, "v1")

    def put_blob(self, content: bytes, media_type: str, **annotations: str) -> Json:
        """Stores a blob and returns its descriptor."""
        digest = Digest.of(content)
        self.pages[f"blobs/{digest}"] = Page(content=content, content_type="application/octet-stream")
        described = {"mediaType": media_type, "digest": str(digest), "size": len(content)}
        return described | ({"annotations": annotations} if annotations else {})

    def put_layer(self, layer: Layer) -> Json:
        return self.put_blob(layer.content, layer.media_type) | {"annotations": dict(layer.annotations)}

    def manifest_of(self, layers: Sequence[Json], config_type: str = EMPTY_TYPE, **fields: object) -> Json:
        config = self.put_blob(b"{}", config_type)
        return {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": list(layers)} | fields

    def put_manifest(self, document: Json) -> Json:
        """Stores a manifest or index under its digest and returns its descriptor."""
        return self.put_bytes(json.dumps(document).encode(), document["mediaType"])

    def put_bytes(self, content: bytes, media_type: str) -> Json:
        digest = str(Digest.of(content))
        self.pages[f"manifests/{digest}"] = Page(content=content, content_type=media_type)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def tag(self, manifest: Json, name: str) -> None:
        self.pages[f"manifests/{name}"] = self.pages[f"manifests/{manifest['digest']}"]

    def put_bundle(self, layer: Layer, **annotations: str) -> Json:
        """Stores a bundle's manifest as cosign makes it and returns its entry for a list of referrers."""
        document = self.manifest_of(
            [self.put_layer(layer)],
            artifactType=BUNDLE_V03,
            subject=self.image,
            annotations=annotations,
        )
        return self.put_manifest(document) | {"artifactType": BUNDLE_V03, "annotations": annotations}

    def list_referrers(self, *entries: Json) -> None:
        """Fills the referrers API."""
        self.pages[f"referrers/{self.subject}"] = Page(content=self.index_of(*entries), content_type=INDEX_TYPE)

    def list_fallback(self, *entries: Json) -> None:
        """Fills the fallback tag."""
        page = Page(content=self.index_of(*entries), content_type=INDEX_TYPE)
        self.pages[f"manifests/sha256-{self.subject.hex}"] = page

    def put_tagged(self, suffix: str, *layers: Layer) -> None:
        """Fills the tag `.sig` or `.att`."""
        manifest = self.put_manifest(self.manifest_of([self.put_layer(layer) for layer in layers], CONFIG_TYPE))
        self.tag(manifest, f"sha256-{self.subject.hex}{suffix}")

    @staticmethod
    def index_of(*entries: Json) -> bytes:
        return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}).encode()


class ShelfReader:
    """Reads a shelf as a registry client does. `failing` paths raise, `stalling` ones never answer."""

    def __init__(self, shelf: Shelf, repository: Repository) -> None:
        self._shelf = shelf
        self._repository = repository
        self.failing: dict[str, NavicertError] = {}
        self.stalling: set[str] = set()
        self.asked: list[str] = []

    def within(self, _deadline: Deadline) -> Self:
        return self

    async def manifest(self, repository: Repository, reference: Digest | str) -> Fetched | None:
        fetched = await self._read(repository, f"manifests/{reference}")
        if fetched is not None and isinstance(reference, Digest) and fetched.digest != reference:
            raise MalformedManifest("other content")
        return fetched

    async def blob(self, repository: Repository, descriptor: Descriptor) -> bytes:
        fetched = await self._read(repository, f"blobs/{descriptor.digest}")
        if fetched is None or len(fetched.content) != descriptor.size or fetched.digest != descriptor.digest:
            raise RegistryUnavailable("other content")
        return fetched.content

    async def referrers(self, repository: Repository, digest: Digest) -> AsyncGenerator[Fetched, None]:
        page = await self._read(repository, f"referrers/{digest}")
        if page is not None:
            yield page

    async def _read(self, repository: Repository, path: str) -> Fetched | None:
        assert repository == self._repository
        self.asked.append(path)
        if path in self.stalling:
            await asyncio.Event().wait()
        if path in self.failing:
            raise self.failing[path]
        page = self._shelf.pages.get(path)
        if page is None:
            return None
        return Fetched(content=page.content, content_type=page.content_type, digest=Digest.of(page.content))
