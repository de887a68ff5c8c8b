"""What is decided about indexes and artifacts in a real registry, on what the real cosign wrote: by `verify`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import provenance
from tests.support.commands import Commands
from tests.support.desk import Desk
from tests.support.registries import INDEX_TYPE, MANIFEST_TYPE, Cosign, Pushed, Registry

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
ATTESTATION = {"vnd.docker.reference.type": "attestation-manifest"}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}
ADMITTED, REFUSED, IGNORANCE = 0, 1, 3
NAMES = (f"verified/index-{number}" for number in itertools.count())

Json = dict[str, Any]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cosign: Cosign) -> Desk:
    return Desk(tmp_path, Commands(tmp_path, monkeypatch, capsys), cosign.public_key.read_text())


@pytest.fixture
def repository() -> str:
    return next(NAMES)


def push_index(registry: Registry, repository: str, entries: Sequence[Json]) -> Pushed:
    return registry.push_manifest(repository, {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries)})


def entry(image: Pushed, platform: Json, **annotations: str) -> Json:
    described = image.descriptor() | {"platform": platform}
    return described | ({"annotations": annotations} if annotations else {})


def cpu(name: str) -> Json:
    return {"os": "linux", "architecture": name}


def attest(cosign: Cosign, *images: Pushed) -> None:
    for image in images:
        cosign.sign(image)
        cosign.attest(image, provenance())


def told(desk: Desk, image: Pushed) -> tuple[int, str]:
    """The exit code, and the reason."""
    code, decision = desk.decision(image.reference)
    (finding,) = decision["images"][0]["findings"]
    return code, finding["reason"]


@pytest.mark.case("IDX-002")
@pytest.mark.case("IDX-003")
@pytest.mark.parametrize("attested", [1, 2])
def test_children_speak_for_their_index_when_all_of_them_do(
    referrers_registry: Registry, cosign: Cosign, desk: Desk, repository: str, attested: int
) -> None:
    index, images = referrers_registry.push_index(repository)
    attest(cosign, *images[:attested])
    expected = (ADMITTED, "Satisfied") if attested == len(images) else (REFUSED, "NoProvenance")
    assert told(desk, index) == expected


@pytest.mark.case("IDX-004")
@pytest.mark.case("IDX-005")
@pytest.mark.parametrize("hidden", [False, True], ids=["a platform that runs", "an unknown platform"])
def test_a_label_alone_hides_no_child(
    referrers_registry: Registry, cosign: Cosign, desk: Desk, repository: str, *, hidden: bool
) -> None:
    good, labelled = (referrers_registry.push_image(repository, architecture=name) for name in ("amd64", "arm64"))
    attest(cosign, good)
    platform = UNKNOWN if hidden else cpu("arm64")
    index = push_index(
        referrers_registry, repository, [entry(good, cpu("amd64")), entry(labelled, platform, **ATTESTATION)]
    )
    assert told(desk, index) == ((ADMITTED, "Satisfied") if hidden else (REFUSED, "NoProvenance"))


@pytest.mark.case("IDX-008")
def test_an_index_of_indexes_is_not_followed_without_end(
    referrers_registry: Registry, cosign: Cosign, desk: Desk, repository: str
) -> None:
    image = referrers_registry.push_image(repository)
    attest(cosign, image)
    nested = image
    codes = []
    for _ in range(3):
        nested = push_index(referrers_registry, repository, [nested.descriptor()])
        codes.append(told(desk, nested))
    assert codes == [(ADMITTED, "Satisfied"), (ADMITTED, "Satisfied"), (IGNORANCE, "LimitExceeded")]


@pytest.mark.case("IDX-009")
def test_an_index_in_which_nothing_runs_is_refused(referrers_registry: Registry, desk: Desk, repository: str) -> None:
    labelled = referrers_registry.push_image(repository)
    hidden = push_index(referrers_registry, repository, [entry(labelled, UNKNOWN, **ATTESTATION)])
    assert told(desk, hidden) == (REFUSED, "NoProvenance")
    assert told(desk, push_index(referrers_registry, repository, [])) == (REFUSED, "NoProvenance")


@pytest.mark.case("IDX-014")
def test_more_children_than_are_judged_is_ignorance(referrers_registry: Registry, desk: Desk, repository: str) -> None:
    names = [f"cpu{number}" for number in range(33)]
    index, _ = referrers_registry.push_index(repository, architectures=names)
    assert told(desk, index) == (IGNORANCE, "LimitExceeded")


@pytest.mark.case("IDX-016")
@pytest.mark.parametrize("signed", [1, 2])
def test_one_requirement_may_be_met_by_the_index_and_another_by_every_child(
    referrers_registry: Registry, cosign: Cosign, desk: Desk, repository: str, signed: int
) -> None:
    index, images = referrers_registry.push_index(repository)
    cosign.attest(index, provenance())
    for image in images[:signed]:
        cosign.sign(image)
    assert told(desk, index) == ((ADMITTED, "Satisfied") if signed == len(images) else (REFUSED, "NoSignature"))


@pytest.mark.case("IDX-010")
@pytest.mark.parametrize("attested", [True, False])
def test_an_artifact_is_judged_as_an_image_is(
    referrers_registry: Registry, cosign: Cosign, desk: Desk, repository: str, *, attested: bool
) -> None:
    """As an image volume mounts one: no configuration of an image, and layers of a type of its own."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": "application/vnd.acme.model",
        "config": referrers_registry.push_blob(repository, b"{}", EMPTY_TYPE),
        "layers": [referrers_registry.push_blob(repository, repository.encode(), "application/vnd.acme.weights")],
    }
    artifact = referrers_registry.push_manifest(repository, document)
    if attested:
        attest(cosign, artifact)
    assert told(desk, artifact) == ((ADMITTED, "Satisfied") if attested else (REFUSED, "NoProvenance"))
