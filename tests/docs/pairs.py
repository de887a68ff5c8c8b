"""The images of the cookbook: what hangs on the good one and on the bad one of each recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.wire.candidate import Candidate
from tests.docs.images import DENIED, EXCUSED, MALLORY, REF, RELEASE, SHOP, WEEK, D, Making, own
from tests.support.instance import Instance

GITLAB, AGENT = "registry.gitlab.com/acme/shop", "registry.vendor.example/agent"
CLOUD_BUILD = "europe-docker.pkg.dev/acme/images/shop"


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference, and how what is attached to it is made."""

    evidence: Callable[[Making], tuple[Candidate, ...]] = lambda _: ()
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


PAIRS: Mapping[str, Pair] = {
    "reusable-workflow": Pair(
        good=Image(evidence=lambda make: (make.github(),)),
        bad=Image(evidence=lambda make: (make.github(MALLORY),)),
        reason=Reason.SourceMismatch,
    ),
    "github-attestations": Pair(
        good=Image(evidence=lambda make: (make.attested(),)),
        bad=Image(evidence=lambda make: (make.attested(".github/workflows/try.yml"),)),
        reason=Reason.EntryPointMismatch,
    ),
    "github-private": Pair(
        good=Image(evidence=lambda make: (make.attested_in_private(own()),)),
        bad=Image(evidence=lambda make: (make.attested_in_private(Instance("lookalike")),)),
        reason=Reason.NotVerified,
    ),
    "gitlab": Pair(
        good=Image(repository=GITLAB, evidence=lambda make: (make.gitlab(),)),
        bad=Image(repository=GITLAB, evidence=lambda make: (make.gitlab("refs/heads/try"),)),
        reason=Reason.RefNotAllowed,
    ),
    "google-cloud-build": Pair(
        good=Image(repository=CLOUD_BUILD, evidence=lambda make: (make.cloud_build(),)),
        bad=Image(repository=CLOUD_BUILD, evidence=lambda make: (make.cloud_build(MALLORY),)),
        reason=Reason.SourceMismatch,
    ),
    "tekton": Pair(
        good=Image(repository="registry.acme.example/apps/shop", evidence=lambda make: (make.tekton(),)),
        bad=Image(repository="registry.acme.example/apps/shop", evidence=lambda make: (make.tekton("stranger"),)),
        reason=Reason.NotVerified,
    ),
    "audit": Pair(
        good=Image(evidence=lambda make: (make.buildkit(),)), bad=Image(), reason=Reason.NoProvenance, told=True
    ),
    "any-provenance": Pair(
        good=Image(evidence=lambda make: (make.buildkit(),)), bad=Image(), reason=Reason.NoProvenance
    ),
    "two-of-three": Pair(
        good=Image(evidence=lambda make: make.signed("release", "operations")),
        bad=Image(evidence=lambda make: make.signed("release", "release")),
        reason=Reason.ThresholdNotMet,
    ),
    "vendor": Pair(
        good=Image(
            repository=AGENT,
            evidence=lambda make: (make.vendored(AGENT),),
        ),
        bad=Image(
            repository=AGENT,
            evidence=lambda make: (make.vendored("registry.vendor.example/beta"),),
        ),
        reason=Reason.NoSignature,
    ),
    "mirror": Pair(
        good=Image(repository="mirror.acme.example/ghcr.io/acme/shop", evidence=lambda make: (make.github(),)),
        bad=Image(repository="mirror.acme.example/ghcr.io/acme/other", evidence=lambda make: (make.github(),)),
        reason=Reason.SourceMismatch,
    ),
    "sbom": Pair(
        good=Image(evidence=lambda make: (make.github(), make.sbom())),
        bad=Image(evidence=lambda make: (make.github(), make.sbom(f"{SHOP}/{RELEASE}@{REF}"))),
        reason=Reason.NoSBOM,
    ),
    "newest-scan": Pair(
        good=Image(evidence=lambda make: (make.scan("CRITICAL", later=timedelta()), make.scan("LOW", later=WEEK))),
        bad=Image(evidence=lambda make: (make.scan("LOW", later=timedelta(days=6)), make.scan("CRITICAL", later=WEEK))),
        reason=Reason.ConditionFalse,
    ),
    "summary": Pair(
        good=Image(evidence=lambda make: (make.summary("ghcr.io/acme/shop"),)),
        bad=Image(evidence=lambda make: (make.summary("ghcr.io/acme/other"),)),
        reason=Reason.SummaryMismatch,
    ),
    "source-level": Pair(
        good=Image(evidence=lambda make: (make.github(), make.source_summary())),
        bad=Image(evidence=lambda make: (make.github(), make.source_summary("ab" * 20))),
        reason=Reason.SourceLevelTooLow,
    ),
    "base-images": Pair(
        good=Image(evidence=lambda make: (make.based_on("ghcr.io/acme-base/python"),)),
        bad=Image(evidence=lambda make: (make.based_on("docker.io/library/python"),)),
        reason=Reason.DependencyLevelTooLow,
    ),
    "migration": Pair(
        good=Image(evidence=lambda make: (make.old_ci(),)),
        bad=Image(evidence=lambda make: (make.attested(),)),
        reason=Reason.BuilderNotTrusted,
    ),
    "incident": Pair(good=Image(), bad=Image(digest=DENIED), reason=Reason.Denied),
    "exception": Pair(
        good=Image(repository="ghcr.io/acme/legacy", digest=EXCUSED),
        bad=Image(repository="ghcr.io/acme/legacy"),
        reason=Reason.NoProvenance,
    ),
}
