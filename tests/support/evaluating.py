"""Judging a workload on evidence that is the same for all of its images."""

from controller.core.errors import Problem
from controller.core.evidence import Evidence, Gap
from controller.core.match import Match
from controller.core.policy import BrokenPolicy, Mode, PolicyName, Uncovered
from controller.core.policyset import PolicySet
from controller.core.reasons import Reason
from controller.core.verdict import Finding, Verdict, conclude
from controller.core.workload import Workload
from tests.support.facts import (
    IMAGES,
    D,
    evidence,
    judge_image,
    provenance,
    signature,
)

GOOD = evidence(provenance(), signature("release"))
DOWN = Evidence(digest=D, gaps=(Gap(reason=Reason.RegistryUnavailable, detail="ghcr.io answered 503"),))
TAGGED = "ghcr.io/acme/shop:v1"


def verdict(
    members: PolicySet, pod: Workload, found: Evidence | None = GOOD, *, uncovered: Uncovered = Uncovered.ALLOW
) -> Verdict:
    judged = tuple(judge_image(members, pod, image, evidence=found, uncovered=uncovered) for image in pod.images)
    return conclude(judged, expected=len(pod.images))


def only(given: Verdict) -> Finding:
    (finding,) = given.findings
    return finding


def broken(mode: Mode = Mode.ENFORCE, match: Match | None = None) -> BrokenPolicy:
    return BrokenPolicy(
        name=PolicyName(kind="ClusterSLSAPolicy", namespace="", name="bent"),
        mode=mode,
        match=match or Match(images=IMAGES),
        problems=(Problem(path="spec.require.bildLevel", message="no such field; did you mean buildLevel?"),),
    )
