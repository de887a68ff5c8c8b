"""What cosign 2 signs and attests with a key, in its own form, beside what cosign 3 does in that form."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from controller.core.evidence import Evidence, Kind
from controller.core.image import ImageReference
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry.client import RegistryClient
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey
from controller.wire.registries import parse_registries
from tests.support.cluster import NAMESPACE, plain_registries, policy, provenance, trust
from tests.support.commands import Commands, Ended
from tests.support.foundry import roots_of
from tests.support.registries import MANIFEST_TYPE, Cosign, Pushed, Registry

NOW = datetime(2026, 6, 1, tzinfo=UTC)
NAMES = (f"older/app-{number}" for number in itertools.count())
BOTH = [Kind.IMAGE_SIGNATURE, Kind.PROVENANCE]

Gather = Callable[[Pushed, Cosign], Awaitable[Evidence]]


@pytest.fixture
def gather(executor: Executor) -> Gather:
    """The evidence for an image, believing this cosign's key."""

    async def run(image: Pushed, believed: Cosign) -> Evidence:
        key = RootKey(name="release", key=parse_public_key(believed.public_key.read_text()))
        request = GatherRequest(
            reference=ImageReference.parse(image.reference),
            wanted=PROVENANCE | IMAGE_SIGNATURE,
            roots=roots_of(key),
            now=NOW,
            deadline=asyncio.get_running_loop().time() + 20,
        )
        plain = parse_registries([{"host": image.host, "plainHTTP": True}])
        async with RegistryClient(plain, named_hosts=frozenset) as client:
            return await Gatherer(registry=client, executor=executor)(request)

    return run


@pytest.fixture
def verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cosign2: Cosign
) -> Callable[[Pushed], Ended]:
    """The whole decision, by policies that believe cosign 2's key."""
    run = Commands(tmp_path, monkeypatch, capsys)
    documents = [*trust(cosign2.public_key.read_text()), policy(images=["*/older/*"])]
    (tmp_path / "policies.yaml").write_text(yaml.safe_dump_all(documents))

    def verified(image: Pushed) -> Ended:
        registries = plain_registries(tmp_path, image.host)
        where = ("--policies", tmp_path / "policies.yaml", "--registries", registries, "--namespace", NAMESPACE)
        return run("verify", *where, image.reference)

    return verified


def pushed(registry: Registry, content: bytes = b"") -> Pushed:
    repository = next(NAMES)
    return registry.push_image(repository, content=content or repository.encode())


def released(image: Pushed, signer: Cosign, *, source: str = "https://github.com/acme/shop") -> Pushed:
    signer.sign(image, legacy=True)
    signer.attest(image, provenance(source=source), legacy=True)
    return image


def kinds(evidence: Evidence) -> list[Kind]:
    return sorted((statement.kind for statement in evidence.statements), key=lambda kind: kind.value)


@pytest.mark.case("REG-016")
async def test_it_is_found_and_verified_as_what_cosign_3_writes_in_that_form(
    registry: Registry, cosign: Cosign, cosign2: Cosign, gather: Gather
) -> None:
    for signer in (cosign2, cosign):
        evidence = await gather(released(pushed(registry), signer), signer)
        assert (kinds(evidence), evidence.refused, evidence.gaps) == (BOTH, (), ())


@pytest.mark.case("REG-016")
async def test_what_both_versions_signed_counts_for_each_key(
    referrers_registry: Registry, cosign: Cosign, cosign2: Cosign, gather: Gather
) -> None:
    """Version 3 adds to the tags of version 2 and takes nothing from them; its bundles stand beside."""
    image = released(released(pushed(referrers_registry), cosign2), cosign)
    cosign.sign(image)
    for signer, signatures in ((cosign2, 1), (cosign, 2)):
        found = kinds(await gather(image, signer))
        assert (found.count(Kind.IMAGE_SIGNATURE), found.count(Kind.PROVENANCE)) == (signatures, 1)


async def test_another_key_verifies_nothing_of_it(
    referrers_registry: Registry, cosign: Cosign, cosign2: Cosign, gather: Gather
) -> None:
    evidence = await gather(released(pushed(referrers_registry), cosign2), cosign)
    assert not evidence.statements
    assert len(evidence.refused) == 2


@pytest.mark.case("BIND-012")
@pytest.mark.parametrize("suffix", ["sig", "att"])
async def test_it_counts_for_no_image_under_whose_tags_it_was_copied(
    referrers_registry: Registry, cosign2: Cosign, gather: Gather, suffix: str
) -> None:
    repository = next(NAMES)
    signed, victim = (referrers_registry.push_image(repository, content=content) for content in (b"signed", b"victim"))
    released(signed, cosign2)
    path = f"/v2/{repository}/manifests/{signed.digest.replace(':', '-')}.{suffix}"
    copied = referrers_registry.request("GET", path, accept=MANIFEST_TYPE).json()
    referrers_registry.push_manifest(repository, copied, f"{victim.digest.replace(':', '-')}.{suffix}")
    evidence = await gather(victim, cosign2)
    assert not evidence.statements
    assert len(evidence.refused) == 1


@pytest.mark.case("REG-016")
def test_the_decision_admits_by_it_and_refuses_another_source(
    registry: Registry, cosign2: Cosign, verify: Callable[[Pushed], Ended]
) -> None:
    admitted = verify(released(pushed(registry), cosign2))
    assert (admitted.code, admitted.err) == (0, ""), admitted.out
    elsewhere = verify(released(pushed(registry), cosign2, source="https://github.com/evil/shop"))
    assert (elsewhere.code, "SourceMismatch" in elsewhere.out) == (1, True), elsewhere.out
    image = pushed(registry)
    cosign2.attest(image, provenance(), legacy=True)
    unsigned = verify(image)
    assert (unsigned.code, "NoSignature" in unsigned.out) == (1, True), unsigned.out
