"""Manifests and indexes have one meaning, or none."""

import json
from typing import Any

import pytest

from controller.core.errors import MalformedDocument, MalformedManifest
from controller.core.image import Digest
from controller.wire.oci import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
    parse_manifest,
)
from controller.wire.registries import parse_registries

DIGEST = Digest.of(b"layer")
LAYER = {"mediaType": "text/plain", "digest": str(DIGEST), "size": 5, "annotations": {"a": "b"}}
MANIFEST = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": LAYER, "layers": [LAYER]}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [LAYER]}


def parse(document: Any, content_type: str) -> Manifest | Index:
    return parse_manifest(json.dumps(document).encode(), content_type=content_type)


@pytest.mark.case("IDX-011")
@pytest.mark.parametrize("media_type", [OCI_MANIFEST, DOCKER_MANIFEST])
def test_a_manifest_of_either_family_is_read(media_type: str) -> None:
    found = parse(MANIFEST | {"mediaType": media_type, "annotations": {"c": "d"}}, f"{media_type}; charset=utf-8")
    described = Descriptor(media_type="text/plain", digest=DIGEST, size=5, annotations={"a": "b"})
    assert found == Manifest(media_type=media_type, layers=(described,), annotations={"c": "d"})


@pytest.mark.case("IDX-011")
@pytest.mark.parametrize("media_type", [OCI_INDEX, DOCKER_LIST])
def test_an_index_of_either_family_is_read(media_type: str) -> None:
    found = parse(INDEX | {"mediaType": media_type}, media_type)
    assert isinstance(found, Index)
    assert [entry.digest for entry in found.manifests] == [DIGEST]
    assert found.complete


def test_the_media_type_field_may_be_absent() -> None:
    document = {name: value for name, value in MANIFEST.items() if name != "mediaType"}
    assert isinstance(parse(document, OCI_MANIFEST), Manifest)


@pytest.mark.case("IDX-006")
@pytest.mark.parametrize("base", [MANIFEST, INDEX], ids=["manifest", "index"])
def test_a_body_with_layers_and_manifests_has_no_meaning(base: dict[str, Any]) -> None:
    with pytest.raises(MalformedManifest):
        parse(base | {"layers": [LAYER], "manifests": [LAYER]}, base["mediaType"])


@pytest.mark.case("IDX-006")
def test_an_index_with_a_config_has_no_meaning() -> None:
    with pytest.raises(MalformedManifest, match="neither config"):
        parse(INDEX | {"config": LAYER}, OCI_INDEX)


@pytest.mark.case("IDX-007")
@pytest.mark.parametrize("content_type", [DOCKER_MANIFEST, OCI_INDEX, "text/html", "application/json", ""])
def test_a_content_type_that_is_not_the_documents_is_refused(content_type: str) -> None:
    with pytest.raises(MalformedManifest):
        parse(MANIFEST, content_type)


@pytest.mark.case("IDX-012")
@pytest.mark.parametrize(
    ("change", "content_type"),
    [
        ({"schemaVersion": 1}, OCI_MANIFEST),
        ({"fsLayers": [{"blobSum": str(DIGEST)}]}, OCI_MANIFEST),
        ({}, "application/vnd.docker.distribution.manifest.v1+prettyjws"),
    ],
)
def test_schema_1_is_refused(change: dict[str, Any], content_type: str) -> None:
    with pytest.raises(MalformedManifest):
        parse(MANIFEST | change, content_type)


@pytest.mark.parametrize(
    "layer",
    [
        LAYER | {"size": -1},
        LAYER | {"size": "5"},
        LAYER | {"size": 5.5},
        LAYER | {"digest": f"sha256:{DIGEST.hex.upper()}"},
        LAYER | {"digest": "sha512:" + "0" * 128},
        LAYER | {"digest": "../../etc/passwd"},
        LAYER | {"mediaType": None},
        LAYER | {"annotations": {"a": 1}},
        7,
        None,
    ],
)
def test_a_layer_that_is_no_descriptor_makes_no_manifest(layer: Any) -> None:
    with pytest.raises(MalformedManifest):
        parse(MANIFEST | {"layers": [layer]}, OCI_MANIFEST)


@pytest.mark.case("SET-002")
def test_an_entry_that_is_no_descriptor_hides_no_other_and_is_told() -> None:
    found = parse(INDEX | {"manifests": [LAYER | {"digest": "sha512:00"}, 7, LAYER]}, OCI_INDEX)
    assert isinstance(found, Index)
    assert [entry.digest for entry in found.manifests] == [DIGEST]
    assert not found.complete


@pytest.mark.case("PARSE-001")
@pytest.mark.case("PARSE-005")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'{"schemaVersion":2,"schemaVersion":2,"manifests":[]}',
        b'{"schemaVersion":2,"manifests":[],"x":{"a":1,"a":1}}',
        b'{"schemaVersion":2,"manifests":[]} trailing',
        b'\xef\xbb\xbf{"schemaVersion":2,"manifests":[]}',
        b'{"schemaVersion":2,"manifests":[],"x":NaN}',
        b'{"schemaVersion":2,"manifests":[],"x":"\xff"}',
        b"[" * 100_000,
        b'{"schemaVersion":2,"manifests":[],"x":' + b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:60]),
)
def test_json_with_no_or_more_than_one_meaning_is_refused(content: bytes) -> None:
    with pytest.raises(MalformedManifest):
        parse_manifest(content, content_type=OCI_INDEX)


def test_configured_registries_are_normalised() -> None:
    registries = parse_registries([{"host": "Registry.Example.:5000", "plainHTTP": True}, {"host": "index.docker.io"}])
    assert registries.plain_http("registry.example:5000")
    assert registries.configured("docker.io")
    assert not registries.plain_http("docker.io")
    assert not registries.configured("registry.example")


@pytest.mark.parametrize(
    "document",
    [
        {},
        None,
        ["registry.example"],
        [{}],
        [{"host": ""}],
        [{"host": "https://registry.example"}],
        [{"host": "registry.example/path"}],
        [{"host": "a.example", "plainHTTP": "true"}],
        [{"host": "a.example", "plainHttp": True}],
        [{"host": "a.example", "insecure": True}],
        [{"host": "a.example"}, {"host": "A.example."}],
    ],
)
def test_a_configuration_that_is_none_is_refused(document: Any) -> None:
    with pytest.raises(MalformedDocument):
        parse_registries(document)


@pytest.mark.parametrize(
    ("platform", "read"),
    [
        ({"os": "linux", "architecture": "amd64", "os.version": "1"}, "linux/amd64"),
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64/v8"),
        ({"os": "unknown", "architecture": "unknown"}, "unknown/unknown"),
        ({"os": "linux"}, None),
        ({"os": 1, "architecture": []}, None),
        (None, None),
        ([], None),
    ],
)
def test_the_platform_of_an_entry_is_read_or_takes_nothing_from_it(platform: object, read: str | None) -> None:
    found = parse(INDEX | {"manifests": [LAYER | {"platform": platform}]}, OCI_INDEX)
    assert isinstance(found, Index)
    assert found.complete
    assert [entry.platform for entry in found.manifests] == [read]
