"""An image with what is attached to it, as an OCI layout on disk, written from the specification."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from controller.core.image import Digest
from tests.support.foundry import BUNDLE_V03, SIMPLE_SIGNING_TYPE, Json, Layer, encode

INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
REF_NAME = "org.opencontainers.image.ref.name"


def described(content: bytes, media_type: str) -> Json:
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def image(name: str) -> bytes:
    """The manifest of an image that is made of nothing but its name; its digest is that of these bytes."""
    config = described(name.encode(), CONFIG_TYPE)
    return encode({"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": []})


def index(children: Sequence[bytes]) -> bytes:
    """An index of these manifests, each for an architecture of its own."""
    entries = [
        described(child, MANIFEST_TYPE) | {"platform": {"os": "linux", "architecture": f"cpu{number}"}}
        for number, child in enumerate(children)
    ]
    return encode({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})


class LayoutFolder:
    """A layout that is being written. Simple signing goes under the tag `.sig`, everything else into referrers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries: list[Json] = []
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
        self._write()

    def add_index(self, children: Sequence[bytes], *layers: Layer) -> None:
        """An index of these images, which are in the layout or come, and what is attached to the index."""
        self.add(index(children), *layers, media_type=INDEX_TYPE)

    def add(self, manifest: bytes, *layers: Layer, tag: str | None = None, media_type: str = MANIFEST_TYPE) -> None:
        """An image, under a tag where it has one, and what is attached to it."""
        subject = self._store(manifest, media_type)
        self._list(subject, tag)
        signatures = [layer for layer in layers if layer.media_type == SIMPLE_SIGNING_TYPE]
        if signatures:
            self._list(self._evidence(signatures), f"{str(subject['digest']).replace(':', '-')}.sig")
        for layer in layers:
            if layer not in signatures:
                self._evidence([layer], artifactType=BUNDLE_V03, subject=subject)

    def _evidence(self, layers: Sequence[Layer], **fields: object) -> Json:
        entries = [
            self._store(layer.content, layer.media_type) | {"annotations": dict(layer.annotations)} for layer in layers
        ]
        config = self._store(b"{}", EMPTY_TYPE)
        document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": entries, **fields}
        return self._store(encode(document), MANIFEST_TYPE)

    def _store(self, content: bytes, media_type: str) -> Json:
        (self.path / "blobs" / "sha256" / Digest.of(content).hex).write_bytes(content)
        return described(content, media_type)

    def _list(self, entry: Json, tag: str | None) -> None:
        self._entries.append(entry | ({"annotations": {REF_NAME: tag}} if tag else {}))
        self._write()

    def _write(self) -> None:
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self._entries}))
