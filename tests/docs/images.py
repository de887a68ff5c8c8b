"""What hangs on the images of the cookbook, made for any digest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from controller.core.image import Digest
from controller.wire.candidate import Candidate
from tests.support.attesting import REUSABLE, about, bare, keyed, keyless, provenance, stamped
from tests.support.foundry import WORKFLOW_V1, Foundry, SigningKey
from tests.support.instance import Instance, rfc3339

D = Digest.of(b"the image")
WEEK = timedelta(days=7)
# So that the newest scan is fresh by the clock of a real webhook.
SIGNING = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
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


@cache
def own() -> Instance:
    """GitHub's own, which signs for what is private."""
    return Instance("github")


@dataclass(frozen=True, kw_only=True)
class Making:
    """Makes what is attached to one image: `subject` is its digest, `signing` the usual time of signing.

    `named` gives the name that an image of the page has where the recipe is tried.
    """

    subject: Digest = D
    signing: datetime = SIGNING
    named: Callable[[str], str] = str

    def github(
        self, repository: str = SHOP, identity: str = REUSABLE, *, path: str = RELEASE, extra: tuple[Json, ...] = ()
    ) -> Candidate:
        """Built by a workflow of GitHub's; certificate and predicate agree."""
        parameters = {"workflow": {"repository": repository, "ref": REF, "path": path}}
        source = {"uri": f"git+{repository}@{REF}", "digest": {"gitCommit": COMMIT}}
        statement = provenance(
            self.subject, builder=identity, build_type=WORKFLOW_V1, parameters=parameters, dependencies=[source, *extra]
        )
        return keyless(statement, identity, at=self.signing, n12=repository, n18=f"{repository}/{path}@{REF}")

    def attested(self, path: str = RELEASE) -> Candidate:
        return self.github(identity=f"{SHOP}/{path}@{REF}", path=path)

    def attested_in_private(self, instance: Instance) -> Candidate:
        identity = f"{SHOP}/{RELEASE}@{REF}"
        parameters = {"workflow": {"repository": SHOP, "ref": REF, "path": RELEASE}}
        source = {"uri": f"git+{SHOP}@{REF}", "digest": {"gitCommit": COMMIT}}
        statement = provenance(
            self.subject, builder=identity, build_type=WORKFLOW_V1, parameters=parameters, dependencies=[source]
        )
        return stamped(statement, identity, instance, n22="private")

    def gitlab(self, ref: str = "refs/heads/main") -> Candidate:
        repository, pipeline = "https://gitlab.com/acme/shop", f"https://gitlab.com/acme/shop//.gitlab-ci.yml@{ref}"
        statement = provenance(
            self.subject,
            builder=f"{repository}/-/runners/12270807",
            build_type="https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v18.0.0/PROVENANCE.md",
            parameters={"source": repository},
            dependencies=[{"uri": repository, "digest": {"gitCommit": COMMIT}}],
        )
        issuer = "https://gitlab.com"
        return keyless(
            statement,
            pipeline,
            issuer=issuer,
            at=self.signing,
            n11="gitlab-hosted",
            n12=repository,
            n14=ref,
            n18=pipeline,
        )

    def cloud_build(self, repository: str = SHOP) -> Candidate:
        statement = provenance(
            self.subject,
            builder="https://cloudbuild.googleapis.com/GoogleHostedWorker",
            build_type="https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
            parameters={
                "buildConfigSource": {"repository": f"git+{repository}", "ref": REF, "path": "cloudbuild.yaml"}
            },
            dependencies=[{"uri": f"git+{repository}@{REF}", "digest": {"gitCommit": COMMIT}}],
        )
        return keyed(statement, KEYS["google-hosted-worker"])

    def tekton(self, key: str = "controller") -> Candidate:
        statement = provenance(
            self.subject,
            builder="https://tekton.dev/chains/v2",
            build_type="https://tekton.dev/chains/v2/slsa",
            parameters={},
            dependencies=[{"uri": f"git+{SHOP}.git", "digest": {"gitCommit": COMMIT}, "name": "inputs/result"}],
        )
        return keyed(statement, KEYS[key])

    def old_ci(self) -> Candidate:
        foundry = Foundry()
        return keyed(foundry.provenance(self.subject, builder_id="https://old-ci.acme.example"), KEYS["old-ci"])

    def buildkit(self) -> Candidate:
        return bare(Foundry().provenance(self.subject, builder_id=""))

    def signed(self, *keys: str) -> tuple[Candidate, ...]:
        return tuple(keyed(Foundry().image_signature(self.subject), KEYS[key]) for key in keys)

    def vendored(self, repository: str) -> Candidate:
        foundry = Foundry()
        return foundry.signature_layer(
            foundry.simple_signing(self.subject, repository=self.named(repository)), KEYS["vendor"]
        ).candidate()

    def sbom(self, identity: str = REUSABLE) -> Candidate:
        return keyless(about(self.subject, SPDX, {"spdxVersion": "SPDX-2.3"}), identity, at=self.signing)

    def scan(self, severity: str, *, later: timedelta) -> Candidate:
        results = [{"Target": "debian"}, {"Target": "app", "Vulnerabilities": [{"Severity": severity}]}]
        scanner = {"uri": "pkg:github/aquasecurity/trivy", "result": {"Results": results}}
        return keyless(about(self.subject, VULN, {"invocation": {}, "scanner": scanner}), SCAN, at=self.signing + later)

    def summary(self, resource: str) -> Candidate:
        predicate = {
            "verifier": {"id": "https://verifier.acme.example"},
            "timeVerified": rfc3339(self.signing),
            "resourceUri": self.named(resource),
            "policy": {"uri": "https://verifier.acme.example/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        }
        return keyed(about(self.subject, SUMMARY, predicate), KEYS["verifier"])

    def source_summary(self, commit: str = COMMIT) -> Candidate:
        predicate = {
            "verifier": {"id": "https://scs.acme.example"},
            "resourceUri": f"git+{SHOP}",
            "policy": {"uri": "https://scs.acme.example/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"],
        }
        return keyed(about({"digest": {"gitCommit": commit}}, SUMMARY, predicate), KEYS["verifier"])

    def based_on(self, image: str) -> Candidate:
        uri = f"pkg:docker/{image.rpartition('/')[2]}?repository_url={image.rpartition('/')[0]}"
        return self.github(identity=RECORDING, extra=({"uri": uri, **BASE},))
