"""A layout as a registry: what is found in it as its tools write it, and that nobody is led outside by it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from controller.core.errors import (
    LimitExceeded,
    MalformedManifest,
    MalformedReference,
    RegistryDenied,
    RegistryUnavailable,
)
from controller.core.image import Digest, Repository
from controller.registry import layout, layoutfiles
from controller.registry.client import MAX_BLOB_BYTES, MAX_MANIFEST_BYTES
from controller.registry.layout import Layout, LayoutRegistry, open_image
from controller.registry.layoutwriting import new_layout
from controller.wire.layout import COSIGN_KIND, REF_NAME, LayoutReference
from controller.wire.oci import OCI_INDEX, OCI_MANIFEST, Descriptor, Index, parse_manifest

SHOP = Repository("ghcr.io", "acme/shop")
CONFIG = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2}
MISSING = Digest.of(b"missing")

Json = dict[str, Any]


class Folder:
    """A layout being made by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: list[Json] = []
        (path / "blobs" / "sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self.write()

    def store(self, content: bytes) -> Digest:
        digest = Digest.of(content)
        self.file(digest).write_bytes(content)
        return digest

    def file(self, digest: Digest) -> Path:
        return self.path / "blobs" / "sha256" / digest.hex

    def manifest(self, **fields: Any) -> Json:
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": []} | fields
        content = json.dumps(document).encode()
        return {"mediaType": document["mediaType"], "digest": str(self.store(content)), "size": len(content)}

    def index(self, *entries: Json) -> Json:
        content = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
        return {"mediaType": OCI_INDEX, "digest": str(self.store(content)), "size": len(content)}

    def list(self, entry: Json, **annotations: str) -> Digest:
        self.entries.append(entry | ({"annotations": annotations} if annotations else {}))
        self.write()
        return Digest.parse(entry["digest"])

    def write(self) -> None:
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.entries}))

    def registry(self) -> LayoutRegistry:
        return LayoutRegistry(Layout.open(self.path), SHOP)

    def only(self) -> Digest | None:
        _, image = open_image(LayoutReference(path=str(self.path)))
        return image.digest


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "shop")


async def listed(registry: LayoutRegistry, subject: Digest) -> list[Digest]:
    pages = [page async for page in registry.referrers(SHOP, subject)]
    indexes = [parse_manifest(page.content, content_type=page.content_type) for page in pages]
    return [entry.digest for index in indexes if isinstance(index, Index) for entry in index.manifests]


async def test_manifests_are_found_listed_nested_and_merely_stored(folder: Folder) -> None:
    child, stored = folder.manifest(number=1), folder.manifest(number=2)
    index = folder.index(child)
    folder.list(index)
    registry = folder.registry()
    for described in (index, child, stored):
        fetched = await registry.manifest(SHOP, Digest.parse(described["digest"]))
        assert fetched is not None
        assert (str(fetched.digest), fetched.content_type) == (described["digest"], described["mediaType"])
    assert await registry.manifest(SHOP, MISSING) is None
    assert await registry.manifest(SHOP, "v1") is None


@pytest.mark.case("REG-020")
async def test_evidence_under_tags_is_found_as_skopeo_copies_it(folder: Folder) -> None:
    image = folder.list(folder.manifest(), **{REF_NAME: "v1"})
    signatures = folder.list(folder.manifest(number=1), **{REF_NAME: f"sha256-{image.hex}.sig"})
    fallback = folder.list(folder.index(), **{REF_NAME: f"sha256-{image.hex}"})
    registry = folder.registry()
    for tag, digest in (("v1", image), (f"sha256-{image.hex}.sig", signatures), (f"sha256-{image.hex}", fallback)):
        fetched = await registry.manifest(SHOP, tag)
        assert fetched is not None
        assert fetched.digest == digest
    assert folder.only() == image


@pytest.mark.case("REG-020")
async def test_evidence_is_found_as_cosign_saves_it(folder: Folder) -> None:
    image = folder.list(folder.manifest(), **{COSIGN_KIND: "dev.cosignproject.cosign/image"})
    signatures = folder.list(folder.manifest(number=1), **{COSIGN_KIND: "dev.cosignproject.cosign/sigs"})
    bundle = folder.manifest(number=2, subject={"mediaType": OCI_MANIFEST, "digest": str(image), "size": 1})
    registry = folder.registry()
    fetched = await registry.manifest(SHOP, f"sha256-{image.hex}.sig")
    assert fetched is not None
    assert fetched.digest == signatures
    assert await listed(registry, image) == [Digest.parse(bundle["digest"])]
    assert await registry.manifest(SHOP, f"sha256-{image.hex}.att") is None
    assert await registry.manifest(SHOP, f"sha256-{signatures.hex}.sig") is None
    assert folder.only() == image


@pytest.mark.case("REG-020")
async def test_referrers_are_found_as_oras_lists_them(folder: Folder) -> None:
    child = folder.manifest(number=1)
    described = folder.index(child)
    image = folder.list(described, **{REF_NAME: "v1"})
    folder.list(child)
    annotations = {"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"}
    bundle = folder.manifest(artifactType="a/b", subject=described, annotations=annotations)
    folder.list(bundle)
    pages = [page async for page in folder.registry().referrers(SHOP, image)]
    (entry,) = json.loads(pages[0].content)["manifests"]
    assert entry == bundle | {"artifactType": "a/b", "annotations": annotations}
    assert pages[0].content_type == OCI_INDEX
    assert folder.only() == image


async def test_what_refers_to_something_that_is_not_here_is_an_image_by_itself(folder: Folder) -> None:
    artifact = folder.list(folder.manifest(subject={"digest": str(MISSING)}))
    assert folder.only() == artifact


@pytest.mark.case("CLI-015")
def test_several_images_are_told_and_one_can_be_named(folder: Folder) -> None:
    images = [folder.list(folder.manifest(number=number)) for number in range(2)]
    with pytest.raises(MalformedReference) as told:
        folder.only()
    assert all(str(image) in str(told.value) for image in images)
    _, named = open_image(LayoutReference(path=str(folder.path), digest=images[1]))
    assert named.digest == images[1]


@pytest.mark.case("CLI-015")
def test_an_index_that_is_not_what_its_digest_says_hides_no_image(folder: Folder) -> None:
    images = [folder.list(folder.manifest(number=1)), folder.list(folder.index())]
    forged = folder.index(folder.manifest(number=1))
    folder.file(images[1]).write_bytes(folder.file(Digest.parse(forged["digest"])).read_bytes())
    with pytest.raises(MalformedReference, match="several"):
        folder.only()


def test_a_layout_without_an_image_is_refused(folder: Folder) -> None:
    with pytest.raises(MalformedReference, match="no image"):
        folder.only()


@pytest.mark.case("CLI-016")
async def test_a_layout_stands_for_one_repository(folder: Folder) -> None:
    image = folder.list(folder.manifest())
    _, local = open_image(LayoutReference(path=str(folder.path)))
    assert str(local) == f"localhost/shop@{image}"
    registry, named = open_image(LayoutReference(path=str(folder.path)), repository=SHOP)
    assert str(named) == f"ghcr.io/acme/shop@{image}"
    other = Repository("ghcr.io", "acme/other")
    with pytest.raises(RegistryUnavailable, match="stands for"):
        await registry.manifest(other, image)
    with pytest.raises(RegistryUnavailable, match="stands for"):
        await registry.blob(other, Descriptor(media_type="x", digest=image, size=1))
    with pytest.raises(RegistryUnavailable, match="stands for"):
        await anext(registry.referrers(other, image))


@pytest.mark.case("REG-019")
async def test_a_size_that_lies_is_refused(folder: Folder) -> None:
    image = folder.manifest()
    blob = folder.store(b"content")
    folder.list(image | {"size": image["size"] + 1})
    registry = folder.registry()
    with pytest.raises(MalformedManifest):
        await registry.manifest(SHOP, Digest.parse(image["digest"]))
    assert await registry.blob(SHOP, Descriptor(media_type="x", digest=blob, size=7)) == b"content"
    for size in (6, 8):
        with pytest.raises(RegistryUnavailable):
            await registry.blob(SHOP, Descriptor(media_type="x", digest=blob, size=size))


@pytest.mark.case("REG-019")
async def test_other_content_under_a_digest_is_refused(folder: Folder) -> None:
    image, blob = folder.list(folder.manifest()), folder.store(b"content")
    folder.file(image).write_bytes(folder.file(image).read_bytes().replace(b" 2", b" 3"))
    folder.file(blob).write_bytes(b"CONTENT")
    registry = folder.registry()
    with pytest.raises(MalformedManifest):
        await registry.manifest(SHOP, image)
    with pytest.raises(RegistryUnavailable):
        await registry.blob(SHOP, Descriptor(media_type="x", digest=blob, size=7))


@pytest.mark.case("REG-019")
async def test_what_is_listed_and_missing_is_unknown(folder: Folder) -> None:
    image = folder.list(folder.manifest())
    folder.file(image).unlink()
    registry = folder.registry()
    with pytest.raises(RegistryUnavailable):
        await registry.manifest(SHOP, image)
    with pytest.raises(RegistryUnavailable):
        await registry.blob(SHOP, Descriptor(media_type="x", digest=MISSING, size=7))


def to_outside(folder: Folder, file: Path, content: bytes) -> None:
    outside = folder.path.parent / "outside"
    outside.write_bytes(content)
    file.unlink(missing_ok=True)
    file.symlink_to(outside)


def to_pipe(_folder: Folder, file: Path, _content: bytes) -> None:
    file.unlink(missing_ok=True)
    os.mkfifo(file)


def to_folder(_folder: Folder, file: Path, _content: bytes) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


IRREGULAR = [to_outside, to_pipe, to_folder]


@pytest.mark.case("REG-019")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("replace", IRREGULAR)
async def test_what_is_no_regular_file_is_refused(
    folder: Folder, replace: Callable[[Folder, Path, bytes], None]
) -> None:
    described = folder.manifest()
    image = folder.list(described)
    replace(folder, folder.file(image), folder.file(image).read_bytes())
    registry = folder.registry()
    with pytest.raises(RegistryDenied):
        await registry.manifest(SHOP, image)
    with pytest.raises(RegistryDenied):
        await registry.blob(SHOP, Descriptor(media_type="x", digest=image, size=described["size"]))
    with pytest.raises(RegistryDenied):
        await anext(registry.referrers(SHOP, MISSING))


@pytest.mark.case("REG-019")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("replace", IRREGULAR)
@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_layouts_own_files_are_regular_files(
    folder: Folder, replace: Callable[[Folder, Path, bytes], None], name: str
) -> None:
    replace(folder, folder.path / name, (folder.path / name).read_bytes())
    with pytest.raises(RegistryDenied):
        Layout.open(folder.path)


@pytest.mark.case("REG-019")
@pytest.mark.parametrize("parts", [("blobs",), ("blobs", "sha256")])
async def test_a_folder_that_leads_elsewhere_is_not_followed(folder: Folder, parts: tuple[str, ...]) -> None:
    image = folder.list(folder.manifest())
    inside = folder.path.joinpath(*parts)
    inside.rename(folder.path.parent / "elsewhere")
    inside.symlink_to(folder.path.parent / "elsewhere")
    with pytest.raises(RegistryDenied):
        await folder.registry().manifest(SHOP, image)


def test_the_folder_itself_may_be_reached_by_a_link(folder: Folder) -> None:
    image = folder.list(folder.manifest())
    link = folder.path.parent / "link"
    link.symlink_to(folder.path)
    assert open_image(LayoutReference(path=str(link)))[1].digest == image


async def test_what_cannot_be_searched_hides_nothing_that_was_found(folder: Folder) -> None:
    image = folder.list(folder.manifest())
    bundle = folder.manifest(subject={"digest": str(image)})
    to_outside(folder, folder.file(Digest("0" * 64)), b"{}")
    to_outside(folder, folder.file(Digest("f" * 64)), b"{}")
    pages = folder.registry().referrers(SHOP, image)
    assert bundle["digest"].encode() in (await anext(pages)).content
    with pytest.raises(RegistryDenied):
        await anext(pages)


@pytest.mark.case("REG-019")
async def test_reading_is_bounded(folder: Folder) -> None:
    large = folder.store(b"{" + bytes(MAX_MANIFEST_BYTES))
    registry = folder.registry()
    with pytest.raises(LimitExceeded):
        await registry.manifest(SHOP, large)
    with pytest.raises(LimitExceeded):
        await registry.blob(SHOP, Descriptor(media_type="x", digest=large, size=MAX_BLOB_BYTES + 1))
    os.truncate(folder.file(large), MAX_BLOB_BYTES + 1)
    with pytest.raises(LimitExceeded):
        await registry.blob(SHOP, Descriptor(media_type="x", digest=large, size=7))


@pytest.mark.case("REG-019")
@pytest.mark.parametrize(("module", "bound"), [(layoutfiles, "MAX_FILES"), (layout, "MAX_SEARCHED_BYTES")])
async def test_a_search_that_was_cut_short_is_told(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, module: ModuleType, bound: str
) -> None:
    folder.store(b"{}")
    assert await listed(folder.registry(), MISSING) == []
    monkeypatch.setattr(module, bound, 0)
    with pytest.raises(LimitExceeded):
        await anext(folder.registry().referrers(SHOP, MISSING))


def test_a_file_without_a_size_is_read_to_the_bound_and_no_further(folder: Folder) -> None:
    files = layoutfiles.LayoutFiles(Path("/proc/self"))
    with pytest.raises(LimitExceeded):
        files.document("status", limit=10)


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_folder_that_is_no_layout_is_told(folder: Folder, name: str) -> None:
    (folder.path / name).unlink()
    with pytest.raises(MalformedManifest, match=name):
        Layout.open(folder.path)


def test_what_is_no_folder_is_told(folder: Folder) -> None:
    for path in (folder.path / "missing", folder.path / "oci-layout"):
        with pytest.raises(MalformedManifest, match="no folder"):
            Layout.open(path)


async def test_a_tag_that_two_entries_claim_is_refused(folder: Folder) -> None:
    folder.list(folder.manifest(number=1), **{REF_NAME: "v1"})
    folder.list(folder.manifest(number=2), **{REF_NAME: "v1"})
    with pytest.raises(MalformedManifest, match="more than once"):
        await folder.registry().manifest(SHOP, "v1")


async def test_junk_that_is_stored_disturbs_nobody(folder: Folder) -> None:
    image = folder.list(folder.manifest())
    for content in (b"", b"{", b"{}", b"[]", b"{" * 100_000, b"\xff\xfe", b'{"subject": 1}'):
        folder.store(content)
    (folder.path / "blobs" / "sha256" / "notes.txt").write_text("{}")
    assert await listed(folder.registry(), image) == []


def test_a_layout_is_written_whole(tmp_path: Path) -> None:
    content = Folder(tmp_path / "by hand").path.joinpath("oci-layout").read_bytes()
    with new_layout(tmp_path / "new" / "shop") as writer:
        writer.enter(content, media_type=OCI_MANIFEST, tag="v1")
        assert not (tmp_path / "new" / "shop").exists()
    (entry,) = Layout.open(tmp_path / "new" / "shop").entries
    assert (entry.digest, entry.annotations) == (Digest.of(content), {REF_NAME: "v1"})
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["shop"]


def test_a_layout_that_fails_or_lists_nothing_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> None:
        with new_layout(tmp_path / "shop") as writer:
            writer.enter(b"{}", media_type=OCI_MANIFEST, tag=None)
            raise RegistryUnavailable

    with pytest.raises(RegistryUnavailable):
        failing()
    with new_layout(tmp_path / "shop") as writer:
        writer.store(b"{}")
    assert list(tmp_path.iterdir()) == []
