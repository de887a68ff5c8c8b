"""The registries and cosign the other tests stand on: where images, signatures and attestations really land."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.pki import Authority
from tests.support.registries import INDEX_TYPE, MANIFEST_TYPE, Cosign, Kind, Pushed, Registry

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
SIGNATURE = "https://sigstore.dev/cosign/sign/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
PREDICATE = {
    "buildDefinition": {
        "buildType": "https://example.test/build/v1",
        "externalParameters": {},
        "internalParameters": {},
        "resolvedDependencies": [],
    },
    "runDetails": {"builder": {"id": "https://example.test/builder"}},
}


@pytest.fixture(params=["distribution_registry", "docker_registry"])
def registry_without_the_api(request: pytest.FixtureRequest) -> Registry:
    found: Registry = request.getfixturevalue(request.param)
    return found


def path(image: Pushed, kind: str = "manifests") -> str:
    return f"/v2/{image.repository}/{kind}/{image.digest}"


def predicate_types(annotated: list[dict[str, Any]]) -> list[str]:
    return sorted(entry["annotations"]["dev.sigstore.bundle.predicateType"] for entry in annotated)


def tag_of(image: Pushed, suffix: str = "") -> str:
    return image.digest.replace(":", "-") + suffix


def refer_to(registry: Registry, image: Pushed, artifact_type: str | None) -> Pushed:
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": registry.push_blob(image.repository, b"{}", EMPTY_TYPE),
        "layers": [],
        "subject": image.descriptor(),
        "annotations": {"example.test/note": str(artifact_type)},
    }
    return registry.push_manifest(
        image.repository, manifest | ({"artifactType": artifact_type} if artifact_type else {})
    )


def test_an_image_comes_back_as_it_was_pushed(registry: Registry) -> None:
    image = registry.push_image("bench/image", "v1")
    by_tag = registry.request("GET", "/v2/bench/image/manifests/v1")
    assert (by_tag.status, by_tag.headers["docker-content-digest"]) == (200, image.digest)
    assert by_tag.body == registry.request("GET", path(image)).body
    assert registry.tags("bench/image") == ["v1"]


def test_an_index_lists_its_platforms(registry: Registry) -> None:
    index, images = registry.push_index("bench/index", "v1")
    answer = registry.request("GET", path(index))
    assert answer.headers["content-type"] == INDEX_TYPE
    assert [entry["digest"] for entry in answer.json()["manifests"]] == [image.digest for image in images]
    assert len({image.digest for image in images}) == 2


def test_referrers_carry_the_artifact_type_of_the_manifest(referrers_registry: Registry) -> None:
    image = referrers_registry.push_image("bench/referrers")
    own = refer_to(referrers_registry, image, "application/example")
    without = refer_to(referrers_registry, image, None)
    answer = referrers_registry.request("GET", path(image, "referrers"))
    assert (answer.status, answer.headers["content-type"]) == (200, INDEX_TYPE)
    found = {entry["digest"]: entry for entry in answer.json()["manifests"]}
    # Distribution specification 1.1: the config's media type only where the manifest names no artifact type.
    assert found[own.digest]["artifactType"] == "application/example"
    assert found[without.digest]["artifactType"] == EMPTY_TYPE
    assert found[own.digest]["annotations"] == {"example.test/note": "application/example"}
    assert found[own.digest]["size"] == own.size


def test_referrers_are_filtered_by_artifact_type(referrers_registry: Registry) -> None:
    image = referrers_registry.push_image("bench/filter")
    refer_to(referrers_registry, image, "application/other")
    wanted = refer_to(referrers_registry, image, "application/wanted")
    answer = referrers_registry.request("GET", f"{path(image, 'referrers')}?artifactType=application%2Fwanted")
    assert answer.headers["oci-filters-applied"] == "artifactType"
    assert [entry["digest"] for entry in answer.json()["manifests"]] == [wanted.digest]


def test_nothing_refers_to_an_unknown_digest(referrers_registry: Registry) -> None:
    referrers_registry.push_image("bench/nothing")
    answer = referrers_registry.request("GET", f"/v2/bench/nothing/referrers/sha256:{'0' * 64}")
    assert (answer.status, answer.json()["manifests"]) == (200, [])


def test_the_others_have_no_referrers_api(registry_without_the_api: Registry) -> None:
    image = registry_without_the_api.push_image("bench/none")
    assert registry_without_the_api.request("GET", path(image, "referrers")).status == 404


def test_cosign_bundles_are_referrers(referrers_registry: Registry, cosign: Cosign) -> None:
    image = referrers_registry.push_image("bench/bundles")
    cosign.sign(image)
    cosign.attest(image, PREDICATE)
    entries = referrers_registry.request("GET", path(image, "referrers")).json()["manifests"]
    assert {entry["artifactType"] for entry in entries} == {BUNDLE_TYPE}
    assert predicate_types(entries) == [SIGNATURE, PROVENANCE]


def test_cosign_bundles_go_to_the_fallback_tag_without_the_api(
    registry_without_the_api: Registry, cosign: Cosign
) -> None:
    registry = registry_without_the_api
    image = registry.push_image("bench/bundles")
    cosign.sign(image)
    cosign.attest(image, PREDICATE)
    assert registry.tags("bench/bundles") == [tag_of(image)]
    index = registry.request("GET", f"/v2/bench/bundles/manifests/{tag_of(image)}").json()
    assert {entry["artifactType"] for entry in index["manifests"]} == {BUNDLE_TYPE}
    # Cosign leaves the annotations out of this index: only the manifests tell a signature from provenance.
    assert not any("annotations" in entry for entry in index["manifests"])
    manifests = [
        registry.request("GET", f"/v2/bench/bundles/manifests/{entry['digest']}").json() for entry in index["manifests"]
    ]
    assert predicate_types(manifests) == [SIGNATURE, PROVENANCE]


def test_cosign_legacy_goes_to_tags(registry: Registry, cosign: Cosign) -> None:
    image = registry.push_image("bench/legacy")
    cosign.sign(image, legacy=True)
    cosign.attest(image, PREDICATE, legacy=True)
    assert registry.tags("bench/legacy") == [tag_of(image, ".att"), tag_of(image, ".sig")]


def test_cosign_verifies_what_it_signed(referrers_registry: Registry, cosign: Cosign) -> None:
    image = referrers_registry.push_image("bench/verified")
    cosign.attest(image, PREDICATE)
    key = ("--key", cosign.public_key, "--insecure-ignore-tlog")
    envelope = cosign.run("verify-attestation", *key, "--type", "slsaprovenance1", image.reference)
    assert json.loads(envelope)["payloadType"] == "application/vnd.in-toto+json"


@pytest.mark.parametrize("kind", Kind)
def test_a_registry_serves_https(kind: Kind, tmp_path: Path) -> None:
    with Registry(kind, tmp_path, Authority().server("127.0.0.1")) as registry:
        assert registry.url.startswith("https://")
        assert registry.request("GET", path(registry.push_image("bench/tls"))).status == 200
