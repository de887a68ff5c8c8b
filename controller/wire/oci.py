"""OCI image manifests, indexes and referrers lists, and their Docker forms.

OCI image-spec 1.1 (manifest.md, image-index.md, descriptor.md), OCI distribution-spec 1.1 (listing referrers), Docker
image manifest version 2, schema 2. What Navicert does not read (URLs, embedded content) is ignored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from controller.core.errors import MalformedAttestation, MalformedManifest, MalformedReference
from controller.core.image import Digest
from controller.core.text import printable
from controller.wire.strictjson import parse_part, parse_strict

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_LIST})
ACCEPTED_TYPES = (OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST)

SCHEMA_VERSION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Where content is and how large it says it is, in bytes. Annotations and artifact type are hints, never proof.

    `platform` is `os/architecture` and `/variant` where there is one, as an index writes it; not fit to print, and None
    where none can be read.
    """

    media_type: str
    digest: Digest
    size: int
    artifact_type: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image manifest, which may be that of an artifact. What its `subject` names is not read: it proves nothing."""

    media_type: str
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An image index. `manifests` holds the entries that are descriptors with a SHA-256 digest, in their order.

    Other entries are left out, and `complete` is False then: in a list of referrers, which whoever may push can write,
    one that can't be read must not hide the rest. Where every entry counts, ask for `complete`.
    """

    media_type: str
    manifests: tuple[Descriptor, ...]
    complete: bool


class _Platform(msgspec.Struct, frozen=True):
    os: str
    architecture: str
    variant: str | None = None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    digest: str
    size: Annotated[int, msgspec.Meta(ge=0)]
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None
    platform: msgspec.Raw = msgspec.Raw()

    def read(self) -> Descriptor:
        return Descriptor(
            media_type=self.media_type,
            digest=Digest.parse(self.digest),
            size=self.size,
            artifact_type=self.artifact_type,
            annotations=self.annotations or {},
            platform=_platform(bytes(self.platform)),
        )


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str | None = None
    config: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] | None = None
    manifests: tuple[msgspec.Raw, ...] | None = None
    fs_layers: Any = None
    annotations: dict[str, str] | None = None


def _platform(content: bytes) -> str | None:
    """What makes no platform is none, and takes nothing from its entry: lists of referrers carry odd ones."""
    try:
        platform = parse_part(content, _Platform, what="a platform") if content else None
    except MalformedAttestation:
        return None
    return str(platform) if platform else None


def parse_manifest(content: bytes, *, content_type: str) -> Manifest | Index:
    """Read a manifest or index that was answered with this Content-Type.

    Guarantees one meaning: strict JSON, a known Content-Type that the document's own `mediaType`, where it has one,
    repeats, and the fields of one kind only (IDX-006, IDX-007, IDX-012; the confusion of CVE-2021-41190). Of
    manifests every descriptor is read, of indexes those that can be. Raises MalformedManifest.
    """
    announced = content_type.partition(";")[0].strip().lower()
    if announced not in MANIFEST_TYPES | INDEX_TYPES:
        raise MalformedManifest(f"{printable(content_type, limit=90)!r} is not the type of a manifest or index")
    document = _parse(content)
    if document.schema_version != SCHEMA_VERSION or document.fs_layers is not None:
        raise MalformedManifest("the manifest is not of schema version 2")
    if document.media_type is not None and document.media_type != announced:
        inside = printable(document.media_type, limit=90)
        raise MalformedManifest(f"the manifest calls itself {inside!r}, the registry calls it {announced!r}")
    return _index(document, announced) if announced in INDEX_TYPES else _manifest(document, announced)


def _parse(content: bytes) -> _Document:
    try:
        return parse_strict(content, _Document, what="the manifest")
    except MalformedAttestation as error:
        raise MalformedManifest(str(error)) from error


def _manifest(document: _Document, media_type: str) -> Manifest:
    if document.manifests is not None or document.config is None or document.layers is None:
        raise MalformedManifest("an image manifest has a config and layers, and no manifests")
    try:
        document.config.read()
        layers = tuple(layer.read() for layer in document.layers)
    except MalformedReference as error:
        raise MalformedManifest(f"a descriptor of the manifest: {error}") from error
    return Manifest(media_type=media_type, layers=layers, annotations=document.annotations or {})


def _index(document: _Document, media_type: str) -> Index:
    if document.layers is not None or document.config is not None:
        raise MalformedManifest("an index has manifests, and neither config nor layers")
    if document.manifests is None:
        raise MalformedManifest("an index has manifests")
    manifests = tuple(_entries(document.manifests))
    return Index(media_type=media_type, manifests=manifests, complete=len(manifests) == len(document.manifests))


def _entries(entries: tuple[msgspec.Raw, ...]) -> Iterator[Descriptor]:
    for entry in entries:
        try:
            yield parse_part(bytes(entry), _Descriptor, what="an entry of the index").read()
        except (MalformedAttestation, MalformedReference):
            continue
