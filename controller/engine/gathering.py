"""What a decision asks of the outside: the evidence for one image."""

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from controller.core.evidence import Evidence
from controller.core.image import ImageReference, Repository
from controller.registry.client import Registry
from controller.trust.root import TrustRoots

Scope = Callable[[Repository], str]
"""By whose credentials a repository is read: what was read by some is shown to nobody else (CACHE-009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Registries as somebody in particular may read them."""

    registry: Registry
    scope: Scope


class Lookup(Enum):
    """Where the evidence of one digest came from: gathered before, gathered now, or being gathered for others."""

    HIT = "hit"
    MISS = "miss"
    SHARED = "shared"


Heard = Callable[[Lookup], None]
"""Is told of each look for evidence, for the log; neither blocks nor raises."""


def nobody_hears(_lookup: Lookup) -> None:
    """Where nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherRequest:
    """Which image, which predicate types any policy asks for, what is believed, and until when.

    `kept` are the types whose predicates conditions look into. `children` asks besides for the evidence of an index's
    runnable children. `stale` names roots that are too old: nothing that is verified under them counts.
    `now` is the review's own wall-clock time (aware, UTC), for windows of keys. `deadline` is in seconds of the
    running event loop's clock, which no change of the wall clock moves; `until` is how long gathering may go on for
    others when this one has stopped waiting, by the same clock, and no longer than `deadline` when it is None.
    `max_age` is how old, in seconds, evidence may be that was gathered before. `access` is as whom registries are read;
    None is as Navicert itself. `heard` is told where evidence came from.
    """

    reference: ImageReference
    wanted: frozenset[str]
    kept: frozenset[str] = frozenset()
    children: bool = False
    roots: TrustRoots
    stale: frozenset[str] = frozenset()
    now: datetime
    deadline: float
    until: float | None = None
    max_age: float = float("inf")
    access: Access | None = None
    heard: Heard = field(default=nobody_hears, repr=False, compare=False)

    @property
    def latest(self) -> float:
        """Until when gathering may go on."""
        return self.deadline if self.until is None else self.until


@dataclass(frozen=True, slots=True)
class Known:
    """Evidence that was at hand when it was asked for: waiting for it takes no turn of the event loop."""

    evidence: Evidence

    def __await__(self) -> Generator[None, None, Evidence]:
        yield from ()
        return self.evidence


Gather = Callable[[GatherRequest], Awaitable[Evidence]]
"""Never raises a NavicertError: what goes wrong is a gap in the evidence. Answers by the request's deadline; at once,
and as Known, what is at hand."""
