"""All that is in force at one moment, besides trust roots."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.core.exception import PolicyException
from controller.core.policy import BrokenPolicy, Policy
from controller.core.recall import Recall
from controller.core.scopes import Scopes
from controller.core.slsa import TrustedBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Everything an evaluation needs besides evidence, swapped as a whole.

    Policies and exceptions stand in order of name; `ranked_builders` with the highest level first, then by name.
    `wanted` are the predicate types that any policy asks for, of SBOMs the base types, and `kept` those of which some
    condition looks into the predicate: its bytes are kept for them. `builder_roots` are the trust roots that builders
    name. `unrooted` tells, one sentence each and fit to print, which builders are broken for want of a trust root: what
    they would say of an image is unknown. `scopes` and `recall` spare work, and make no difference to what is found.
    """

    policies: tuple[Policy | BrokenPolicy, ...] = ()
    builders: Mapping[str, TrustedBuilder] = field(default_factory=dict)
    exceptions: tuple[PolicyException, ...] = ()
    unrooted: tuple[str, ...] = ()
    ranked_builders: tuple[TrustedBuilder, ...] = field(init=False)
    wanted: frozenset[str] = field(init=False)
    kept: frozenset[str] = field(init=False)
    builder_roots: frozenset[str] = field(init=False)
    scopes: Scopes = field(init=False, repr=False, compare=False)
    recall: Recall = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(self.policies, key=lambda policy: policy.name)))
        object.__setattr__(self, "exceptions", tuple(sorted(self.exceptions, key=lambda one: one.name)))
        object.__setattr__(self, "unrooted", tuple(sorted(self.unrooted)))
        ranked = sorted(self.builders.values(), key=lambda builder: (-builder.max_level, builder.name))
        object.__setattr__(self, "ranked_builders", tuple(ranked))
        object.__setattr__(self, "wanted", frozenset().union(*(policy.wanted for policy in self.policies)))
        object.__setattr__(self, "kept", frozenset().union(*(policy.kept for policy in self.policies)))
        object.__setattr__(self, "builder_roots", frozenset().union(*(one.trust_roots for one in ranked)))
        object.__setattr__(self, "scopes", Scopes(self.policies))
        object.__setattr__(self, "recall", Recall())
