"""Private registries: TLS of an authority of their own, Basic or tokens, and what the real cosigns wrote there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.evidence import Evidence, Kind
from controller.core.image import ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.core.reasons import Reason
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import NO_CREDENTIALS, RegistryClient
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey
from controller.wire.registries import parse_registries
from tests.support.foundry import provenance_predicate, roots_of
from tests.support.privateregistries import NAME, PASSWORD, Access, PrivateRegistry, private_registry
from tests.support.registries import Cosign, Pushed

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SIGNERS = {"cosign 3, bundles": ("cosign", False), "cosign 3, tags": ("cosign", True), "cosign 2": ("cosign2", True)}


@pytest.fixture(params=[Access.BASIC, Access.TOKEN], ids=lambda access: access.name.lower())
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path / "registry", request.param) as running:
        yield running


async def gathered(registry: PrivateRegistry, image: Pushed, key: str, credentials: Credentials) -> Evidence:
    setting = parse_registries([{"host": host, "caBundle": registry.authority.decode()} for host in hosts(registry)])
    request = GatherRequest(
        reference=ImageReference.parse(image.reference),
        wanted=PROVENANCE | IMAGE_SIGNATURE,
        roots=roots_of(RootKey(name="release", key=parse_public_key(key))),
        now=NOW,
        deadline=asyncio.get_running_loop().time() + 20,
    )
    with ThreadPoolExecutor(1) as executor:
        async with RegistryClient(setting, named_hosts=frozenset, credentials=credentials) as client:
            return await Gatherer(registry=client, executor=executor)(request)


def hosts(registry: PrivateRegistry) -> list[str]:
    return [registry.host, *([registry.tokens.host] if registry.tokens else [])]


@pytest.mark.case("REG-013")
@pytest.mark.case("REG-016")
@pytest.mark.case("REG-017")
@pytest.mark.parametrize("name", SIGNERS)
async def test_what_cosign_wrote_is_found_by_who_may_pull_and_by_nobody_else(
    registry: PrivateRegistry, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    program, legacy = SIGNERS[name]
    signer: Cosign = request.getfixturevalue(program)
    image, options = registry.push_image("acme/shop"), registry.cosign_options(tmp_path)
    signer.sign(image, *options, legacy=legacy)
    signer.attest(image, provenance_predicate(), *options, legacy=legacy)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"auths": {registry.host: {"username": NAME, "password": PASSWORD}}}))
    known = FileCredentials(config, programs=CredentialPrograms(None))
    key = signer.public_key.read_text()
    evidence = await gathered(registry, image, key, known)
    assert {statement.kind for statement in evidence.statements} == {Kind.IMAGE_SIGNATURE, Kind.PROVENANCE}
    assert (len(evidence.statements), evidence.refused, evidence.gaps) == (2, (), ())
    stranger = await gathered(registry, image, key, NO_CREDENTIALS)
    assert (stranger.statements, {gap.reason for gap in stranger.gaps}) == ((), {Reason.RegistryDenied})
