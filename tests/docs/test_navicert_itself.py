"""manifests/navicert-itself.yaml: the image that the release workflow makes is admitted, and every other is not."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.core.image import Digest
from controller.core.policy import Uncovered
from controller.core.predicates import PROVENANCE_V02
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.policies import PolicyStore, Snapshot
from controller.wire.admission import parse_review
from controller.wire.candidate import Candidate
from controller.wire.policy import KINDS, parse_objects
from controller.wire.policy.lint import lint
from controller.wire.workload import parse_workload
from tests.support import objects, reviews
from tests.support.attesting import about, attached, keyless
from tests.support.foundry import SIGN_V1
from tests.support.instance import acme

ROOT = Path(__file__).resolve().parents[2]
POLICY = (ROOT / "manifests" / "navicert-itself.yaml").read_text()
BUILDER = (ROOT / "charts/navicert/catalogue/github-generator-container.yaml").read_text()
D = Digest.of(b"the image of both programs")
IMAGE = f"ghcr.io/navicert/navicert@{D}"
HOME, MALLORY = "https://github.com/navicert/navicert", "https://github.com/mallory/navicert"
RELEASE, TAG, COMMIT = ".github/workflows/release.yml", "refs/tags/v0.1.0", "5f" * 20
GENERATOR = "https://github.com/slsa-framework/slsa-github-generator"
CONTAINER = f"{GENERATOR}/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0"
SPDX = "https://spdx.dev/Document"
OTHER = "https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v2.1.0"
# Believed in this cluster for images of its own, and worth as much.
OTHER_BUILDER = {
    "maxLevel": 3,
    "signers": [{"certificate": {"issuer": "https://token.actions.githubusercontent.com", "subject": OTHER}}],
    "builderID": "SameAsSigner",
}
# Where the name of each field ends.
FIELDS = [found.end(1) for found in re.finditer(r"^ +(?:- )?(\w+):(?: |$)", POLICY, re.MULTILINE)][1:]


def provenance(
    *, repository: str = HOME, ref: str = TAG, path: str = RELEASE, trigger: str = "push", builder: str = CONTAINER
) -> Candidate:
    """As the container generator attaches it, called by the release workflow."""
    source = {"uri": f"git+{repository}@{ref}", "digest": {"sha1": COMMIT}}
    predicate = {
        "builder": {"id": builder},
        "buildType": f"{GENERATOR}/container@v1",
        "invocation": {
            "configSource": source | {"entryPoint": path},
            "parameters": {},
            "environment": {"github_event_name": trigger},
        },
        "materials": [source],
    }
    called = f"{repository}/{path}@{ref}"
    return keyless(about(D, PROVENANCE_V02, predicate), builder, n12=repository, n14=ref, n18=called, n20=trigger)


def workflow(repository: str = HOME, path: str = RELEASE, ref: str = TAG) -> str:
    return f"{repository}/{path}@{ref}"


def signature(identity: str) -> Candidate:
    return keyless(about({"digest": {"sha256": D.hex}}, SIGN_V1, {}), identity)


def sbom(identity: str, predicate_type: str = SPDX) -> Candidate:
    return keyless(about(D, predicate_type, {"spdxVersion": "SPDX-2.3"}), identity)


def snapshot(policy: str = POLICY, builder: str = BUILDER) -> Snapshot:
    inline = {"sigstore": {"trustedRoot": {"inline": json.dumps(acme().trusted_root())}}}
    everything: list[Mapping[str, Any]] = [objects.document("TrustRoot", "sigstore", inline)]
    everything.append(objects.document("TrustedBuilder", "other", OTHER_BUILDER))
    everything += [*parse_objects(policy, "policy"), *parse_objects(builder, "builder")]
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in everything if one["kind"] == kind])
    found = store.current()
    assert found is not None
    return found


def decided(*evidence: Candidate, policy: str = POLICY, builder: str = BUILDER) -> Verdict:
    review = reviews.review(reviews.pod(reviews.container(IMAGE)))
    workload = parse_workload(parse_review(reviews.encoded(review)))

    async def decision() -> Verdict:
        deadline = asyncio.get_running_loop().time() + 10
        circumstances = Circumstances(now=datetime.now(UTC), deadline=deadline, uncovered=Uncovered.ALLOW)
        return await decide(
            workload, snapshot=snapshot(policy, builder), gather=attached(*evidence), circumstances=circumstances
        )

    return asyncio.run(decision())


GOOD: Mapping[str, Callable[[], Candidate]] = {
    "provenance": provenance,
    "signature": lambda: signature(workflow()),
    "sbom": lambda: sbom(workflow()),
}
# One of the three is another than the release workflow makes, and the rest is sound.
BAD: Mapping[str, tuple[str, Callable[[], Candidate], Reason]] = {
    "of a fork": ("provenance", lambda: provenance(repository=MALLORY), Reason.SourceMismatch),
    "of a branch": ("provenance", lambda: provenance(ref="refs/heads/main"), Reason.RefNotAllowed),
    "of another tag": ("provenance", lambda: provenance(ref="refs/tags/nightly"), Reason.RefNotAllowed),
    "by another workflow": (
        "provenance",
        lambda: provenance(path=".github/workflows/try.yml"),
        Reason.EntryPointMismatch,
    ),
    "by hand": ("provenance", lambda: provenance(trigger="workflow_dispatch"), Reason.TriggerNotAllowed),
    "without the generator": ("provenance", lambda: provenance(builder=workflow()), Reason.BuilderNotTrusted),
    "by another builder of that level": ("provenance", lambda: provenance(builder=OTHER), Reason.BuilderNotTrusted),
    "by a branch of the generator": (
        "provenance",
        lambda: provenance(builder=CONTAINER.replace("tags/v2.1.0", "heads/main")),
        Reason.BuilderNotTrusted,
    ),
    "signed by a fork": ("signature", lambda: signature(workflow(MALLORY)), Reason.NoSignature),
    "signed on a branch": ("signature", lambda: signature(workflow(ref="refs/heads/main")), Reason.NoSignature),
    "signed by another workflow": ("signature", lambda: signature(workflow(path="try.yml")), Reason.NoSignature),
    "SBOM by a fork": ("sbom", lambda: sbom(workflow(MALLORY)), Reason.NoSBOM),
    "SBOM of another format": ("sbom", lambda: sbom(workflow(), "https://cyclonedx.org/bom"), Reason.NoSBOM),
    "SBOM by another workflow": ("sbom", lambda: sbom(workflow(path="try.yml")), Reason.NoSBOM),
}
MISSING = {"provenance": Reason.NoProvenance, "signature": Reason.NoSignature, "sbom": Reason.NoSBOM}


def test_nothing_in_it_is_broken_or_gets_advice() -> None:
    assert snapshot().problems == {}
    assert [problem for one in parse_objects(POLICY, "policy") for problem in lint(one)] == []


def test_a_released_image_is_admitted() -> None:
    verdict = decided(*(make() for make in GOOD.values()))
    assert verdict.allowed, verdict.findings
    assert [one.reason for one in verdict.findings] == [Reason.Satisfied]


@pytest.mark.parametrize("missing", GOOD)
def test_an_image_without_one_of_the_three_is_refused(missing: str) -> None:
    verdict = decided(*(make() for name, make in GOOD.items() if name != missing))
    assert not verdict.allowed
    assert MISSING[missing] in {one.reason for one in verdict.findings}


@pytest.mark.parametrize("bad", BAD)
def test_an_image_that_was_made_otherwise_is_refused(bad: str) -> None:
    replaced, otherwise, reason = BAD[bad]
    verdict = decided(*((otherwise if name == replaced else make)() for name, make in GOOD.items()))
    assert (verdict.allowed, verdict.code) == (False, 403), verdict.findings
    assert reason in {one.reason for one in verdict.findings}, verdict.findings


def test_the_generator_has_to_be_worth_level_3() -> None:
    verdict = decided(*(make() for make in GOOD.values()), builder=BUILDER.replace("maxLevel: 3", "maxLevel: 2"))
    assert not verdict.allowed
    assert {one.reason for one in verdict.findings} == {Reason.LevelTooLow}


@pytest.mark.parametrize("end", FIELDS, ids=lambda end: f"{end} {POLICY[:end].split()[-1]}")
def test_a_field_that_is_misspelt_admits_nothing(end: int) -> None:
    misspelt = f"{POLICY[:end]}x{POLICY[end:]}"
    assert snapshot(misspelt).problems != {}
    verdict = decided(*(make() for make in GOOD.values()), policy=misspelt)
    assert {one.reason for one in verdict.findings if one.refuses} == {Reason.PolicyBroken}
