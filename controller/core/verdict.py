"""Findings, and the one expression that turns them into an admission or a refusal."""

from dataclasses import dataclass, field
from datetime import datetime

from controller.core.image import Digest
from controller.core.policy import Mode, PolicyName
from controller.core.reasons import Outcome, Reason
from controller.core.told import RequirementVerdict
from controller.core.workload import WorkloadImage


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What the statement showed on which a finding rests. Filled for the closest statement of a failure, too.

    `level` is the Build level looked up for it, or told by an accepted summary; `builders` are the TrustedBuilders
    that speak for it. `source`, `ref` and `commit` are by the word that counts. `exception` and `ticket` name the
    SLSAException that excuses the finding. `signed_at` is never part of a message: those are the same for the same
    facts. Texts are fit to print.
    """

    level: int | None = None
    builders: tuple[str, ...] = ()
    builder_id: str | None = None
    source: str | None = None
    ref: str | None = None
    commit: str | None = None
    signer: str | None = None
    signed_at: datetime | None = None
    exception: str | None = None
    ticket: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """How one policy judged one image. `policy` is None for what no policy says: uncovered, not synced, a bug.

    `detail` is fit to print and the same for the same facts: it holds no time of the request and no id of it.
    `requirements` tells each requirement's own outcome, where evidence was judged. `outcome` is the class of the
    reason, `unmet` that it is a failure or an error; `refuses` says whether this finding alone refuses the workload,
    `warns` whether the client is warned of it.
    """

    policy: PolicyName | None
    mode: Mode
    reason: Reason
    detail: str = ""
    proven: Proven = field(default_factory=Proven)
    requirements: tuple[RequirementVerdict, ...] = ()
    outcome: Outcome = field(init=False, repr=False, compare=False)
    unmet: bool = field(init=False, repr=False, compare=False)
    refuses: bool = field(init=False, repr=False, compare=False)
    warns: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        outcome = self.reason.outcome
        unmet = outcome in (Outcome.FAIL, Outcome.ERROR)
        object.__setattr__(self, "outcome", outcome)
        object.__setattr__(self, "unmet", unmet)
        object.__setattr__(self, "refuses", unmet and self.mode is Mode.ENFORCE)
        object.__setattr__(self, "warns", unmet and self.mode is Mode.WARN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdict:
    """One image of the workload with its findings. It was judged: there is always at least one finding."""

    image: WorkloadImage
    digest: Digest | None
    covered: bool
    findings: tuple[Finding, ...]

    def __post_init__(self) -> None:
        if not self.findings:
            raise ValueError("an image without a finding was not judged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer for a workload. `images` is empty only for an update that adds or changes no image.

    `conclude` is the way to make one; `unchanged` says out loud that there was nothing to judge. `findings` are those
    of all images. `allowed` says whether the workload is admitted; nothing else decides it.
    """

    images: tuple[ImageVerdict, ...]
    unchanged: bool
    findings: tuple[Finding, ...] = field(init=False, repr=False, compare=False)
    allowed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.unchanged == bool(self.images):
            raise ValueError("a verdict judges images, or says that none changed: nothing vacuous admits")
        findings = tuple([finding for image in self.images for finding in image.findings])
        object.__setattr__(self, "findings", findings)
        object.__setattr__(self, "allowed", not any(finding.refuses for finding in findings))

    @property
    def code(self) -> int:
        """The HTTP status the API server shows: 200 admitted, 403 failed, 500 a bug, 503 could not find out."""
        if self.allowed:
            return 200
        refusing = [finding for finding in self.findings if finding.refuses]
        if any(finding.outcome is Outcome.FAIL for finding in refusing):
            return 403
        return 500 if any(finding.reason is Reason.InternalError for finding in refusing) else 503


def conclude(images: tuple[ImageVerdict, ...], *, expected: int) -> Verdict:
    """The verdict over `expected` images; every one of them must have been judged."""
    if len(images) != expected:
        raise ValueError(f"{expected} images to judge, {len(images)} judged")
    return Verdict(images=images, unchanged=expected == 0)
