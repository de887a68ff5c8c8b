"""What the demo asks, and what must be answered: one situation a row."""

from dataclasses import dataclass

from controller.core.reasons import Reason
from controller.demo.reviews import Kind, Ruling


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One workload: `images` name samples (`controller.demo.samples`), a tag, another registry, or a foreign image."""

    name: str
    asked: str
    ruling: Ruling
    reason: Reason
    images: tuple[str, ...]
    namespace: str = "shop"
    kind: Kind = Kind.POD


TAG_IMAGE = "by tag"
SILENT_IMAGE = "silent registry"
FOREIGN_IMAGE = "docker.io/library/nginx:1.29"

SITUATIONS = (
    Situation(
        name="attested",
        asked="built at level 3 from the official source",
        images=("attested",),
        ruling=Ruling.ADMITTED,
        reason=Reason.Satisfied,
    ),
    Situation(
        name="unsigned",
        asked="an image nobody attested",
        images=("unsigned",),
        ruling=Ruling.REFUSED,
        reason=Reason.NoProvenance,
    ),
    Situation(
        name="foreign",
        asked="built by the same builder, from another repository",
        images=("foreign",),
        ruling=Ruling.REFUSED,
        reason=Reason.SourceMismatch,
    ),
    Situation(
        name="experiment",
        asked="built from a branch that must not ship",
        images=("experiment",),
        ruling=Ruling.REFUSED,
        reason=Reason.RefNotAllowed,
    ),
    Situation(
        name="borrowed",
        asked="with the genuine provenance of another image",
        images=("borrowed",),
        ruling=Ruling.REFUSED,
        reason=Reason.NotVerified,
    ),
    Situation(
        name="tampered",
        asked="with provenance that was edited after signing",
        images=("tampered",),
        ruling=Ruling.REFUSED,
        reason=Reason.NotVerified,
    ),
    Situation(
        name="stranger",
        asked="with provenance signed by an unknown key",
        images=("stranger",),
        ruling=Ruling.REFUSED,
        reason=Reason.NotVerified,
    ),
    Situation(
        name="runner",
        asked="built by a builder that is worth level 2",
        images=("runner",),
        ruling=Ruling.REFUSED,
        reason=Reason.LevelTooLow,
    ),
    Situation(
        name="tag",
        asked="in order, but named by a tag",
        images=(TAG_IMAGE,),
        ruling=Ruling.REFUSED,
        reason=Reason.TagNotPinned,
    ),
    Situation(
        name="deployment",
        asked="a Deployment whose second container nobody attested",
        images=("attested", "unsigned"),
        kind=Kind.DEPLOYMENT,
        ruling=Ruling.REFUSED,
        reason=Reason.NoProvenance,
    ),
    Situation(
        name="unreleased",
        asked="in order, but the team's own policy wants a release signature",
        images=("attested",),
        namespace="payments",
        ruling=Ruling.REFUSED,
        reason=Reason.NoSignature,
    ),
    Situation(
        name="released",
        asked="the same with that signature",
        images=("released",),
        namespace="payments",
        ruling=Ruling.ADMITTED,
        reason=Reason.Satisfied,
    ),
    Situation(
        name="warn",
        asked="not attested, where the policy is in Warn",
        images=("unsigned",),
        namespace="staging",
        ruling=Ruling.WARNED,
        reason=Reason.NoProvenance,
    ),
    Situation(
        name="audit",
        asked="not attested, where the policy is in Audit",
        images=("unsigned",),
        namespace="sandbox",
        ruling=Ruling.ADMITTED,
        reason=Reason.NoProvenance,
    ),
    Situation(
        name="uncovered",
        asked="an image that no policy is about",
        images=(FOREIGN_IMAGE,),
        ruling=Ruling.ADMITTED,
        reason=Reason.Uncovered,
    ),
    Situation(
        name="silent",
        asked="a registry that does not answer",
        images=(SILENT_IMAGE,),
        ruling=Ruling.UNKNOWN,
        reason=Reason.DeadlineExceeded,
    ),
)
