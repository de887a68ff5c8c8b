"""What names a layout, what it lists, and what a stored document says of itself."""

import json
from typing import Any

import pytest

from controller.core.errors import MalformedManifest, MalformedReference
from controller.core.image import Digest, Repository
from controller.wire.layout import (
    CONTAINERD_NAME,
    COSIGN_KIND,
    REF_NAME,
    LayoutReference,
    describe,
    is_evidence,
    parse_listing,
    render_index,
    render_version,
    repository_of,
    require_version,
    tags_of,
)
from controller.wire.oci import OCI_INDEX, OCI_MANIFEST, Descriptor

DIGEST = Digest.of(b"image")
CONFIG = {"mediaType": "application/vnd.acme.config", "digest": str(DIGEST), "size": 2}


def entry(**annotations: str) -> Descriptor:
    return Descriptor(media_type=OCI_MANIFEST, digest=DIGEST, size=3, annotations=annotations)


def manifest(**fields: Any) -> bytes:
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": []} | fields
    return json.dumps({name: value for name, value in document.items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("text", "path", "digest"),
    [
        ("oci:shop", "shop", None),
        ("oci:./shop", "./shop", None),
        (f"oci:/tmp/shop@{DIGEST}", "/tmp/shop", DIGEST),
        ("oci:me@home/shop", "me@home/shop", None),
        (f"oci:me@home@{DIGEST}", "me@home", DIGEST),
    ],
)
def test_a_layout_is_named_by_its_path_and_perhaps_a_digest(text: str, path: str, digest: Digest | None) -> None:
    assert LayoutReference.parse(text) == LayoutReference(path=path, digest=digest)


@pytest.mark.case("REG-019")
@pytest.mark.parametrize(
    "text",
    [
        "shop",
        "oci:",
        "oci:@" + str(DIGEST),
        "oci:shop@sha256:12",
        "oci:shop@sha512:12",
        "oci:a\0b",
        "oci:x@sha256:../x",
    ],
)
def test_what_names_no_layout_is_refused(text: str) -> None:
    with pytest.raises(MalformedReference):
        LayoutReference.parse(text)


def test_a_layout_stands_for_a_local_repository_of_its_folders_name() -> None:
    assert repository_of("Shop") == Repository("localhost", "shop")
    for name in ("", "..", "two words", "a\x1b[2J"):
        with pytest.raises(MalformedReference) as told:
            repository_of(name)
        assert "\x1b" not in str(told.value)


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_version_one_is_read(version: str) -> None:
    require_version(json.dumps({"imageLayoutVersion": version}).encode())
    require_version(render_version())


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b'{"imageLayoutVersion": "2.0.0"}', b'{"imageLayoutVersion": 1}', b"[" * 100_000],
)
def test_any_other_version_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedManifest):
        require_version(content)


@pytest.mark.case("REG-019")
@pytest.mark.parametrize("digest", ["sha256:../../etc/passwd", "sha512:" + "0" * 128, "sha256:" + "A" * 64, ""])
def test_a_listing_with_an_entry_that_cannot_be_read_is_refused(digest: str) -> None:
    entries = [{"mediaType": OCI_MANIFEST, "digest": digest, "size": 1}]
    with pytest.raises(MalformedManifest):
        parse_listing(json.dumps({"schemaVersion": 2, "manifests": entries}).encode())


def test_what_is_rendered_is_read_again() -> None:
    entries = (entry(**{REF_NAME: "v1"}), Descriptor(media_type=OCI_INDEX, digest=DIGEST, size=1, artifact_type="a/b"))
    assert parse_listing(render_index(entries)) == entries


@pytest.mark.case("REG-020")
@pytest.mark.parametrize(
    ("annotations", "tags"),
    [
        ({}, set()),
        ({REF_NAME: "v1"}, {"v1"}),
        ({REF_NAME: "ghcr.io/acme/shop:v1"}, {"v1"}),
        ({REF_NAME: "v1", CONTAINERD_NAME: "docker.io/library/shop:v2"}, {"v1", "v2"}),
        ({REF_NAME: "localhost:5000/shop"}, {"shop"}),
    ],
)
def test_tags_stand_in_the_annotations_of_every_tool(annotations: dict[str, str], tags: set[str]) -> None:
    assert tags_of(entry(**annotations)) == tags


@pytest.mark.case("REG-020")
@pytest.mark.parametrize(
    ("annotations", "kept"),
    [
        ({REF_NAME: f"sha256-{DIGEST.hex}.sig"}, True),
        ({REF_NAME: f"sha256-{DIGEST.hex}"}, True),
        ({COSIGN_KIND: "dev.cosignproject.cosign/atts"}, True),
        ({COSIGN_KIND: "dev.cosignproject.cosign/image"}, False),
        ({REF_NAME: "v1"}, False),
    ],
)
def test_evidence_is_told_from_images(annotations: dict[str, str], kept: bool) -> None:  # noqa: FBT001 (a parameter)
    assert is_evidence(entry(**annotations)) is kept


def test_a_stored_manifest_says_its_type_and_what_it_refers_to() -> None:
    content = manifest(artifactType="a/b", subject={"digest": str(DIGEST)}, annotations={"c": "d"})
    stored = describe(content)
    assert stored.subject == DIGEST
    assert stored.descriptor == Descriptor(
        media_type=OCI_MANIFEST,
        digest=Digest.of(content),
        size=len(content),
        artifact_type="a/b",
        annotations={"c": "d"},
    )


def test_an_artifact_type_may_be_that_of_the_config() -> None:
    assert describe(manifest()).descriptor.artifact_type == "application/vnd.acme.config"


def test_where_no_type_is_said_the_form_tells_it() -> None:
    assert describe(manifest(mediaType=None)).descriptor.media_type == OCI_MANIFEST
    assert describe(b'{"schemaVersion": 2, "manifests": []}').descriptor.media_type == OCI_INDEX


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"[" * 100_000,
        b'{"schemaVersion": 2, "schemaVersion": 2, "manifests": []}',
        manifest(mediaType="text/plain"),
        manifest(subject={"digest": "sha256:12"}),
        manifest(subject="x"),
        manifest(config=[]),
        manifest(annotations={"a": 1}),
    ],
)
def test_what_is_no_manifest_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedManifest):
        describe(content)
