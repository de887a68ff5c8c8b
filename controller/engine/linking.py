"""Looking up what compiled objects name: total, and cheap enough to repeat after every change.

What does not exist, or is broken itself, breaks what names it; nothing is ever left out in silence (POL-001,
SIGN-030). Appearing later mends it at the next link (POL-026). An exception that names a policy that is not there
has no effect on it, and is told so (EXC-008).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from controller.core.errors import Problem
from controller.core.policy import BrokenPolicy, Policy, PolicyName
from controller.core.policyset import PolicySet
from controller.core.slsa import TrustedBuilder
from controller.engine.compiling import (
    NO_CONFIG_MAPS,
    Compiled,
    KeyedBuilder,
    KeyedPolicy,
    Keys,
    PendingRoot,
    complete_root,
)
from controller.engine.filling import fill_builder, fill_policy
from controller.engine.references import Known, implicit_root_name, look_up, unrooted
from controller.trust.root import RootKey, TrustRoot, TrustRoots
from controller.wire.configmap import ConfigMap
from controller.wire.policy import PROBLEMS, BrokenObject, UnlinkedException

INLINE = "inline"  # what the one key of an implicit root is called


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is in force at one moment.

    `problems` has an entry for each object that is not sound, `warnings` for each that is, and names something
    without effect.
    """

    policies: PolicySet
    roots: TrustRoots
    problems: Mapping[str, tuple[Problem, ...]]
    warnings: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)


def link(objects: Iterable[Compiled], config_maps: Mapping[str, ConfigMap] = NO_CONFIG_MAPS) -> Snapshot:
    """Everything in force, given all objects there are. Order of `objects` does not matter. Never raises."""
    everything = tuple(objects)
    linking = _Linking(one for one in everything if isinstance(one, BrokenObject))
    linking.add_roots(everything, config_maps)
    linking.add_builders(one for one in everything if isinstance(one, KeyedBuilder))
    linking.add_policies(one for one in everything if isinstance(one, KeyedPolicy))
    return linking.snapshot(tuple(one for one in everything if isinstance(one, UnlinkedException)))


def known_of(snapshot: Snapshot) -> Known:
    """What references can lead to at the moment of this snapshot."""
    return Known(roots=snapshot.roots.roots, builders=snapshot.policies.builders, broken=snapshot.problems)


def without_effect(one: UnlinkedException, policies: Collection[PolicyName]) -> tuple[Problem, ...]:
    """What a sound exception names to no effect, when these policies are there."""
    return tuple(
        Problem(path=path, message=f"there is no {name}: this names it to no effect")
        for name, path in one.named
        if name not in policies
    )


class _Linking:
    """What was linked so far. Roots come before builders, and these before policies."""

    def __init__(self, broken: Iterable[BrokenObject]) -> None:
        self._broken = {_title(one): one.problems for one in broken}
        self._roots: dict[str, TrustRoot] = {}
        self._implicit: dict[str, TrustRoot] = {}
        self._builders: dict[str, TrustedBuilder] = {}
        self._unrooted: list[str] = []
        self._policies: list[Policy | BrokenPolicy] = []

    def add_roots(self, everything: Iterable[Compiled], config_maps: Mapping[str, ConfigMap]) -> None:
        """The roots whose documents are there and whose times can be told as they ask."""
        completed = [
            complete_root(one.unlinked, config_maps) if isinstance(one, PendingRoot) else one for one in everything
        ]
        sound = {one.name: one for one in completed if isinstance(one, TrustRoot)}
        untimed = [_untimed(root, sound) for root in sound.values()]
        failed = [one for one in (*completed, *untimed) if isinstance(one, BrokenObject)]
        self._broken |= {_title(one): one.problems for one in failed}
        self._roots = {name: root for name, root in sound.items() if f"TrustRoot/{name}" not in self._broken}

    def add_builders(self, builders: Iterable[KeyedBuilder]) -> None:
        """The builders whose signers can be told."""
        known = self._known()
        for one in builders:
            builder = _link_builder(one, known)
            if isinstance(builder, BrokenObject):
                self._broken[_title(builder)] = builder.problems
                self._unrooted += [f"{_title(builder)}: {why}" for why in unrooted(one.unlinked.references, known)[:1]]
            else:
                self._builders[builder.name] = builder
                self._implicit |= _implicit_roots(one.keys)

    def add_policies(self, policies: Iterable[KeyedPolicy]) -> None:
        """Every policy: sound, or broken and guarding its scope."""
        known = self._known()
        for one in policies:
            policy = _link_policy(one, known)
            self._policies.append(policy)
            if isinstance(policy, BrokenPolicy):
                self._broken[str(policy.name)] = policy.problems
            else:
                self._implicit |= _implicit_roots(one.keys)

    def snapshot(self, exceptions: tuple[UnlinkedException, ...]) -> Snapshot:
        """All of it, with these exceptions."""
        names = {policy.name for policy in self._policies}
        told = {f"SLSAException/{one.exception.name}": without_effect(one, names) for one in exceptions}
        return Snapshot(
            policies=PolicySet(
                policies=tuple(self._policies),
                builders=self._builders,
                exceptions=tuple(one.exception for one in exceptions),
                unrooted=tuple(self._unrooted),
            ),
            roots=TrustRoots(roots={**self._roots, **self._implicit}),
            problems=self._broken,
            warnings={name: found for name, found in told.items() if found},
        )

    def _known(self) -> Known:
        return Known(roots=self._roots, builders=self._builders, broken=self._broken)


def _title(broken: BrokenObject) -> str:
    return f"{broken.kind}/{broken.name}"


def _untimed(root: TrustRoot, known: Mapping[str, TrustRoot]) -> BrokenObject | None:
    if root.time_root is None:
        return None
    named = known.get(root.time_root)
    if named is not None and named.sigstore is not None:
        return None
    message = f"there is no sound TrustRoot {root.time_root} of a Sigstore instance: apply it, or correct the name"
    problem = Problem(path="spec.timeRoot", message=message)
    return BrokenObject(kind="TrustRoot", name=root.name, problems=(problem,))


def _link_builder(keyed: KeyedBuilder, known: Known) -> TrustedBuilder | BrokenObject:
    builder = keyed.unlinked.builder
    matchers, missing = look_up(keyed.unlinked.references, keyed.keys, known)
    own = builder.problems if isinstance(builder, BrokenObject) else ()
    problems = tuple(sorted({*own, *keyed.problems, *missing}))
    if problems or isinstance(builder, BrokenObject):
        return BrokenObject(kind="TrustedBuilder", name=builder.name, problems=problems[:PROBLEMS])
    return fill_builder(builder, matchers)


def _link_policy(keyed: KeyedPolicy, known: Known) -> Policy | BrokenPolicy:
    policy = keyed.unlinked.policy
    matchers, missing = look_up(keyed.unlinked.references, keyed.keys, known)
    own = policy.problems if isinstance(policy, BrokenPolicy) else ()
    problems = tuple(sorted({*own, *keyed.problems, *missing}))
    if problems or isinstance(policy, BrokenPolicy):
        return BrokenPolicy(name=policy.name, mode=policy.mode, match=policy.match, problems=problems[:PROBLEMS])
    return fill_policy(policy, matchers)


def _implicit_roots(keys: Keys) -> dict[str, TrustRoot]:
    """A root for each inline key, so that it verifies for itself and serves no entry that names another root."""
    roots = (
        TrustRoot(name=implicit_root_name(key.fingerprint), keys=(RootKey(name=INLINE, key=key),))
        for key in keys.values()
    )
    return {root.name: root for root in roots}
