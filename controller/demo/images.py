"""OCI images and the evidence that refers to them, as a registry stores both (OCI image-spec 1.1)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from controller.core.image import Digest
from controller.demo.signing import BUNDLE_TYPE

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes with their media type."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> Digest:
        """What the bytes are addressed by."""
        return Digest.of(self.body)

    def descriptor(self) -> dict[str, Any]:
        """How a manifest points at it (image-spec, descriptor.md)."""
        return {"mediaType": self.media_type, "digest": str(self.digest), "size": len(self.body)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleImage:
    """An image manifest, the manifests that refer to it, and the blobs of all of them."""

    manifest: Content
    blobs: tuple[Content, ...]
    referrers: tuple[Content, ...] = ()

    @property
    def digest(self) -> Digest:
        """The digest of the image."""
        return self.manifest.digest


def build_image(label: str) -> SampleImage:
    """A small image without evidence; another label makes another digest."""
    layer = Content(LAYER_TYPE, f"sample layer of {label}\n".encode())
    rootfs = {"type": "layers", "diff_ids": [str(layer.digest)]}
    config = Content(CONFIG_TYPE, _json({"architecture": "amd64", "os": "linux", "rootfs": rootfs}))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.descriptor(),
        "layers": [layer.descriptor()],
    }
    return SampleImage(manifest=Content(MANIFEST_TYPE, _json(manifest)), blobs=(config, layer))


def attach(image: SampleImage, bundles: Sequence[bytes]) -> SampleImage:
    """The image with each bundle as a referrer (OCI 1.1 referrers; Sigstore bundle as artifact)."""
    empty = Content(EMPTY_TYPE, b"{}")
    layers = [Content(BUNDLE_TYPE, bundle) for bundle in bundles]
    referrers = tuple(Content(MANIFEST_TYPE, _json(_referrer(image, empty, layer))) for layer in layers)
    return SampleImage(manifest=image.manifest, blobs=(*image.blobs, empty, *layers), referrers=referrers)


def referrers_index(image: SampleImage) -> Content:
    """What the referrers API answers for the image (distribution-spec 1.1, listing referrers)."""
    listed = [referrer.descriptor() | {"artifactType": BUNDLE_TYPE} for referrer in image.referrers]
    return Content(INDEX_TYPE, _json({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": listed}))


def _referrer(image: SampleImage, empty: Content, layer: Content) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": BUNDLE_TYPE,
        "config": empty.descriptor(),
        "layers": [layer.descriptor()],
        "subject": image.manifest.descriptor(),
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
