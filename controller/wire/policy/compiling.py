"""From an object as the API server or a file gives it to what linking needs, or to everything wrong with it."""

from collections.abc import Mapping
from datetime import datetime
from typing import cast

from controller.core.errors import MalformedPolicy, Problem
from controller.core.exception import ExemptImage, PolicyException
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.policy import BrokenPolicy, Mode, Policy, PolicyName, Tags
from controller.core.slsa import SourceFrom, TrustedBuilder
from controller.core.text import printable
from controller.core.window import Window
from controller.wire.policy.builder import BuilderSpec
from controller.wire.policy.common import compile_glob, compile_image_glob
from controller.wire.policy.exception import ExceptionSpec
from controller.wire.policy.kinds import KINDS, ObjectName, identify
from controller.wire.policy.meaning import compile_conditions, resource_problems, template_problems
from controller.wire.policy.nodes import Node, instant
from controller.wire.policy.policy import NamespacedPolicySpec
from controller.wire.policy.references import references
from controller.wire.policy.requirement import Require
from controller.wire.policy.requiring import Conditions, Context, compile_requirements, compile_summary
from controller.wire.policy.scope import compile_match
from controller.wire.policy.shape import join, read_shape, size_problem
from controller.wire.policy.signers import compile_signers
from controller.wire.policy.unlinked import BrokenObject, UnlinkedBuilder, UnlinkedException, UnlinkedPolicy

PROBLEMS = 100  # a status holds no more, and nobody mends more at once
_TOP_LEVEL = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
Source = Mapping[str, object]


def compile_policy(source: Source) -> UnlinkedPolicy:
    """Compile a ClusterSLSAPolicy or SLSAPolicy; a broken one guards what it could have matched.

    Guarantees that a policy without problems has every field judged. Does not look up what it names and does not
    parse PEM. Raises MalformedPolicy when there is no telling which policy this is.
    """
    name = identify_as(source, "ClusterSLSAPolicy", "SLSAPolicy")
    model, spec, found = sound_spec(name, source)
    conditions, of_conditions = compile_conditions(spec)
    match = compile_match(name.namespace, spec, found)
    # Nothing can be said of templates while the globs that they refer to are broken themselves.
    unclear = any(problem.path.startswith("spec.match") for problem in found)
    of_templates = () if unclear else template_problems(spec, match.images)
    problems = tuple(sorted({*found, *of_conditions, *of_templates, *resource_problems(spec)}))
    policy_name = PolicyName(kind=name.kind, namespace=name.namespace, name=name.name)
    if problems:
        broken = BrokenPolicy(name=policy_name, mode=_mode(spec), match=match, problems=problems[:PROBLEMS])
        return UnlinkedPolicy(policy=broken, references=references(spec))
    policy = _policy(policy_name, cast("NamespacedPolicySpec", model), match, conditions)
    return UnlinkedPolicy(policy=policy, references=references(spec))


def _policy(name: PolicyName, model: NamespacedPolicySpec, match: Match, conditions: Conditions) -> Policy:
    require, context = model.require or Require(), Context(images=match.images, conditions=conditions)
    alternatives = (
        compile_requirements(one, join("spec.require.anyOf", index), context)
        for index, one in enumerate(require.any_of or ())
    )
    return Policy(
        name=name,
        mode=Mode(model.mode),
        match=match,
        tags=Tags(model.tags),
        deny=frozenset(map(Digest.parse, model.deny.digests if model.deny else ())),
        require=compile_requirements(require, "spec.require", context),
        any_of=tuple(one for one in alternatives if one is not None),
        accept_summaries=tuple(
            compile_summary(entry, join("spec.acceptSummaries", index))
            for index, entry in enumerate(model.accept_summaries or ())
        ),
    )


def compile_builder(source: Source) -> UnlinkedBuilder:
    """Compile a TrustedBuilder. Does not look up the keys it names. Raises MalformedPolicy as above."""
    name = identify_as(source, "TrustedBuilder")
    read, spec, problems = sound_spec(name, source)
    if problems:
        broken = BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])
        return UnlinkedBuilder(builder=broken, references=references(spec))
    model = cast("BuilderSpec", read)
    builder = TrustedBuilder(
        name=name.name,
        max_level=model.max_level,
        signers=compile_signers(model.signers, "spec.signers"),
        builder_ids=None if model.builder_ids is None else tuple(map(compile_glob, model.builder_ids)),
        source_from=SourceFrom(model.source_from),
        build_types=frozenset(model.build_types or ()),
        minimum_version=None if model.minimum_version is None else _version(model.minimum_version),
        runner_environments=frozenset(model.runner_environments or ()),
        triggers=frozenset(model.triggers or ()),
        records_dependencies=bool(model.records_dependencies),
        revoked=tuple(_window(one.from_, one.until) for one in model.revoked or ()),
    )
    return UnlinkedBuilder(builder=builder, references=references(spec))


def compile_exception(source: Source) -> UnlinkedException | BrokenObject:
    """Compile a SLSAException. Does not look up the policies it names, nor how far it reaches. Raises as above."""
    name = identify_as(source, "SLSAException")
    read, _, problems = sound_spec(name, source)
    if problems:
        return BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])
    model = cast("ExceptionSpec", read)
    named = [PolicyName(kind=one.kind, namespace=one.namespace or "", name=one.name) for one in model.policies]
    exception = PolicyException(
        name=name.name,
        policies=frozenset(named),
        namespaces=tuple(map(compile_glob, model.namespaces)),
        images=tuple(map(_exempt, model.images)),
        expires=_time(model.expires),
        created=_created(source),
        reason=model.reason,
        ticket=model.ticket,
    )
    paths = tuple(join("spec.policies", index) for index, _ in enumerate(named))
    return UnlinkedException(exception=exception, named=tuple(zip(named, paths, strict=True)))


def identify_as(source: Source, *kinds: str) -> ObjectName:
    """Which object of these kinds this is. Raises MalformedPolicy when that can't be told, or it is of another kind."""
    name = identify(source)
    if name.kind not in kinds:
        raise MalformedPolicy([Problem(path="kind", message=f"must be {' or '.join(kinds)}")])
    return name


def sound_spec(name: ObjectName, source: Source) -> tuple[Node | None, Source, tuple[Problem, ...]]:
    """The spec as the kind's model reads it and as it is written, empty where it is none, and what is wrong with it and
    around it. It is read wherever nothing is wrong."""
    around = [
        Problem(path=printable(str(field), limit=80), message="no such field: what is meant stands in spec")
        for field in source
        if field not in _TOP_LEVEL
    ]
    spec = source.get("spec")
    if not isinstance(spec, dict):
        return None, {}, (*around, Problem(path="spec", message="is required, and must be an object"))
    if too_large := size_problem(spec):
        return None, {"mode": spec.get("mode")}, (*around, too_large)
    read, found = read_shape(KINDS[name.kind].spec, spec)
    return read, spec, tuple(sorted({*around, *found}))


def _mode(spec: Source) -> Mode:
    """The mode as written where it is one; anything else refuses."""
    return {"Warn": Mode.WARN, "Audit": Mode.AUDIT}.get(str(spec.get("mode")), Mode.ENFORCE)


def _version(text: str) -> tuple[int, int, int]:
    major, minor, patch = map(int, text.split("."))
    return major, minor, patch


def _window(start: str, end: str | None) -> Window:
    return Window(start=_time(start), end=None if end is None else _time(end))


def _time(text: str) -> datetime:
    time = instant(text)
    if time is None:
        raise AssertionError("the time was found to be sound")
    return time


def _exempt(text: str) -> ExemptImage:
    glob, at, digest = text.partition("@")
    return ExemptImage(images=compile_image_glob(glob), digest=Digest.parse(digest) if at else None)


def _created(source: Source) -> datetime | None:
    """When the API server first took the object; None outside of a cluster."""
    metadata = source.get("metadata")
    return instant(metadata.get("creationTimestamp")) if isinstance(metadata, Mapping) else None
