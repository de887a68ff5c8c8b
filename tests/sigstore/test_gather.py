"""Gathering from the registry what cosign put there keyless: every place is looked into, and everything is proven."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from controller.core.evidence import Evidence, Kind
from controller.core.image import ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import RegistryClient
from controller.trust.root import Require, TrustRoot
from controller.wire.registries import parse_registries
from tests.support.keyless import RECIPES, Harvest
from tests.support.trusting import key_root, of, sigstore_root


async def gather(reference: str, *roots: TrustRoot) -> Evidence:
    parsed = ImageReference.parse(reference)
    request = GatherRequest(
        reference=parsed,
        wanted=PROVENANCE | IMAGE_SIGNATURE,
        roots=of(*roots),
        now=datetime.now(UTC),
        deadline=asyncio.get_running_loop().time() + 20,
    )
    registries = parse_registries([{"host": parsed.repository.host, "plainHTTP": True}])
    async with RegistryClient(registries, named_hosts=frozenset) as client:
        with ThreadPoolExecutor(1) as executor:
            return await Gatherer(registry=client, executor=executor)(request)


@pytest.mark.parametrize("name", RECIPES)
async def test_signature_and_provenance_are_gathered_in_every_form(sigstore: Harvest, name: str) -> None:
    roots = (sigstore_root(sigstore.trusted_root, Require()), key_root(sigstore.public_key, time_root="sigstore"))
    evidence = await gather(sigstore.images[name].image.reference, *roots)
    assert (evidence.refused, evidence.gaps) == ((), ())
    assert {statement.kind for statement in evidence.statements} == {Kind.IMAGE_SIGNATURE, Kind.PROVENANCE}
    assert all(statement.times for statement in evidence.statements)


@pytest.mark.parametrize("name", RECIPES)
async def test_what_strangers_would_have_signed_is_gathered_as_refused(sigstore: Harvest, name: str) -> None:
    evidence = await gather(sigstore.images[name].image.reference, sigstore_root(sigstore.strange_root, Require()))
    assert (evidence.statements, len(evidence.refused), evidence.gaps) == ((), 2, ())
