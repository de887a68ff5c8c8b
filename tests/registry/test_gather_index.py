"""Indexes in real registries, gathered as reviews do: by children, through the cache, and what BuildKit writes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.evidence import Evidence
from controller.core.image import Digest, ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import RegistryClient
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoots
from controller.wire.registries import parse_registries
from tests.support.foundry import Foundry, provenance_predicate, roots_of
from tests.support.registries import INDEX_TYPE, MANIFEST_TYPE, Cosign, Pushed, Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
NAMES = (f"index/app-{number}" for number in itertools.count())


@pytest.fixture
def repository() -> str:
    return next(NAMES)


@pytest.fixture
async def gather(registry: Registry, executor: Executor) -> AsyncIterator[CachingGatherer]:
    plain = parse_registries([{"host": registry.host, "plainHTTP": True}])
    clock = asyncio.get_running_loop().time
    async with (
        RegistryClient(plain, named_hosts=frozenset) as client,
        CachingGatherer(Gatherer(registry=client, executor=executor), clock=clock) as gatherer,
    ):
        yield gatherer


def request(reference: str, roots: TrustRoots, *, children: bool) -> GatherRequest:
    return GatherRequest(
        reference=ImageReference.parse(reference),
        wanted=PROVENANCE | IMAGE_SIGNATURE,
        roots=roots,
        now=NOW,
        deadline=asyncio.get_running_loop().time() + 20,
        children=children,
    )


def trusted(cosign: Cosign) -> TrustRoots:
    return roots_of(RootKey(name="release", key=parse_public_key(cosign.public_key.read_text())))


def found(evidence: Evidence) -> tuple[int, list[int]]:
    return len(evidence.statements), [len(child.statements) for child in evidence.children]


@pytest.mark.case("IDX-002")
@pytest.mark.case("IDX-003")
@pytest.mark.parametrize("attested", [1, 2])
async def test_children_that_cosign_attested_are_found_under_an_index_that_it_did_not(
    registry: Registry, cosign: Cosign, repository: str, gather: CachingGatherer, attested: int
) -> None:
    index, images = registry.push_index(repository, "v1")
    for image in images[:attested]:
        cosign.attest(image, provenance_predicate())
    for reference in (index.reference, f"{registry.host}/{repository}:v1"):
        evidence = await gather(request(reference, trusted(cosign), children=True))
        assert str(evidence.digest) == index.digest
        assert found(evidence) == (0, [1, 1][:attested] + [0] * (2 - attested))
        assert [child.platform for child in evidence.children] == ["linux/amd64", "linux/arm64"]
        assert not evidence.gaps


@pytest.mark.case("IDX-001")
@pytest.mark.case("IDX-013")
async def test_an_index_that_cosign_attested_speaks_for_itself_and_not_for_a_pinned_child(
    registry: Registry, cosign: Cosign, repository: str, gather: CachingGatherer
) -> None:
    index, images = registry.push_index(repository)
    cosign.attest(index, provenance_predicate())
    evidence = await gather(request(index.reference, trusted(cosign), children=False))
    assert (found(evidence), [str(one) for one in evidence.unread]) == ((1, []), [image.digest for image in images])
    assert found(await gather(request(images[0].reference, trusted(cosign), children=True))) == (0, [])


def push_buildkit(registry: Registry, repository: str, foundry: Foundry) -> tuple[Pushed, Pushed]:
    """An image as BuildKit pushes it: an index of one platform and what attests it."""
    image = registry.push_image(repository)
    statement = foundry.provenance(Digest.parse(image.digest))
    layer: dict[str, Any] = registry.push_blob(repository, statement, "application/vnd.in-toto+json")
    layer["annotations"] = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"}
    config = registry.push_blob(repository, b"{}", EMPTY_TYPE)
    document = {"schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [layer]}
    attestation = registry.push_manifest(repository, document)
    about = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": image.digest}
    entries = [
        image.descriptor() | {"platform": {"os": "linux", "architecture": "amd64"}},
        attestation.descriptor() | {"platform": {"os": "unknown", "architecture": "unknown"}, "annotations": about},
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}
    return registry.push_manifest(repository, index), image


@pytest.mark.case("IDX-005")
@pytest.mark.case("IDX-015")
async def test_what_buildkit_writes_into_the_index_is_evidence_about_its_child(
    registry: Registry, repository: str, gather: CachingGatherer
) -> None:
    foundry = Foundry()
    index, image = push_buildkit(registry, repository, foundry)
    evidence = await gather(request(index.reference, foundry.roots, children=True))
    (child,) = evidence.children
    assert (str(child.digest), found(evidence)) == (image.digest, (0, [1]))
    assert child.statements[0].signer is None
