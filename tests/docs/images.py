"""The images of the cookbook: what hangs on the good one and on the bad one of each recipe."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.wire.candidate import Candidate
from tests.support.attesting import REUSABLE, about, bare, keyed, keyless, provenance, stamped
from tests.support.foundry import WORKFLOW_V1, Foundry, SigningKey
from tests.support.instance import SIGNED, Instance

D = Digest.of(b"the image")
DENIED = Digest.parse(f"sha256:{'0' * 64}")
NAMES = (
    "release",
    "security",
    "operations",
    "verifier",
    "old-ci",
    "vendor",
    "google-hosted-worker",
    "provenance-signer",
)
EXCUSED = Digest.parse(f"sha256:{'1' * 64}")
KEYS = {name: SigningKey() for name in (*NAMES, "controller", "stranger")}
SHOP, MALLORY = "https://github.com/acme/shop", "https://github.com/mallory/shop"
REF, COMMIT = "refs/tags/v1.2.3", "5f" * 20
RELEASE = ".github/workflows/release.yml"
SCAN = "https://github.com/acme/scans/.github/workflows/scan.yml@refs/heads/main"
SPDX, VULN = "https://spdx.dev/Document", "https://cosign.sigstore.dev/attestation/vuln/v1"
SUMMARY = "https://slsa.dev/verification_summary/v1"
RECORDING = REUSABLE.replace("image.yml", "recording.yml")
BASE = {"name": "base", "digest": {"sha256": "ab" * 32}}

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference, without its digest where that is D, and what is attached to it."""

    evidence: tuple[Candidate, ...] = ()
    repository: str = "ghcr.io/acme/shop"
    digest: Digest = D

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The image that a recipe admits, the one that it refuses, and why; `told` only, where it refuses nothing."""

    good: Image
    bad: Image
    reason: Reason
    told: bool = False


def github(
    repository: str = SHOP, identity: str = REUSABLE, *, path: str = RELEASE, extra: tuple[Json, ...] = ()
) -> Candidate:
    """Built by a workflow of GitHub's; certificate and predicate agree."""
    parameters = {"workflow": {"repository": repository, "ref": REF, "path": path}}
    source = {"uri": f"git+{repository}@{REF}", "digest": {"gitCommit": COMMIT}}
    statement = provenance(
        D, builder=identity, build_type=WORKFLOW_V1, parameters=parameters, dependencies=[source, *extra]
    )
    return keyless(statement, identity, n12=repository, n18=f"{repository}/{path}@{REF}")


def attested(path: str = RELEASE) -> Candidate:
    return github(identity=f"{SHOP}/{path}@{REF}", path=path)


@cache
def own() -> Instance:
    """GitHub's own, which signs for what is private."""
    return Instance("github")


def attested_in_private(instance: Instance) -> Candidate:
    identity = f"{SHOP}/{RELEASE}@{REF}"
    parameters = {"workflow": {"repository": SHOP, "ref": REF, "path": RELEASE}}
    source = {"uri": f"git+{SHOP}@{REF}", "digest": {"gitCommit": COMMIT}}
    statement = provenance(D, builder=identity, build_type=WORKFLOW_V1, parameters=parameters, dependencies=[source])
    return stamped(statement, identity, instance, n22="private")


def gitlab(ref: str = "refs/heads/main") -> Candidate:
    repository, pipeline = "https://gitlab.com/acme/shop", f"https://gitlab.com/acme/shop//.gitlab-ci.yml@{ref}"
    statement = provenance(
        D,
        builder=f"{repository}/-/runners/12270807",
        build_type="https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/PROVENANCE.md",
        parameters={"source": repository},
        dependencies=[{"uri": repository, "digest": {"gitCommit": COMMIT}}],
    )
    issuer = "https://gitlab.com"
    return keyless(statement, pipeline, issuer=issuer, n11="gitlab-hosted", n12=repository, n14=ref, n18=pipeline)


def cloud_build(repository: str = SHOP) -> Candidate:
    statement = provenance(
        D,
        builder="https://cloudbuild.googleapis.com/GoogleHostedWorker",
        build_type="https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
        parameters={"buildConfigSource": {"repository": f"git+{repository}", "ref": REF, "path": "cloudbuild.yaml"}},
        dependencies=[{"uri": f"git+{repository}@{REF}", "digest": {"gitCommit": COMMIT}}],
    )
    return keyed(statement, KEYS["google-hosted-worker"])


def tekton(key: str = "controller") -> Candidate:
    statement = provenance(
        D,
        builder="https://tekton.dev/chains/v2",
        build_type="https://tekton.dev/chains/v2/slsa",
        parameters={},
        dependencies=[{"uri": f"git+{SHOP}.git", "digest": {"gitCommit": COMMIT}, "name": "inputs/result"}],
    )
    return keyed(statement, KEYS[key])


def old_ci() -> Candidate:
    foundry = Foundry()
    return keyed(foundry.provenance(D, builder_id="https://old-ci.acme.example"), KEYS["old-ci"])


def buildkit() -> Candidate:
    return bare(Foundry().provenance(D, builder_id=""))


def signed(*keys: str) -> tuple[Candidate, ...]:
    return tuple(keyed(Foundry().image_signature(D), KEYS[key]) for key in keys)


def vendored(repository: str) -> Candidate:
    foundry = Foundry()
    return foundry.signature_layer(foundry.simple_signing(D, repository=repository), KEYS["vendor"]).candidate()


def sbom(identity: str = REUSABLE) -> Candidate:
    return keyless(about(D, SPDX, {"spdxVersion": "SPDX-2.3"}), identity)


def scan(severity: str, *, later: timedelta) -> Candidate:
    results = [{"Target": "debian"}, {"Target": "app", "Vulnerabilities": [{"Severity": severity}]}]
    scanner = {"uri": "pkg:github/aquasecurity/trivy", "result": {"Results": results}}
    return keyless(about(D, VULN, {"invocation": {}, "scanner": scanner}), SCAN, at=SIGNED + later)


def summary(resource: str) -> Candidate:
    predicate = {
        "verifier": {"id": "https://verifier.acme.example"},
        "timeVerified": "2026-02-20T10:00:00Z",
        "resourceUri": resource,
        "policy": {"uri": "https://verifier.acme.example/policy"},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    }
    return keyed(about(D, SUMMARY, predicate), KEYS["verifier"])


def source_summary(commit: str = COMMIT) -> Candidate:
    predicate = {
        "verifier": {"id": "https://scs.acme.example"},
        "resourceUri": f"git+{SHOP}",
        "policy": {"uri": "https://scs.acme.example/policy"},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"],
    }
    return keyed(about({"digest": {"gitCommit": commit}}, SUMMARY, predicate), KEYS["verifier"])


def based_on(image: str) -> Candidate:
    uri = f"pkg:docker/{image.rpartition('/')[2]}?repository_url={image.rpartition('/')[0]}"
    return github(identity=RECORDING, extra=({"uri": uri, **BASE},))


WEEK = timedelta(days=7)
PAIRS = {
    "reusable-workflow": Pair(
        good=Image(evidence=(github(),)), bad=Image(evidence=(github(MALLORY),)), reason=Reason.SourceMismatch
    ),
    "github-attestations": Pair(
        good=Image(evidence=(attested(),)),
        bad=Image(evidence=(attested(".github/workflows/try.yml"),)),
        reason=Reason.EntryPointMismatch,
    ),
    "github-private": Pair(
        good=Image(evidence=(attested_in_private(own()),)),
        bad=Image(evidence=(attested_in_private(Instance("lookalike")),)),
        reason=Reason.NotVerified,
    ),
    "gitlab": Pair(
        good=Image(repository="registry.gitlab.com/acme/shop", evidence=(gitlab(),)),
        bad=Image(repository="registry.gitlab.com/acme/shop", evidence=(gitlab("refs/heads/try"),)),
        reason=Reason.RefNotAllowed,
    ),
    "google-cloud-build": Pair(
        good=Image(repository="europe-docker.pkg.dev/acme/images/shop", evidence=(cloud_build(),)),
        bad=Image(repository="europe-docker.pkg.dev/acme/images/shop", evidence=(cloud_build(MALLORY),)),
        reason=Reason.SourceMismatch,
    ),
    "tekton": Pair(
        good=Image(repository="registry.acme.example/apps/shop", evidence=(tekton(),)),
        bad=Image(repository="registry.acme.example/apps/shop", evidence=(tekton("stranger"),)),
        reason=Reason.NotVerified,
    ),
    "audit": Pair(good=Image(evidence=(buildkit(),)), bad=Image(), reason=Reason.NoProvenance, told=True),
    "any-provenance": Pair(good=Image(evidence=(buildkit(),)), bad=Image(), reason=Reason.NoProvenance),
    "two-of-three": Pair(
        good=Image(evidence=signed("release", "operations")),
        bad=Image(evidence=signed("release", "release")),
        reason=Reason.ThresholdNotMet,
    ),
    "vendor": Pair(
        good=Image(repository="registry.vendor.example/agent", evidence=(vendored("registry.vendor.example/agent"),)),
        bad=Image(repository="registry.vendor.example/agent", evidence=(vendored("registry.vendor.example/beta"),)),
        reason=Reason.NoSignature,
    ),
    "mirror": Pair(
        good=Image(repository="mirror.acme.example/ghcr.io/acme/shop", evidence=(github(),)),
        bad=Image(repository="mirror.acme.example/ghcr.io/acme/other", evidence=(github(),)),
        reason=Reason.SourceMismatch,
    ),
    "sbom": Pair(
        good=Image(evidence=(github(), sbom())),
        bad=Image(evidence=(github(), sbom(f"{SHOP}/{RELEASE}@{REF}"))),
        reason=Reason.NoSBOM,
    ),
    "newest-scan": Pair(
        good=Image(evidence=(scan("CRITICAL", later=timedelta()), scan("LOW", later=WEEK))),
        bad=Image(evidence=(scan("LOW", later=timedelta(days=6)), scan("CRITICAL", later=WEEK))),
        reason=Reason.ConditionFalse,
    ),
    "summary": Pair(
        good=Image(evidence=(summary("ghcr.io/acme/shop"),)),
        bad=Image(evidence=(summary("ghcr.io/acme/other"),)),
        reason=Reason.SummaryMismatch,
    ),
    "source-level": Pair(
        good=Image(evidence=(github(), source_summary())),
        bad=Image(evidence=(github(), source_summary("ab" * 20))),
        reason=Reason.SourceLevelTooLow,
    ),
    "base-images": Pair(
        good=Image(evidence=(based_on("ghcr.io/acme-base/python"),)),
        bad=Image(evidence=(based_on("docker.io/library/python"),)),
        reason=Reason.DependencyLevelTooLow,
    ),
    "migration": Pair(
        good=Image(evidence=(old_ci(),)), bad=Image(evidence=(attested(),)), reason=Reason.BuilderNotTrusted
    ),
    "incident": Pair(good=Image(), bad=Image(digest=DENIED), reason=Reason.Denied),
    "exception": Pair(
        good=Image(repository="ghcr.io/acme/legacy", digest=EXCUSED),
        bad=Image(repository="ghcr.io/acme/legacy"),
        reason=Reason.NoProvenance,
    ),
}
