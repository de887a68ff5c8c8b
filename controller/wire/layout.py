"""OCI image layouts (OCI image-spec 1.1, image-layout.md) as documents: what names one, what it lists, what refers.

How tools write them: BuildKit, containerd and skopeo name what they list by annotations; oras lists every manifest;
cosign says by an annotation `kind` what an entry is, and lists no bundle at all, only stores it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from controller.core.errors import MalformedAttestation, MalformedManifest, MalformedReference
from controller.core.image import Digest, Repository
from controller.core.text import printable
from controller.wire.oci import (
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_INDEX,
    OCI_MANIFEST,
    SCHEMA_VERSION,
    Descriptor,
    Index,
    parse_manifest,
)
from controller.wire.strictjson import parse_strict

PREFIX = "oci:"
VERSION_FILE, INDEX_FILE = "oci-layout", "index.json"
REF_NAME = "org.opencontainers.image.ref.name"  # OCI image-spec 1.1, annotations.md
CONTAINERD_NAME = "io.containerd.image.name"
COSIGN_KIND = "kind"
COSIGN_IMAGES = frozenset({"dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex"})
COSIGN_EVIDENCE: Mapping[str, str] = {"dev.cosignproject.cosign/sigs": ".sig", "dev.cosignproject.cosign/atts": ".att"}
LOCAL_HOST = "localhost"

_EVIDENCE_TAG = re.compile(r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutReference:
    """`oci:PATH[@digest]`: a folder on this machine, and which of its images."""

    path: str
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference that begins with `oci:`; raises MalformedReference.

        What stands behind the last `@` is a digest when it has a colon in it; a path may have an `@` else.
        """
        if not text.startswith(PREFIX):
            raise MalformedReference(f"{printable(text)!r} is no layout: write oci:PATH or oci:PATH@sha256:...")
        name = text.removeprefix(PREFIX)
        path, at, digest = name.rpartition("@")
        if not at or ":" not in digest:
            path, digest = name, ""
        if not path or "\0" in path:
            raise MalformedReference(f"{printable(text)!r} names no folder")
        return cls(path=path, digest=Digest.parse(digest) if digest else None)


def repository_of(folder: str) -> Repository:
    """The repository that a layout in a folder of this name stands for when nobody says: `localhost/<folder>`.

    Raises MalformedReference for a name that can't be one.
    """
    try:
        return Repository(LOCAL_HOST, folder.lower())
    except MalformedReference:
        shown = printable(folder, limit=80)
        raise MalformedReference(f"{shown!r} is no name for a repository: say which the layout stands for") from None


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    image_layout_version: str


def require_version(content: bytes) -> None:
    """Raise MalformedManifest unless this is the `oci-layout` file of version 1."""
    try:
        version = parse_strict(content, _Version, what=VERSION_FILE).image_layout_version
    except MalformedAttestation as error:
        raise MalformedManifest(str(error)) from error
    if version.partition(".")[0] != "1":
        raise MalformedManifest(f"the layout is of version {printable(version, limit=40)!r}, not of version 1")


def parse_listing(content: bytes) -> tuple[Descriptor, ...]:
    """The entries of `index.json`; raises MalformedManifest for one that can't be read: none may be left out here."""
    index = parse_manifest(content, content_type=OCI_INDEX)
    if not isinstance(index, Index) or not index.complete:
        raise MalformedManifest(f"{INDEX_FILE} has an entry without a type, a size or a SHA-256 digest")
    return index.manifests


def tags_of(entry: Descriptor) -> frozenset[str]:
    """The tags under which an entry is listed: annotations hold a tag, or a whole reference that ends in one."""
    names = (entry.annotations.get(REF_NAME, ""), entry.annotations.get(CONTAINERD_NAME, ""))
    return frozenset(name.rpartition("/")[2].rpartition(":")[2] for name in names if name)


def is_evidence(entry: Descriptor) -> bool:
    """Whether a listing says that an entry is no image, but what cosign or a fallback tag keeps about one."""
    kept = any(_EVIDENCE_TAG.fullmatch(tag) for tag in tags_of(entry))
    return kept or entry.annotations.get(COSIGN_KIND) in COSIGN_EVIDENCE


class _Described(msgspec.Struct, frozen=True, rename="camel"):
    digest: str


class _Config(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str | None = None


class _Referring(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str | None = None
    artifact_type: str | None = None
    config: _Config | None = None
    layers: tuple[msgspec.Raw, ...] | None = None
    manifests: tuple[msgspec.Raw, ...] | None = None
    subject: _Described | None = None
    annotations: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a stored document says of itself before anybody asked for it: its media type, and what it refers to.

    A claim. Where a document does not say its type, as OCI allows, its form tells it. `subject` is None where it
    refers to nothing.
    """

    descriptor: Descriptor
    subject: Digest | None


def describe(content: bytes) -> Stored:
    """What this manifest or index says of itself, as a referrers list would tell it (distribution-spec 1.1).

    Raises MalformedManifest for what is neither, or names a subject that can't be read.
    """
    try:
        document = parse_strict(content, _Referring, what="the manifest")
        subject = Digest.parse(document.subject.digest) if document.subject else None
    except (MalformedAttestation, MalformedReference) as error:
        raise MalformedManifest(str(error)) from error
    media_type = document.media_type or _form(document)
    if media_type not in MANIFEST_TYPES | INDEX_TYPES:
        raise MalformedManifest(f"{printable(media_type, limit=90)!r} is not the type of a manifest or index")
    descriptor = Descriptor(
        media_type=media_type,
        digest=Digest.of(content),
        size=len(content),
        artifact_type=document.artifact_type or (document.config.media_type if document.config else None),
        annotations=document.annotations or {},
    )
    return Stored(descriptor=descriptor, subject=subject)


def _form(document: _Referring) -> str:
    if document.manifests is not None:
        return OCI_INDEX
    return OCI_MANIFEST if document.layers is not None else ""


def render_version() -> bytes:
    """The `oci-layout` file."""
    return json.dumps({"imageLayoutVersion": "1.0.0"}).encode()


def render_index(entries: Iterable[Descriptor]) -> bytes:
    """An image index of these entries, the same bytes for the same entries."""
    manifests = [_entry(entry) for entry in entries]
    document = {"schemaVersion": SCHEMA_VERSION, "mediaType": OCI_INDEX, "manifests": manifests}
    return json.dumps(document, indent=2, sort_keys=True).encode()


def _entry(entry: Descriptor) -> Mapping[str, Any]:
    said = {"artifactType": entry.artifact_type, "annotations": dict(entry.annotations)}
    described = {"mediaType": entry.media_type, "digest": str(entry.digest), "size": entry.size}
    return described | {name: value for name, value in said.items() if value}
