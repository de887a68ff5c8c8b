"""Policies as compiled: immutable, complete, and with everything they name already looked up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from controller.core.errors import Problem
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.core.slsa import SignerMatcher, TrustedBuilder
from controller.core.source import SourceTemplate


class Mode(Enum):
    """What a finding does: refuse, admit with a warning, or only be told."""

    ENFORCE = "Enforce"
    WARN = "Warn"
    AUDIT = "Audit"


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
class SourceRequirement:
    """One alternative: one of the repositories, and, where given, one of the refs. It holds as a whole."""

    repositories: tuple[SourceTemplate, ...]
    refs: tuple[Glob, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequirement:
    """What one provenance statement must show, all of it together. None and empty mean not asked.

    `builders` narrows to these TrustedBuilders by name. `sources` are alternatives.
    """

    level: int | None = None
    builders: frozenset[str] | None = None
    sources: tuple[SourceRequirement, ...] = ()

    @property
    def expects_builder(self) -> bool:
        """Whether only a TrustedBuilder's statement will do: anything but a bare level 1 asks for that."""
        return self.builders is not None or bool(self.sources) or (self.level is not None and self.level > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRequirement:
    """Image signatures by `threshold` distinct signers of `signers`.

    `match_repository`: only simple signing that names the image's own repository counts.
    """

    signers: tuple[SignerMatcher, ...]
    threshold: int
    match_repository: bool

    def __post_init__(self) -> None:
        if not 1 <= self.threshold <= len(self.signers):
            raise ValueError("a threshold lies between 1 and the number of signers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A sound policy. It asks for something: an empty one can't be constructed."""

    name: PolicyName
    mode: Mode
    match: Match
    tags: Tags
    deny: frozenset[Digest] = frozenset()
    build: BuildRequirement | None = None
    signatures: tuple[SignatureRequirement, ...] = ()

    def __post_init__(self) -> None:
        asks = self.build is not None or bool(self.signatures) or bool(self.deny) or self.tags is Tags.DENY
        if not asks:
            raise ValueError("a policy asks for something")

    @property
    def trust_roots(self) -> frozenset[str]:
        """The trust roots that this policy's own signer entries name."""
        return frozenset(signer.trust_root for entry in self.signatures for signer in entry.signers)

    @property
    def wanted(self) -> frozenset[str]:
        """The predicate types that can matter to this policy."""
        provenance = PROVENANCE if self.build is not None else frozenset()
        signatures = IMAGE_SIGNATURE if self.signatures else frozenset()
        return provenance | signatures


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Everything an evaluation needs besides evidence, swapped as a whole. Policies stand in order of name."""

    policies: tuple[Policy | BrokenPolicy, ...] = ()
    builders: Mapping[str, TrustedBuilder] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(self.policies, key=lambda policy: policy.name)))

    @property
    def wanted(self) -> frozenset[str]:
        """The predicate types that any policy asks for."""
        return frozenset().union(*(policy.wanted for policy in self.policies))
