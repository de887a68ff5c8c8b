"""The policies that are about one image of one workload, and what is the same of them for every review."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from controller.core.match import Applies
from controller.core.policy import BrokenPolicy, Mode, Policy, strictest

AnyPolicy = Policy | BrokenPolicy
Member = tuple[AnyPolicy, Applies]

_COVERING_KIND = "ClusterSLSAPolicy"
_TURNS = {mode: turn for turn, mode in enumerate(Mode)}


@dataclass(frozen=True, slots=True, eq=False)
class Selected:
    """Policies with whether they apply, in order of name. Told from others by identity: equal scopes share one.

    `sound` are those that can be judged and surely apply, `trust_roots` those that any of them names, `strictest` is
    the strictest mode. `in_turn` are the places of the members in the order in which they are judged: conditions share
    what they may cost, and a policy that refuses nothing takes none of it from one that does. `denies` says that one
    that is sound denies digests, `asks_evidence` that one asks for evidence, `conditional` that some condition has a
    say, and `unsure` that it is not known of one whether it applies. `covers` tells whether a ClusterSLSAPolicy in
    Enforce or Warn judges an image whose reference can be read, and `covers_unread` any other: a tenant's own policy
    covers nothing (POL-024).

    Under Enforce whatever keeps a policy from being judged refuses by itself. Under Warn it would only warn, so there
    ignorance does not cover: a broken policy, an unknown scope, a reference that could be any image. A policy that
    asks for no evidence (a denied digest, a rule on tags) says nothing of where an image comes from, and covers none.
    """

    members: tuple[Member, ...]
    sound: tuple[Policy, ...] = field(init=False)
    trust_roots: frozenset[str] = field(init=False)
    strictest: Mode = field(init=False)
    denies: bool = field(init=False)
    asks_evidence: bool = field(init=False)
    conditional: bool = field(init=False)
    unsure: bool = field(init=False)
    in_turn: tuple[int, ...] = field(init=False)
    covers: bool = field(init=False)
    covers_unread: bool = field(init=False)

    def __post_init__(self) -> None:
        compiled = [policy for policy, _ in self.members if isinstance(policy, Policy)]
        sound = tuple(one for one, applies in self.members if applies is Applies.YES and isinstance(one, Policy))
        covering = [one for one in self.members if one[0].name.kind == _COVERING_KIND]
        object.__setattr__(self, "sound", sound)
        object.__setattr__(self, "trust_roots", frozenset().union(*(policy.trust_roots for policy in compiled)))
        modes = {policy.mode for policy, _ in self.members}
        object.__setattr__(self, "strictest", strictest(modes))
        object.__setattr__(self, "denies", any(policy.deny for policy in sound))
        object.__setattr__(self, "asks_evidence", any(policy.wanted for policy in sound))
        object.__setattr__(self, "conditional", any(policy.kept for policy in sound))
        object.__setattr__(self, "unsure", any(applies is Applies.UNKNOWN for _, applies in self.members))
        places = sorted(range(len(self.members)), key=lambda place: _TURNS[self.members[place][0].mode])
        object.__setattr__(self, "in_turn", tuple(places))
        object.__setattr__(self, "covers", any(_covers(policy, applies) for policy, applies in covering))
        object.__setattr__(self, "covers_unread", any(policy.mode is Mode.ENFORCE for policy, _ in covering))

    def __iter__(self) -> Iterator[Member]:
        return iter(self.members)


def _covers(policy: AnyPolicy, applies: Applies) -> bool:
    if isinstance(policy, Policy) and applies is Applies.YES:
        return policy.mode is not Mode.AUDIT and bool(policy.wanted)
    return policy.mode is Mode.ENFORCE
