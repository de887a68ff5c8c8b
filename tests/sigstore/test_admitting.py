"""From the real cosign's keyless signature in a real registry to the verdict: the certificate decides."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore, Snapshot
from controller.registry.client import RegistryClient
from controller.wire.policy import KINDS, parse_objects
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.facts import workload
from tests.support.foundry import WORKFLOW_V1
from tests.support.issuer import COMMIT, GITHUB
from tests.support.keyless import REUSABLE, Harvest

CATALOGUE = Path(__file__).resolve().parents[2] / "charts" / "navicert" / "catalogue"
SHIPPED = CATALOGUE / "github-attestations.yaml"  # whose level is 2
SOURCE = {"repositories": ["https://github.com/acme/shop"], "refs": ["refs/tags/v*"]}
REFUSED = {
    "of-a-fork": Reason.SourceMismatch,
    "of-a-branch": Reason.RefNotAllowed,
    "by-another-workflow": Reason.LevelTooLow,
    "by-a-workflow-of-its-own": Reason.LevelTooLow,
    "on-a-runner-of-ones-own": Reason.BuilderNotTrusted,
}


def snapshot(trusted_root: bytes) -> Snapshot:
    """The builder of the company at level 3, what the catalogue ships for all others, and a policy for releases."""
    signer = {"certificate": {"issuer": GITHUB, "subjectRegExp": r"https://github\.com/acme/ci/.*@refs/tags/v[0-9.]+"}}
    builder = {
        "maxLevel": 3,
        "signers": [signer],
        "builderID": "SameAsSigner",
        "minimumVersion": "2.1.0",
        "buildTypes": [WORKFLOW_V1],
        "runnerEnvironments": ["github-hosted"],
        "triggers": ["push", "release"],
    }
    root = {"sigstore": {"trustedRoot": {"inline": trusted_root.decode()}}, "require": {"signedTimestamp": True}}
    everything: list[Any] = [
        *parse_objects(SHIPPED.read_text(), SHIPPED.name),
        objects.document("TrustRoot", "sigstore", root),
        objects.document("TrustedBuilder", "company", builder),
        objects.policy(tags="Deny", require={"buildLevel": 3, "sources": [SOURCE]}),
    ]
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in everything if one["kind"] == kind])
    compiled = store.current()
    assert compiled is not None
    assert not compiled.problems
    return compiled


async def judged(harvest: Harvest, name: str) -> Verdict:
    image = harvest.images[name].image
    registries = parse_registries([{"host": image.host, "plainHTTP": True}])
    deadline = asyncio.get_running_loop().time() + 20
    async with RegistryClient(registries, named_hosts=frozenset) as client:
        with ThreadPoolExecutor(1) as executor:
            return await decide(
                workload(f"{image.host}/{image.repository}@{image.digest}"),
                snapshot=snapshot(harvest.trusted_root),
                gather=Gatherer(registry=client, executor=executor),
                circumstances=Circumstances(now=datetime.now(UTC), deadline=deadline, uncovered=Uncovered.ALLOW),
            )


async def test_the_release_is_admitted_at_the_builders_level_and_its_source_is_the_certificates(
    sigstore: Harvest,
) -> None:
    verdict = await judged(sigstore, "released")
    (finding,) = verdict.findings
    assert (verdict.allowed, finding.reason) == (True, Reason.Satisfied)
    proven = finding.proven
    assert proven is not None
    assert (proven.level, proven.builders, proven.builder_id) == (3, ("company",), f"https://github.com/{REUSABLE}")
    source = ("https://github.com/acme/shop", "refs/tags/v1.2.3", COMMIT)
    assert (proven.source, proven.ref, proven.commit) == source
    assert proven.signed_at is not None


@pytest.mark.parametrize("name", REFUSED)
async def test_what_differs_from_the_release_in_one_thing_is_refused_for_that(sigstore: Harvest, name: str) -> None:
    verdict = await judged(sigstore, name)
    assert (verdict.allowed, verdict.code) == (False, 403)
    assert {finding.reason for finding in verdict.findings} == {REFUSED[name]}
