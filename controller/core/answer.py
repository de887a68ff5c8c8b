"""How one requirement came out, before it becomes a policy's finding."""

from collections.abc import Callable
from dataclasses import dataclass, field

from controller.core.evidence import Evidence, Gap, Kind
from controller.core.reasons import Outcome, Reason
from controller.core.told import RequirementVerdict
from controller.core.verdict import Proven

Captures = tuple[tuple[str, ...], ...]
"""What the wildcards of each image glob that matched stand for; any of them will do (REF-017)."""
Capturing = Callable[[], Captures]
"""Asked where nothing is remembered: a demand is of one policy, whose globs make the same of a repository each time."""

NOTHING = -1  # how close nothing at all came


@dataclass(frozen=True, slots=True, kw_only=True)
class Miss:
    """Why something is not met. `detail` is fit to print."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reason, what to tell, and how close the facts came: a higher `closeness` met more of the requirement."""

    reason: Reason
    detail: str = ""
    closeness: int = 0
    proven: Proven = field(default_factory=Proven)
    requirements: tuple[RequirementVerdict, ...] = ()

    @property
    def satisfied(self) -> bool:
        """Whether the requirement is met."""
        return self.reason is Reason.Satisfied

    @property
    def unknown(self) -> bool:
        """Whether it could not be found out: neither met nor failed."""
        return self.reason.outcome is Outcome.ERROR


def ignorance(gap: Gap, *, besides: Answer | None = None) -> Answer:
    """The answer where a gap keeps the facts from being in; `besides` is what they say as far as they are."""
    proven = besides.proven if besides else Proven()
    return Answer(reason=gap.reason, detail=gap.detail, proven=proven)


def nothing_verified(evidence: Evidence, kind: Kind, absent: Reason, detail: str) -> Answer:
    """NotVerified when a candidate that may have been of this kind was refused, else the plain absence."""
    refused = [candidate for candidate in evidence.refused if candidate.kind in (kind, None)]
    if refused:  # sorted: the one that came closest stands first
        return Answer(reason=Reason.NotVerified, detail=refused[0].detail, closeness=refused[0].step)
    return Answer(reason=absent, detail=detail, closeness=NOTHING)
