"""Gathering from real registries what the real cosign signed and attested, and what was forged by hand."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.evidence import Evidence, Kind
from controller.core.image import Digest, ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.core.reasons import Reason
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import RegistryClient
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoots
from controller.wire.registries import Registries, parse_registries
from tests.support.foundry import BUNDLE_V03, Foundry, Layer, another_digest, provenance_predicate, roots_of
from tests.support.registries import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Cosign, Pushed, Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
NAMES = (f"team/app-{number}" for number in itertools.count())

Gathered = Callable[..., Awaitable[Evidence]]


@pytest.fixture
def repository() -> str:
    return next(NAMES)


def cosign_roots(cosign: Cosign) -> TrustRoots:
    return roots_of(RootKey(name="release", key=parse_public_key(cosign.public_key.read_text())))


@pytest.fixture
def gather(executor: Executor) -> Gathered:
    async def run(reference: str, roots: TrustRoots, *, registries: Registries | None = None) -> Evidence:
        parsed = ImageReference.parse(reference)
        plain = parse_registries([{"host": parsed.repository.host, "plainHTTP": True}])
        request = GatherRequest(
            reference=parsed,
            wanted=PROVENANCE | IMAGE_SIGNATURE,
            roots=roots,
            now=NOW,
            deadline=asyncio.get_running_loop().time() + 20,
        )
        client = RegistryClient(plain if registries is None else registries, named_hosts=frozenset)
        async with client:
            return await Gatherer(registry=client, executor=executor)(request)

    return run


def kinds(evidence: Evidence) -> list[Kind]:
    return sorted((statement.kind for statement in evidence.statements), key=lambda kind: kind.value)


def push_evidence(registry: Registry, image: Pushed, layer: Layer, **fields: Any) -> dict[str, Any]:
    """Pushes a manifest of one layer; fields replace or (None) remove what a bundle's manifest has."""
    described = registry.push_blob(image.repository, layer.content, layer.media_type)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": BUNDLE_V03,
        "config": registry.push_blob(image.repository, b"{}", EMPTY_TYPE),
        "layers": [described | {"annotations": dict(layer.annotations)}],
        "subject": image.descriptor(),
    } | fields
    pushed = registry.push_manifest(image.repository, {k: v for k, v in document.items() if v is not None})
    return pushed.descriptor()


def push_fallback(registry: Registry, image: Pushed, *entries: dict[str, Any]) -> None:
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": list(entries)}
    registry.push_manifest(image.repository, index, image.digest.replace(":", "-"))


@pytest.mark.case("REG-001")
@pytest.mark.case("REG-016")
@pytest.mark.case("IDX-013")
@pytest.mark.parametrize("legacy", [False, True], ids=["bundles", "tags"])
async def test_what_cosign_signed_and_attested_is_found_and_verified(
    registry: Registry, cosign: Cosign, repository: str, gather: Gathered, *, legacy: bool
) -> None:
    index, _ = registry.push_index(repository, "v1")
    cosign.sign(index, legacy=legacy)
    cosign.attest(index, provenance_predicate(), legacy=legacy)
    evidence = await gather(index.reference, cosign_roots(cosign))
    assert kinds(evidence) == [Kind.IMAGE_SIGNATURE, Kind.PROVENANCE]
    assert not evidence.gaps
    assert not evidence.refused
    by_tag = await gather(f"{registry.host}/{repository}:v1", cosign_roots(cosign))
    assert by_tag == evidence


async def test_another_key_verifies_nothing(
    referrers_registry: Registry, cosign: Cosign, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = referrers_registry.push_image(repository)
    cosign.sign(image)
    evidence = await gather(image.reference, foundry.roots)
    assert not evidence.statements
    assert len(evidence.refused) == 1


@pytest.mark.case("REG-002")
@pytest.mark.case("BIND-009")
async def test_the_fallback_tag_is_read_beside_an_empty_referrers_list(
    registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = registry.push_image(repository)
    layer = foundry.bundle_layer(foundry.provenance(Digest.parse(image.digest)))
    push_fallback(registry, image, push_evidence(registry, image, layer, subject=None))
    evidence = await gather(image.reference, foundry.roots)
    assert kinds(evidence) == [Kind.PROVENANCE]


@pytest.mark.case("BIND-009")
async def test_a_referrer_that_names_another_subject_counts_by_what_was_signed(
    distribution_registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = distribution_registry.push_image(repository)
    other = distribution_registry.push_image(repository, content=b"other")
    layer = foundry.bundle_layer(foundry.provenance(Digest.parse(image.digest)))
    entry = push_evidence(distribution_registry, image, layer, subject=other.descriptor())
    push_fallback(distribution_registry, image, entry)
    evidence = await gather(image.reference, foundry.roots)
    assert kinds(evidence) == [Kind.PROVENANCE]


@pytest.mark.case("REG-004")
async def test_evidence_is_told_by_its_layers_type_alone(
    referrers_registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = referrers_registry.push_image(repository)
    layer = foundry.bundle_layer(foundry.provenance(Digest.parse(image.digest)))
    config = referrers_registry.push_blob(repository, b"{}", CONFIG_TYPE)
    push_evidence(referrers_registry, image, layer, artifactType=None, config=config)
    evidence = await gather(image.reference, foundry.roots)
    assert kinds(evidence) == [Kind.PROVENANCE]


@pytest.mark.case("BIND-010")
async def test_a_referrer_of_the_image_that_signs_another_digest_is_refused(
    referrers_registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = referrers_registry.push_image(repository)
    other = another_digest(Digest.parse(image.digest))
    push_evidence(referrers_registry, image, foundry.bundle_layer(foundry.provenance(other)))
    evidence = await gather(image.reference, foundry.roots)
    assert not evidence.statements
    assert [refused.step for refused in evidence.refused] == [1]


@pytest.mark.case("BIND-012")
async def test_a_signature_copied_under_another_images_tag_is_refused(
    registry: Registry, cosign: Cosign, repository: str, gather: Gathered
) -> None:
    signed = registry.push_image(repository, content=b"signed")
    victim = registry.push_image(repository, content=b"victim")
    cosign.sign(signed, legacy=True)
    path = f"/v2/{repository}/manifests/{{}}.sig"
    copied = registry.request("GET", path.format(signed.digest.replace(":", "-")), accept=MANIFEST_TYPE)
    registry.push_manifest(repository, copied.json(), f"{victim.digest.replace(':', '-')}.sig")
    evidence = await gather(victim.reference, cosign_roots(cosign))
    assert not evidence.statements
    assert [refused.kind for refused in evidence.refused] == [Kind.IMAGE_SIGNATURE]


@pytest.mark.case("SET-002")
@pytest.mark.case("SET-004")
async def test_junk_beside_it_takes_nothing_from_good_evidence(
    registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = registry.push_image(repository)
    subject = Digest.parse(image.digest)
    junk = [
        Layer(media_type=kind, content=content)
        for kind in (BUNDLE_V03, "application/vnd.dsse.envelope.v1+json", "text/plain", "application/json")
        for content in (b"", b"{", b"[]", b'{"mediaType": 1}', b"\xff\xfe")
    ]
    entries = [push_evidence(registry, image, layer) for layer in junk]
    entries.append(push_evidence(registry, image, foundry.bundle_layer(foundry.provenance(subject))))
    push_fallback(registry, image, *entries)
    evidence = await gather(image.reference, foundry.roots)
    assert kinds(evidence) == [Kind.PROVENANCE]
    assert not evidence.gaps
    assert len(evidence.refused) == 10


@pytest.mark.case("REG-008")
async def test_an_image_that_is_not_there_is_not_found(
    registry: Registry, foundry: Foundry, repository: str, gather: Gathered
) -> None:
    image = registry.push_image(repository)
    missing = f"{registry.host}/{repository}@{another_digest(Digest.parse(image.digest))}"
    for reference in (missing, f"{registry.host}/{repository}:missing", f"{registry.host}/no/where:v1"):
        assert await gather(reference, foundry.roots) == Evidence(digest=None, found=False)


@pytest.mark.case("REG-015")
@pytest.mark.parametrize("entry", [None, {}, {"plainHTTP": False}], ids=["unnamed", "default", "refused"])
async def test_no_plain_request_is_made_unless_it_is_configured(
    referrers_registry: Registry, foundry: Foundry, repository: str, gather: Gathered, entry: dict[str, Any] | None
) -> None:
    image = referrers_registry.push_image(repository)
    entries = [] if entry is None else [entry | {"host": referrers_registry.host}]
    evidence = await gather(image.reference, foundry.roots, registries=parse_registries(entries))
    wanted = Reason.RegistryDenied if entry is None else Reason.RegistryUnavailable
    assert [gap.reason for gap in evidence.gaps] == [wanted]


@pytest.mark.case("IDX-011")
@pytest.mark.parametrize("listed", [False, True], ids=["manifest", "list"])
async def test_docker_manifests_and_lists_are_images_too(
    registry: Registry, foundry: Foundry, repository: str, gather: Gathered, *, listed: bool
) -> None:
    layer = registry.push_blob(repository, b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    config = registry.push_blob(repository, b"{}", "application/vnd.docker.container.image.v1+json")
    document = {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": config, "layers": [layer]}
    image = registry.push_manifest(repository, document)
    if listed:
        platform = {"platform": {"os": "linux", "architecture": "amd64"}}
        listing = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [image.descriptor() | platform]}
        image = registry.push_manifest(repository, listing)
    envelope = foundry.envelope_layer(foundry.provenance(Digest.parse(image.digest)))
    described = registry.push_blob(repository, envelope.content, envelope.media_type)
    attestations = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [described]}
    registry.push_manifest(repository, attestations, f"{image.digest.replace(':', '-')}.att")
    evidence = await gather(image.reference, foundry.roots)
    assert kinds(evidence) == [Kind.PROVENANCE]
    assert not evidence.gaps
