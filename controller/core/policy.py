"""Policies as compiled: immutable, complete, and with everything they name already looked up."""

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

from controller.core.demand import Alternative
from controller.core.errors import Problem
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.matchers import roots_of
from controller.core.predicates import SUMMARIES
from controller.core.requirements import Requirements, SummaryAcceptance


class Mode(Enum):
    """What a finding does: refuse, admit with a warning, or only be told. The strictest comes first."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"


def strictest(modes: Collection[Mode]) -> Mode:
    """The one of these that does most; of none that is Audit."""
    return next((mode for mode in Mode if mode in modes), Mode.AUDIT)


class Tags(Enum):
    """What a policy makes of an image that is named by tag."""

    PIN = "Pin"
    DENY = "Deny"
    ALLOW = "Allow"


class Uncovered(Enum):
    """What happens to an image of which no ClusterSLSAPolicy in Enforce or Warn asks the origin."""

    ALLOW = "Allow"
    WARN = "Warn"
    DENY = "Deny"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class PolicyName:
    """Which policy: kind and namespace tell equal names apart. `namespace` is empty for a ClusterSLSAPolicy."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        inside = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind}/{inside}{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A sound policy. It asks for something: an empty one can't be constructed.

    Besides `require`, one of `any_of` must hold where there are any. `base` and `alternatives` are the same, in the
    form in which they are judged. `trust_roots` are those that the policy's own signer entries name.
    """

    name: PolicyName
    mode: Mode
    match: Match
    tags: Tags
    deny: frozenset[Digest] = frozenset()
    require: Requirements | None = None
    any_of: tuple[Requirements, ...] = ()
    accept_summaries: tuple[SummaryAcceptance, ...] = ()
    base: Alternative | None = field(init=False, repr=False, compare=False)
    alternatives: tuple[Alternative, ...] = field(init=False, repr=False, compare=False)
    wanted: frozenset[str] = field(init=False, repr=False, compare=False)
    trust_roots: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        asks = self.require is not None or bool(self.any_of) or bool(self.deny) or self.tags is Tags.DENY
        if not asks:
            raise ValueError("a policy asks for something")
        accepting = partial(Alternative.of, acceptances=self.accept_summaries)
        base = None if self.require is None else accepting("", self.require)
        object.__setattr__(self, "base", base)
        object.__setattr__(
            self,
            "alternatives",
            tuple(accepting(f"anyOf[{n}].", one, besides=self.require) for n, one in enumerate(self.any_of)),
        )
        object.__setattr__(self, "wanted", self._wanted())
        object.__setattr__(self, "trust_roots", self._trust_roots())

    def _trust_roots(self) -> frozenset[str]:
        entries = (signer for part in self._parts for signer in part.signers)
        summaries = (signer for entry in self.accept_summaries for signer in entry.signers)
        return roots_of((*entries, *summaries))

    def _wanted(self) -> frozenset[str]:
        summaries = SUMMARIES if self.accept_summaries and self._parts else frozenset()
        return summaries.union(*(part.wanted for part in self._parts))

    @property
    def kept(self) -> frozenset[str]:
        """The predicate types whose predicates conditions look into."""
        return frozenset().union(*(part.kept for part in self._parts))

    @property
    def _parts(self) -> tuple[Requirements, ...]:
        return (*((self.require,) if self.require else ()), *self.any_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenPolicy:
    """A policy that does not compile. It guards its scope: what `match` finds is an error, never ignored.

    `match` is all that the policy could have matched as far as that can be read; `mode` is Enforce unless it is
    known to be weaker.
    """

    name: PolicyName
    mode: Mode
    match: Match
    problems: tuple[Problem, ...]

    def __post_init__(self) -> None:
        if not self.problems:
            raise ValueError("a broken policy has problems")

    @property
    def wanted(self) -> frozenset[str]:
        """Nothing is looked at for a policy that can't be judged."""
        return frozenset()

    @property
    def kept(self) -> frozenset[str]:
        """Nothing is kept for it, either."""
        return frozenset()
