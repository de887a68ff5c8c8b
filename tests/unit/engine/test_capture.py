"""What is captured, what is left out, and that half a capture is none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import LimitExceeded, MalformedManifest, RegistryUnavailable
from controller.core.image import Digest, ImageReference, Repository
from controller.engine import capture as module
from controller.engine.capture import Captured, capture
from controller.registry.client import MAX_BLOB_BYTES
from controller.registry.layout import Layout
from controller.registry.layoutwriting import new_layout
from tests.support.foundry import Foundry
from tests.support.shelf import INDEX_TYPE, Shelf, ShelfReader

SHOP = Repository("ghcr.io", "acme/shop")


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def reader(shelf: Shelf) -> ShelfReader:
    return ShelfReader(shelf, SHOP)


def captured(reader: ShelfReader, folder: Path, digest: Digest | str) -> Captured | None:
    named = {"digest": digest} if isinstance(digest, Digest) else {"tag": digest}
    reference = ImageReference(repository=SHOP, **named)
    with new_layout(folder) as layout:
        return asyncio.run(capture(reader, reference, layout, tell=lambda _text: None))


def stored(folder: Path) -> set[str]:
    return {f"sha256:{file.name}" for file in (folder / "blobs" / "sha256").iterdir()}


def test_everything_attached_is_captured_wherever_it_is_attached(
    shelf: Shelf, reader: ShelfReader, tmp_path: Path
) -> None:
    foundry = Foundry()
    bundle = shelf.put_bundle(foundry.bundle_layer(foundry.provenance(shelf.subject)))
    tagged = shelf.put_bundle(foundry.bundle_layer(foundry.provenance(shelf.subject)))
    shelf.list_referrers(bundle)
    shelf.list_fallback(tagged)
    shelf.put_tagged(".sig", foundry.signature_layer(foundry.simple_signing(shelf.subject)))
    shelf.put_tagged(".att", foundry.envelope_layer(foundry.provenance(shelf.subject)))
    found = captured(reader, tmp_path / "shop", "v1")
    assert found == Captured(digest=shelf.subject, documents=4)
    assert {str(shelf.subject), bundle["digest"], tagged["digest"]} <= stored(tmp_path / "shop")
    assert Layout.open(tmp_path / "shop").images == (shelf.subject,)


def test_an_image_that_is_not_there_is_no_capture(reader: ShelfReader, tmp_path: Path) -> None:
    assert captured(reader, tmp_path / "shop", Digest.of(b"missing")) is None
    assert not (tmp_path / "shop").exists()


@pytest.mark.case("REG-006")
@pytest.mark.parametrize("path", ["manifests/{image}", "referrers/{image}", "manifests/{tag}", "manifests/{tag}.sig"])
@pytest.mark.parametrize(
    "error", [RegistryUnavailable("down"), MalformedManifest("nonsense")], ids=["down", "nonsense"]
)
def test_what_could_not_be_found_out_leaves_no_capture(
    shelf: Shelf, reader: ShelfReader, tmp_path: Path, path: str, error: RegistryUnavailable
) -> None:
    tag = f"sha256-{shelf.subject.hex}"
    reader.failing[path.format(image=shelf.subject, tag=tag)] = error
    with pytest.raises(type(error)):
        captured(reader, tmp_path / "shop", shelf.subject)
    assert list(tmp_path.iterdir()) == []


def test_a_blob_that_fails_leaves_no_capture(shelf: Shelf, reader: ShelfReader, tmp_path: Path) -> None:
    foundry = Foundry()
    layer = foundry.bundle_layer(foundry.provenance(shelf.subject))
    shelf.list_referrers(shelf.put_bundle(layer))
    del shelf.pages[f"blobs/{Digest.of(layer.content)}"]
    with pytest.raises(RegistryUnavailable):
        captured(reader, tmp_path / "shop", shelf.subject)
    assert list(tmp_path.iterdir()) == []


def test_what_no_judgement_could_read_is_left_out(shelf: Shelf, reader: ShelfReader, tmp_path: Path) -> None:
    envelope = "application/vnd.dsse.envelope.v1+json"
    large = shelf.put_blob(b"large", envelope) | {"size": MAX_BLOB_BYTES + 1}
    missing = {"mediaType": shelf.image["mediaType"], "digest": str(Digest.of(b"missing")), "size": 7}
    junk = shelf.put_bytes(b"junk", shelf.image["mediaType"])
    shelf.list_referrers(shelf.put_manifest(shelf.manifest_of([large])), missing, junk)
    assert captured(reader, tmp_path / "shop", shelf.subject) is not None
    assert large["digest"] not in stored(tmp_path / "shop")
    assert junk["digest"] in stored(tmp_path / "shop")


def index_of(shelf: Shelf, *entries: dict[str, Any]) -> dict[str, Any]:
    return shelf.put_bytes(shelf.index_of(*entries), INDEX_TYPE)


def test_platforms_are_captured_with_their_index_and_one_that_is_missing_stays_so(
    shelf: Shelf, reader: ShelfReader, tmp_path: Path
) -> None:
    missing = {"mediaType": shelf.image["mediaType"], "digest": str(Digest.of(b"missing")), "size": 7}
    index = index_of(shelf, shelf.image, missing)
    shelf.put_tagged(".att", Foundry().envelope_layer(Foundry().provenance(shelf.subject)))
    found = captured(reader, tmp_path / "shop", Digest.parse(index["digest"]))
    assert found == Captured(digest=Digest.parse(index["digest"]), documents=1)
    assert shelf.image["digest"] in stored(tmp_path / "shop")


def test_an_index_of_indexes_is_followed_to_its_bound(shelf: Shelf, reader: ShelfReader, tmp_path: Path) -> None:
    nested = index_of(shelf, shelf.image)
    for _ in range(module.MAX_DEPTH):
        nested = index_of(shelf, nested)
    assert captured(reader, tmp_path / "shop", Digest.parse(nested["digest"])) is not None
    assert shelf.image["digest"] not in stored(tmp_path / "shop")


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_IMAGES", 2), ("MAX_OBJECTS", 3), ("MAX_BYTES", 500), ("MAX_LISTED", 1)]
)
def test_a_capture_is_bounded(
    shelf: Shelf, reader: ShelfReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, value: int
) -> None:
    images = [shelf.put_manifest(shelf.manifest_of([], number=number)) for number in range(2)]
    index = index_of(shelf, *images)
    for subject in (index, *images):
        referrers = shelf.index_of(*(shelf.put_manifest(shelf.manifest_of([], of=subject, n=n)) for n in range(2)))
        shelf.pages[f"referrers/{subject['digest']}"] = shelf.pages[
            f"manifests/{shelf.put_bytes(referrers, INDEX_TYPE)['digest']}"
        ]
    digest = Digest.parse(index["digest"])
    assert captured(reader, tmp_path / "unbounded", digest) is not None
    monkeypatch.setattr(module, bound, value)
    with pytest.raises(LimitExceeded):
        captured(reader, tmp_path / "shop", digest)
    assert not (tmp_path / "shop").exists()
