"""All that is in force at one moment, besides trust roots."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from controller.core.exception import PolicyException
from controller.core.policy import BrokenPolicy, Policy
from controller.core.slsa import TrustedBuilder


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """Everything an evaluation needs besides evidence, swapped as a whole. Policies and exceptions stand in order of
    name."""

    policies: tuple[Policy | BrokenPolicy, ...] = ()
    builders: Mapping[str, TrustedBuilder] = field(default_factory=dict)
    exceptions: tuple[PolicyException, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "policies", tuple(sorted(self.policies, key=lambda policy: policy.name)))
        object.__setattr__(self, "exceptions", tuple(sorted(self.exceptions, key=lambda one: one.name)))

    @property
    def wanted(self) -> frozenset[str]:
        """The predicate types that any policy asks for; of SBOMs the base types."""
        return frozenset().union(*(policy.wanted for policy in self.policies))

    @property
    def kept(self) -> frozenset[str]:
        """The predicate types of which some condition looks into the predicate: its bytes are kept for them."""
        return frozenset().union(*(policy.kept for policy in self.policies))
