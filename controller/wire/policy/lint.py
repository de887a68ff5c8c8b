"""Advice on sound objects: what is allowed, and probably not meant. Pure, the same at the door and offline."""

from collections.abc import Callable, Iterator, Mapping

from controller.core.errors import MalformedPolicy, Problem
from controller.core.patterns import MAX_WILDCARDS, Glob
from controller.wire.policy.common import SignerEntry
from controller.wire.policy.kinds import KINDS, identify
from controller.wire.policy.lint_trust import builder_advice, exception_advice, root_advice, signer_advice
from controller.wire.policy.nodes import Node
from controller.wire.policy.policy import NamespacedPolicySpec
from controller.wire.policy.requirement import AcceptedSummary, Alternative, Require
from controller.wire.policy.shape import join, read_shape, size_problem

_EVERYTHING = frozenset({"**", "*/**"})
_REFS = "refs/"
_MAX_BEGINNING = len(_REFS) + MAX_WILDCARDS * len("**")  # characters of a pattern


def lint(source: Mapping[str, object]) -> tuple[Problem, ...]:
    """The advice on an object, each with its field path, in order of path. Nothing for one that is not sound."""
    try:
        name = identify(source)
    except MalformedPolicy:
        return ()
    spec = source.get("spec")
    read, problems = read_shape(KINDS[name.kind].spec, spec)
    return () if problems or read is None else tuple(sorted(set(_ADVISERS[name.kind](read))))


def unsaid(source: Mapping[str, object]) -> tuple[Problem, ...]:
    """Fields of the spec that are written without a value, in order of path: they count as left out, as the API server
    sees them, and what was meant to stand there asks for nothing. Nothing for a spec that is too large to look at."""
    spec = source.get("spec")
    waiting: list[tuple[str, object]] = [] if size_problem(spec) else [("spec", spec)]
    found: list[Problem] = []
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [(join(path, str(name)), item) for name, item in value.items()]
            message = "is written without a value and counts as left out: give it one, or remove it"
            found += [Problem(path=join(path, str(name)), message=message) for name in value if value[name] is None]
        elif isinstance(value, list):
            waiting += [(join(path, index), item) for index, item in enumerate(value)]
    return tuple(sorted(found))


def _namespaced_policy(spec: Node) -> Iterator[Problem]:
    yield from _policy(spec)
    if isinstance(spec, NamespacedPolicySpec) and spec.mode == "Audit":
        message = "only reports, and covers no image: a namespace's own policy is there to tighten"
        yield Problem(path="spec.mode", message=message)


def _policy(spec: Node) -> Iterator[Problem]:
    if not isinstance(spec, NamespacedPolicySpec):
        return
    yield from _scope(spec)
    if spec.deny is not None and spec.mode != "Enforce":
        yield Problem(path="spec.deny", message=f"refuses nothing under mode {spec.mode}: denied digests are only told")
    require = spec.require or Require()
    for alternative, path in _alternatives(require):
        yield from _sources(alternative, require, path)
        yield from _attestations(alternative, path)
        yield from _dependencies(alternative, path)
        for signers, place in _signers(alternative, path):
            yield from signer_advice(signers, place)
    for index, entry in enumerate(spec.accept_summaries or ()):
        yield from _summary(entry, join("spec.acceptSummaries", index))


def _scope(spec: NamespacedPolicySpec) -> Iterator[Problem]:
    if spec.mode != "Enforce":
        return
    match = spec.match
    if match is not None and match.pod_selector is not None:
        message = "whoever writes the pod writes its labels, and so chooses whether this is enforced"
        yield Problem(path="spec.match.podSelector", message=message)
    images = match.images if match is not None else None
    if images is None or not _EVERYTHING.isdisjoint(images):
        message = "enforces on every image, those of others and of the cluster's own add-ons among them: name yours"
        yield Problem(path="spec.match.images", message=message)


def _alternatives(require: Require) -> Iterator[tuple[Alternative, str]]:
    yield require, "spec.require"
    for index, alternative in enumerate(require.any_of or ()):
        yield alternative, join("spec.require.anyOf", index)


def _sources(alternative: Alternative, require: Require, path: str) -> Iterator[Problem]:
    for index, source in enumerate(alternative.sources or ()):
        for number, ref in enumerate(source.refs or ()):
            if not _can_match_a_ref(ref):
                message = "no ref can match it: they are whole, as refs/heads/main or refs/tags/v1.0.0"
                yield Problem(path=join(path, "sources", index, "refs", number), message=message)
    further = (require.any_of or ()) if alternative is require else ()
    others = bool(further) and all(one.sources is not None for one in further)
    if alternative.sources is not None or require.sources is not None or others:
        return
    if (alternative.build_level or 0) > 1:
        message = (
            "a level alone proves nothing: anyone can build this digest at it from a repository of theirs; add sources"
        )
        yield Problem(path=join(path, "sources"), message=message)
    elif any((alternative.builders, alternative.build, alternative.source_level, alternative.dependencies)):
        message = (
            "asks how it was built, and not from what: a builder builds for others, too, from repositories of theirs;"
            " add sources"
        )
        yield Problem(path=join(path, "sources"), message=message)


def _can_match_a_ref(pattern: str) -> bool:
    """Whether it fits anything that begins as every whole ref does: some beginning of it fits just that."""
    beginnings = (pattern[:length] for length in range(1, 1 + min(len(pattern), _MAX_BEGINNING)))
    return any(Glob.compile(beginning).matches(_REFS) for beginning in beginnings)


def _attestations(alternative: Alternative, path: str) -> Iterator[Problem]:
    for index, entry in enumerate(alternative.attestations or ()):
        if entry.use == "Newest" and entry.max_age is None:
            message = "without it the newest may be years old, or the newest that was not withheld"
            yield Problem(path=join(path, "attestations", index, "maxAge"), message=message)


def _dependencies(alternative: Alternative, path: str) -> Iterator[Problem]:
    if alternative.dependencies is not None and alternative.dependencies.images is None:
        message = (
            "a level alone proves nothing of a base image: anyone can build one of theirs at it; name those you take"
        )
        yield Problem(path=join(path, "dependencies", "images"), message=message)


def _signers(alternative: Alternative, path: str) -> Iterator[tuple[list[SignerEntry], str]]:
    for index, signature in enumerate(alternative.signatures or ()):
        yield signature.signers, join(path, "signatures", index, "signers")
    for index, attestation in enumerate(alternative.attestations or ()):
        yield attestation.signers, join(path, "attestations", index, "signers")
    if alternative.sbom is not None and alternative.sbom.signers is not None:
        yield alternative.sbom.signers, join(path, "sbom", "signers")
    for index, summary in enumerate(alternative.source_level.summaries if alternative.source_level else ()):
        yield summary.signers, join(path, "sourceLevel", "summaries", index, "signers")


def _summary(entry: AcceptedSummary, path: str) -> Iterator[Problem]:
    yield from signer_advice(entry.signers, join(path, "signers"))
    if entry.max_age is None:
        message = "without it a summary counts for ever, whatever the verifier finds later"
        yield Problem(path=join(path, "maxAge"), message=message)
    if entry.policy_uris is None and set(entry.covers or ()) - {"buildLevel"}:
        message = "a summary stands in for what its policy asked: say which policies ask what this one does"
        yield Problem(path=join(path, "policyURIs"), message=message)


_ADVISERS: Mapping[str, Callable[[Node], Iterator[Problem]]] = {
    "ClusterSLSAPolicy": _policy,
    "SLSAPolicy": _namespaced_policy,
    "TrustedBuilder": builder_advice,
    "TrustRoot": root_advice,
    "SLSAException": exception_advice,
}
