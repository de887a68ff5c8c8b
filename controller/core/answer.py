"""How one requirement came out, before it becomes a policy's finding."""

from dataclasses import dataclass, field

from controller.core.evidence import Evidence, Kind
from controller.core.reasons import Reason
from controller.core.verdict import Proven

Captures = tuple[tuple[str, ...], ...]
"""What the wildcards of each image glob that matched stand for; any of them will do (REF-017)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reason, what to tell, and how close the facts came: a higher `closeness` met more of the requirement."""

    reason: Reason
    detail: str = ""
    closeness: int = 0
    proven: Proven = field(default_factory=Proven)

    @property
    def satisfied(self) -> bool:
        """Whether the requirement is met."""
        return self.reason is Reason.Satisfied


def nothing_verified(evidence: Evidence, kind: Kind, absent: Reason, detail: str) -> Answer:
    """NotVerified when a candidate that may have been of this kind was refused, else the plain absence."""
    refused = [candidate for candidate in evidence.refused if candidate.kind in (kind, None)]
    if refused:  # sorted: the one that came closest stands first
        return Answer(reason=Reason.NotVerified, detail=refused[0].detail, closeness=1)
    return Answer(reason=absent, detail=detail)
