"""Looking up what compiled objects name: total, and cheap enough to repeat after every change.

What does not exist, or is broken itself, breaks what names it; nothing is ever left out in silence (POL-001,
SIGN-030). Appearing later mends it at the next link (POL-026).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.core.errors import Problem
from controller.core.matchers import KeyMatcher, SignerMatcher
from controller.core.policy import BrokenPolicy, Policy
from controller.core.policyset import PolicySet
from controller.core.requirements import BuildRequirement, Requirements, SignatureRequirement
from controller.core.slsa import TrustedBuilder
from controller.trust.keys import PublicKey
from controller.trust.root import INLINE_PREFIX, RootKey, TrustRoot, TrustRoots
from controller.wire.policy import (
    BrokenObject,
    BuilderReference,
    InlineKey,
    SignerReference,
    UnlinkedBuilder,
    UnlinkedPolicy,
)

INLINE = "inline"  # what the one key of an implicit root is called

Keys = Mapping[str, PublicKey]
"""The keys that an object brings itself, by the field path they stand at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedPolicy:
    """A policy that compiles by itself, with its inline keys parsed."""

    policy: UnlinkedPolicy
    keys: Keys


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedBuilder:
    """A builder that compiles by itself, with its inline keys parsed."""

    builder: UnlinkedBuilder
    keys: Keys


Compiled = KeyedPolicy | BrokenPolicy | KeyedBuilder | TrustRoot | BrokenObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that is in force at one moment. `problems` has an entry for each object that is not sound."""

    policies: PolicySet
    roots: TrustRoots
    problems: Mapping[str, tuple[Problem, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What references can lead to: what is sound, and the names of what is there but broken."""

    roots: Mapping[str, TrustRoot]
    builders: Mapping[str, TrustedBuilder]
    broken: Mapping[str, tuple[Problem, ...]]

    def absence(self, kind: str, name: str) -> str:
        """Why this name leads to nothing, and what to do."""
        if problems := self.broken.get(f"{kind}/{name}"):
            return f"{kind} {name} is broken: {problems[0]}"
        return f"there is no {kind} {name}: apply it, or correct the name"


def link(objects: Iterable[Compiled]) -> Snapshot:
    """Everything in force, given all objects there are. Order of `objects` does not matter. Never raises."""
    everything = tuple(objects)
    problems = {_title(one): one.problems for one in everything if isinstance(one, BrokenPolicy | BrokenObject)}
    roots, untimed = _link_roots(one for one in everything if isinstance(one, TrustRoot))
    problems |= {_title(one): one.problems for one in untimed}
    implicit: dict[str, TrustRoot] = {}
    builders: dict[str, TrustedBuilder] = {}
    known = _Known(roots=roots, builders={}, broken=dict(problems))
    for one in everything:
        if isinstance(one, KeyedBuilder):
            builder = _link_builder(one, known)
            if isinstance(builder, BrokenObject):
                problems[_title(builder)] = builder.problems
            else:
                builders[builder.name] = builder
                implicit |= _implicit_roots(one.keys)
    known = _Known(roots=roots, builders=builders, broken=dict(problems))
    policies: list[Policy | BrokenPolicy] = [one for one in everything if isinstance(one, BrokenPolicy)]
    for one in everything:
        if isinstance(one, KeyedPolicy):
            policy = _link_policy(one, known)
            policies.append(policy)
            if isinstance(policy, BrokenPolicy):
                problems[_title(policy)] = policy.problems
            else:
                implicit |= _implicit_roots(one.keys)
    policy_set = PolicySet(policies=tuple(policies), builders=builders)
    return Snapshot(policies=policy_set, roots=TrustRoots(roots={**roots, **implicit}), problems=problems)


def _link_roots(roots: Iterable[TrustRoot]) -> tuple[dict[str, TrustRoot], tuple[BrokenObject, ...]]:
    """The roots whose times can be told as they ask, and those that name no such root for it."""
    known = {root.name: root for root in roots}
    broken = {root.name: _untimed(root, known) for root in known.values()}
    sound = {name: root for name, root in known.items() if broken[name] is None}
    return sound, tuple(one for one in broken.values() if one is not None)


def _untimed(root: TrustRoot, known: Mapping[str, TrustRoot]) -> BrokenObject | None:
    if root.time_root is None:
        return None
    named = known.get(root.time_root)
    if named is not None and named.sigstore is not None:
        return None
    message = f"there is no sound TrustRoot {root.time_root} of a Sigstore instance: apply it, or correct the name"
    problem = Problem(path="spec.timeRoot", message=message)
    return BrokenObject(kind="TrustRoot", name=root.name, problems=(problem,))


def _title(broken: BrokenPolicy | BrokenObject) -> str:
    return str(broken.name) if isinstance(broken, BrokenPolicy) else f"{broken.kind}/{broken.name}"


def _link_builder(keyed: KeyedBuilder, known: _Known) -> TrustedBuilder | BrokenObject:
    builder = keyed.builder
    signers, problems = _link_signers(builder.signers, keyed.keys, known)
    if problems:
        return BrokenObject(kind="TrustedBuilder", name=builder.name, problems=problems)
    return TrustedBuilder(
        name=builder.name,
        max_level=builder.max_level,
        signers=signers,
        builder_ids=builder.builder_ids,
        build_types=builder.build_types,
        source_from=builder.source_from,
    )


def _link_policy(keyed: KeyedPolicy, known: _Known) -> Policy | BrokenPolicy:
    policy = keyed.policy
    linked = [(entry, *_link_signers(entry.signers, keyed.keys, known)) for entry in policy.signatures]
    problems = (*_missing_builders(policy.builders, known), *(one for _, _, found in linked for one in found))
    if problems:
        return BrokenPolicy(name=policy.name, mode=policy.mode, match=policy.match, problems=problems)
    signatures = (
        SignatureRequirement(signers=signers, threshold=entry.threshold, match_repository=entry.match_repository)
        for entry, signers, _ in linked
    )
    return Policy(
        name=policy.name,
        mode=policy.mode,
        match=policy.match,
        tags=policy.tags,
        deny=policy.deny,
        require=_required(policy.build, tuple(signatures)),
    )


def _required(build: BuildRequirement | None, signatures: tuple[SignatureRequirement, ...]) -> Requirements | None:
    return Requirements(build=build, signatures=signatures) if build is not None or signatures else None


def _missing_builders(references: tuple[BuilderReference, ...], known: _Known) -> tuple[Problem, ...]:
    return tuple(
        Problem(path=reference.path, message=known.absence("TrustedBuilder", reference.name))
        for reference in references
        if reference.name not in known.builders
    )


def _link_signers(
    references: tuple[SignerReference, ...], keys: Keys, known: _Known
) -> tuple[tuple[SignerMatcher, ...], tuple[Problem, ...]]:
    found = [_link_signer(reference, keys, known) for reference in references]
    matchers = tuple(one for one in found if isinstance(one, KeyMatcher))
    return matchers, tuple(one for one in found if isinstance(one, Problem))


def _link_signer(reference: SignerReference, keys: Keys, known: _Known) -> SignerMatcher | Problem:
    if isinstance(reference, InlineKey):
        fingerprint = keys[reference.path].fingerprint
        return KeyMatcher(trust_root=_implicit_name(fingerprint), key=fingerprint, label=f"key {fingerprint}")
    root = known.roots.get(reference.trust_root)
    if root is None:
        message = known.absence("TrustRoot", reference.trust_root)
        return Problem(path=f"{reference.path}.trustRoot", message=message)
    key = root.named(reference.name)
    if key is None:
        names = ", ".join(sorted(one.name for one in root.keys)) or "none"
        message = f"TrustRoot {root.name} has no key {reference.name}: it has {names}"
        return Problem(path=f"{reference.path}.name", message=message)
    label = f"key {reference.name} of {reference.trust_root}"
    return KeyMatcher(trust_root=root.name, key=key.key.fingerprint, label=label)


def _implicit_name(fingerprint: str) -> str:
    return f"{INLINE_PREFIX}{fingerprint}"


def _implicit_roots(keys: Keys) -> dict[str, TrustRoot]:
    """A root for each inline key, so that it verifies for itself and serves no entry that names another root."""
    roots = (
        TrustRoot(name=_implicit_name(key.fingerprint), keys=(RootKey(name=INLINE, key=key),)) for key in keys.values()
    )
    return {root.name: root for root in roots}
