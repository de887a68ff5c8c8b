"""Layouts that the real cosign saved, and that were captured from real registries: the same evidence as there."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.cli.main import run as run_program
from controller.core.evidence import Evidence, Kind
from controller.core.image import Digest, ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import Registry as Registries
from controller.registry.client import RegistryClient
from controller.registry.layout import open_image
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoots
from controller.wire.layout import LayoutReference
from controller.wire.registries import parse_registries
from tests.support.foundry import BUNDLE_V03, Foundry, provenance_predicate, roots_of
from tests.support.registries import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Cosign, Registry
from tests.support.standstill import UnhurriedLoop

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = (f"layouts/shop-{number}" for number in itertools.count())

Capture = Callable[..., tuple[int, Path, str]]


@pytest.fixture
def repository() -> str:
    return next(NAMES)


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Capture:
    """Run `navicert capture`; gives the exit code, the folder, and what was told."""

    def ran(image: str, folder: Path | None = None, *, plain: bool = True) -> tuple[int, Path, str]:
        setting = tmp_path / "registries.yaml"
        host = image.partition("/")[0]
        setting.write_text(json.dumps({"registries": [{"host": host, "plainHTTP": plain}]}))
        folder = folder or tmp_path / "captured" / "shop"
        arguments = ["--registries", str(setting), "--output", str(folder), image]
        monkeypatch.setattr(sys, "argv", ["navicert", "capture", *arguments])
        code = run_program("navicert")
        out, err = capsys.readouterr()
        return code, folder, out + err

    return ran


class Judge:
    """Gathers evidence, believing cosign's key or whatever roots it is given."""

    def __init__(self, roots: TrustRoots, executor: Executor) -> None:
        self.roots = roots
        self._executor = executor

    def at_registry(self, reference: str) -> Evidence:
        async def run() -> Evidence:
            parsed = ImageReference.parse(reference)
            plain = parse_registries([{"host": parsed.repository.host, "plainHTTP": True}])
            async with RegistryClient(plain, named_hosts=frozenset) as client:
                return await self._gathered(client, parsed)

        with asyncio.Runner(loop_factory=UnhurriedLoop) as runner:
            return runner.run(run())

    def in_layout(self, folder: Path, reference: str) -> Evidence:
        """What the layout tells of the image when it stands for the image's own repository."""
        parsed = ImageReference.parse(reference)
        named = LayoutReference(path=str(folder), digest=parsed.digest)
        layout, image = open_image(named, repository=parsed.repository)
        return asyncio.run(self._gathered(layout, image))

    async def _gathered(self, registry: Registries, reference: ImageReference) -> Evidence:
        request = GatherRequest(
            reference=reference,
            wanted=PROVENANCE | IMAGE_SIGNATURE,
            roots=self.roots,
            now=NOW,
            deadline=asyncio.get_running_loop().time() + 20,
        )
        return await Gatherer(registry=registry, executor=self._executor)(request)


@pytest.fixture
def judge(cosign: Cosign, executor: Executor) -> Judge:
    key = parse_public_key(cosign.public_key.read_text())
    return Judge(roots_of(RootKey(name="release", key=key)), executor)


def kinds(evidence: Evidence) -> set[Kind]:
    return {statement.kind for statement in evidence.statements}


def only_image(folder: Path) -> str:
    return str(open_image(LayoutReference(path=str(folder)))[1].digest)


@pytest.mark.case("REG-016")
@pytest.mark.case("CLI-012")
@pytest.mark.parametrize("legacy", [False, True], ids=["bundles", "tags"])
def test_a_captured_image_and_its_platforms_have_the_evidence_they_had(
    registry: Registry, cosign: Cosign, judge: Judge, capture: Capture, *, legacy: bool
) -> None:
    repository = next(NAMES)
    index, (child, _) = registry.push_index(repository, "v1")
    cosign.sign(index, legacy=legacy)
    cosign.attest(index, provenance_predicate(), legacy=legacy)
    cosign.attest(child, provenance_predicate(), legacy=legacy)
    code, folder, told = capture(f"{registry.host}/{repository}:v1")
    assert (code, index.digest in told) == (0, True)
    for image, expected in ((index, {Kind.IMAGE_SIGNATURE, Kind.PROVENANCE}), (child, {Kind.PROVENANCE})):
        evidence = judge.at_registry(image.reference)
        assert kinds(evidence) == expected
        assert judge.in_layout(folder, image.reference) == evidence
    assert only_image(folder) == index.digest


def test_a_capture_holds_evidence_and_nothing_of_what_the_image_is_made_of(
    registry: Registry, cosign: Cosign, repository: str, capture: Capture
) -> None:
    image = registry.push_image(repository, content=b"an image's own content")
    cosign.sign(image)
    _, folder, _ = capture(image.reference)
    stored = [file.read_bytes() for file in (folder / "blobs" / "sha256").iterdir()]
    assert b"an image's own content" not in stored
    assert not any(b'"rootfs"' in content for content in stored)


def test_what_only_the_fallback_tag_lists_is_captured(
    registry: Registry, judge: Judge, repository: str, capture: Capture
) -> None:
    """As clients of registries that refuse subjects leave it: no subject, and the type in the listing alone."""
    foundry = Foundry()
    image = registry.push_image(repository)
    layer = foundry.bundle_layer(foundry.provenance(Digest.parse(image.digest)))
    described = registry.push_blob(repository, layer.content, BUNDLE_V03)
    config = registry.push_blob(repository, b"{}", CONFIG_TYPE)
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [described]}
    entry = registry.push_manifest(repository, document).descriptor() | {"artifactType": BUNDLE_V03}
    listing = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]}
    registry.push_manifest(repository, listing, image.digest.replace(":", "-"))
    judge.roots = foundry.roots
    evidence = judge.at_registry(image.reference)
    assert kinds(evidence) == {Kind.PROVENANCE}
    assert judge.in_layout(capture(image.reference)[1], image.reference) == evidence


def test_attestations_in_the_index_are_captured(registry: Registry, repository: str, capture: Capture) -> None:
    statement = registry.push_blob(repository, b'{"_type": "x"}', "application/vnd.in-toto+json")
    config = registry.push_blob(repository, b"{}", CONFIG_TYPE)
    attestation = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [statement]}
    entries = [
        registry.push_image(repository).descriptor(),
        registry.push_manifest(repository, attestation).descriptor(),
    ]
    document = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    image = registry.push_manifest(repository, document)
    code, folder, told = capture(image.reference)
    assert (code, "1 document of evidence" in told) == (0, True)
    assert (folder / "blobs" / "sha256" / statement["digest"].removeprefix("sha256:")).read_bytes() == b'{"_type": "x"}'


def test_an_image_that_nobody_attested_is_captured_as_such(
    registry: Registry, judge: Judge, repository: str, capture: Capture
) -> None:
    image = registry.push_image(repository)
    code, folder, told = capture(image.reference)
    assert (code, "0 documents of evidence" in told) == (0, True)
    assert judge.in_layout(folder, image.reference) == Evidence(digest=Digest.parse(image.digest))


@pytest.mark.case("REG-008")
def test_an_image_that_is_not_there_is_told_and_nothing_is_written(
    registry: Registry, repository: str, capture: Capture
) -> None:
    code, folder, told = capture(f"{registry.host}/{repository}:missing")
    assert (code, "no such image" in told) == (1, True)
    assert not folder.exists()
    assert list(folder.parent.iterdir()) == []


def test_what_is_there_is_never_written_over(
    registry: Registry, repository: str, capture: Capture, tmp_path: Path
) -> None:
    image = registry.push_image(repository)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    codes = {name: capture(image.reference, tmp_path / name)[0] for name in ("full", "file", "link", "empty")}
    assert codes == {"full": 2, "file": 2, "link": 2, "empty": 0}
    assert (tmp_path / "full" / "mine").read_text() == "mine"


@pytest.mark.case("REG-006")
def test_what_could_not_be_found_out_leaves_nothing_behind(
    registry: Registry, repository: str, capture: Capture
) -> None:
    image = registry.push_image(repository)
    code, folder, told = capture(image.reference, plain=False)
    assert (code, "TLS" in told) == (3, True)
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("image", ["", "oci:somewhere", "ghcr.io/acme/shop@sha256:12", "UPPER"])
def test_what_is_no_reference_is_a_usage_error(capture: Capture, image: str) -> None:
    assert capture(image)[0] == 2


@pytest.mark.case("REG-020")
@pytest.mark.parametrize("forms", [[False], [True], [False, True]], ids=["bundles", "tags", "both"])
def test_what_cosign_saved_has_the_evidence_that_its_registry_has(
    registry: Registry, cosign: Cosign, judge: Judge, tmp_path: Path, forms: list[bool]
) -> None:
    image, _ = registry.push_index(next(NAMES))
    for legacy in forms:
        cosign.sign(image, legacy=legacy)
        cosign.attest(image, provenance_predicate(), legacy=legacy)
    cosign.run("save", "--dir", tmp_path / "saved", image.reference)
    evidence = judge.at_registry(image.reference)
    assert kinds(evidence) == {Kind.IMAGE_SIGNATURE, Kind.PROVENANCE}
    assert judge.in_layout(tmp_path / "saved", image.reference) == evidence
    assert only_image(tmp_path / "saved") == image.digest


def test_what_cosign_saved_of_one_platform_has_its_evidence(
    referrers_registry: Registry, cosign: Cosign, judge: Judge, repository: str, tmp_path: Path
) -> None:
    image = referrers_registry.push_image(repository)
    cosign.attest(image, provenance_predicate(), legacy=True)
    cosign.run("save", "--dir", tmp_path / "saved", image.reference)
    assert kinds(judge.in_layout(tmp_path / "saved", image.reference)) == {Kind.PROVENANCE}
    assert only_image(tmp_path / "saved") == image.digest
