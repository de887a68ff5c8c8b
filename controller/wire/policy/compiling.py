"""From an object as the API server or a file gives it to what linking needs, or to everything wrong with it."""

from collections.abc import Iterator, Mapping

from controller.core.errors import MalformedPolicy, Problem
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.patterns import Glob, ImageGlob, MalformedPattern
from controller.core.policy import BrokenPolicy, Mode, PolicyName, Tags
from controller.core.requirements import BuildRequirement, SourceRequirement
from controller.core.slsa import SourceFrom
from controller.core.source import SourceTemplate
from controller.core.text import printable
from controller.wire.policy.builder import BuilderSpec
from controller.wire.policy.common import SignerEntry
from controller.wire.policy.kinds import KINDS, ObjectName, identify
from controller.wire.policy.nodes import instant
from controller.wire.policy.policy import NamespacedPolicySpec, Require
from controller.wire.policy.root import RootKey, RootSpec, Shown, Sigstore
from controller.wire.policy.scope import compile_match
from controller.wire.policy.shape import join, shape_problems, size_problem
from controller.wire.policy.unjudged import unjudged
from controller.wire.policy.unlinked import (
    BrokenObject,
    BuilderReference,
    InlineKey,
    KeyReference,
    KeySpec,
    RequireSpec,
    SignerReference,
    SigstoreSpec,
    UnlinkedBuilder,
    UnlinkedPolicy,
    UnlinkedRoot,
    UnlinkedSignature,
)

PROBLEMS = 100  # a status holds no more, and nobody mends more at once
_TOP_LEVEL = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
Source = Mapping[str, object]


def compile_policy(source: Source) -> UnlinkedPolicy | BrokenPolicy:
    """Compile a ClusterSLSAPolicy or SLSAPolicy; a broken one guards what it could have matched.

    Guarantees that a policy without problems has every field judged. Does not look up what it names and does not
    parse PEM. Raises MalformedPolicy when there is no telling which policy this is.
    """
    name = _identify(source, "ClusterSLSAPolicy", "SLSAPolicy")
    spec, problems = _spec(name, source)
    match = compile_match(name.namespace, spec, problems)
    problems = tuple(sorted({*problems, *_template_problems(spec, match, problems)}))
    policy_name = PolicyName(kind=name.kind, namespace=name.namespace, name=name.name)
    if problems:
        return BrokenPolicy(name=policy_name, mode=_mode(spec), match=match, problems=problems[:PROBLEMS])
    model: NamespacedPolicySpec = KINDS[name.kind].spec.model_validate(spec)  # type: ignore[assignment]
    require = model.require or Require()
    return UnlinkedPolicy(
        name=policy_name,
        mode=Mode(model.mode),
        match=match,
        tags=Tags(model.tags),
        deny=frozenset(map(Digest.parse, model.deny.digests if model.deny else ())),
        build=_build(require, match.images),
        builders=tuple(
            BuilderReference(name=builder, path=f"spec.require.builders[{index}]")
            for index, builder in enumerate(require.builders or ())
        ),
        signatures=_signatures(require),
    )


def compile_builder(source: Source) -> UnlinkedBuilder | BrokenObject:
    """Compile a TrustedBuilder. Does not look up the keys it names. Raises MalformedPolicy as above."""
    name = _identify(source, "TrustedBuilder")
    spec, problems = _spec(name, source)
    if problems:
        return BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])
    model = BuilderSpec.model_validate(spec)
    return UnlinkedBuilder(
        name=name.name,
        max_level=model.max_level,
        signers=_signers(model.signers, "spec.signers"),
        builder_ids=tuple(map(Glob.compile, model.builder_ids or ())),
        build_types=frozenset(model.build_types or ()),
        source_from=SourceFrom(model.source_from),
    )


def compile_root(source: Source) -> UnlinkedRoot | BrokenObject:
    """Compile a TrustRoot. Does not parse PEM or the trusted root. Raises MalformedPolicy as above."""
    name = _identify(source, "TrustRoot")
    spec, problems = _spec(name, source)
    problems = (*problems, *_repeated_names(spec))
    if problems:
        return BrokenObject(kind=name.kind, name=name.name, problems=tuple(sorted(problems))[:PROBLEMS])
    model = RootSpec.model_validate(spec)
    keys = (_key(key, f"spec.keys[{index}].pem") for index, key in enumerate(model.keys or ()))
    return UnlinkedRoot(
        name=name.name,
        keys=tuple(keys),
        sigstore=_sigstore(model.sigstore) if model.sigstore else None,
        require=_require(model.require) if model.require else RequireSpec(),
        time_root=model.time_root,
    )


def compile_exception(source: Source) -> BrokenObject:
    """Everything wrong with a SLSAException; that this version honours none is among it. Raises as above."""
    name = _identify(source, "SLSAException")
    _, problems = _spec(name, source)
    return BrokenObject(kind=name.kind, name=name.name, problems=problems[:PROBLEMS])


def _identify(source: Source, *kinds: str) -> ObjectName:
    name = identify(source)
    if name.kind not in kinds:
        raise MalformedPolicy([Problem(path="kind", message=f"must be {' or '.join(kinds)}")])
    return name


def _spec(name: ObjectName, source: Source) -> tuple[Source, tuple[Problem, ...]]:
    """The spec, an empty one where it is none, and what is wrong with it and around it."""
    around = [
        Problem(path=printable(str(field), limit=80), message="no such field: what is meant stands in spec")
        for field in source
        if field not in _TOP_LEVEL
    ]
    spec = source.get("spec")
    if not isinstance(spec, dict):
        return {}, (*around, Problem(path="spec", message="is required, and must be an object"))
    if too_large := size_problem(spec):
        return {"mode": spec.get("mode")}, (*around, too_large)
    found = {*around, *shape_problems(KINDS[name.kind].spec, spec), *unjudged(name.kind, spec)}
    return spec, tuple(sorted(found))


def _mode(spec: Source) -> Mode:
    """The mode as written where it is one; anything else refuses."""
    return {"Warn": Mode.WARN, "Audit": Mode.AUDIT}.get(str(spec.get("mode")), Mode.ENFORCE)


def _template_problems(spec: Source, match: Match, problems: tuple[Problem, ...]) -> Iterator[Problem]:
    """Source templates against the globs they refer to; nothing can be said while those are broken themselves."""
    if any(problem.path.startswith("spec.match") for problem in problems):
        return
    require = spec.get("require")
    sources = require.get("sources") if isinstance(require, dict) else None
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        repositories = source.get("repositories") if isinstance(source, dict) else None
        for number, text in enumerate(repositories if isinstance(repositories, list) else ()):
            path = join("spec.require.sources", index, "repositories", number)
            if message := _refusal(text, match.images):
                yield Problem(path=path, message=message)


def _refusal(text: object, images: tuple[ImageGlob, ...]) -> str | None:
    if not isinstance(text, str):
        return None  # told as a matter of shape
    try:
        SourceTemplate.compile(text, images)
    except MalformedPattern as error:
        return str(error)
    return None


def _build(require: Require, images: tuple[ImageGlob, ...]) -> BuildRequirement | None:
    if require.build_level is None and require.builders is None and require.sources is None:
        return None
    sources = tuple(
        SourceRequirement(
            repositories=tuple(SourceTemplate.compile(text, images) for text in source.repositories),
            refs=tuple(map(Glob.compile, source.refs or ())),
        )
        for source in require.sources or ()
    )
    builders = None if require.builders is None else frozenset(require.builders)
    return BuildRequirement(level=require.build_level, builders=builders, sources=sources)


def _signatures(require: Require) -> tuple[UnlinkedSignature, ...]:
    return tuple(
        UnlinkedSignature(
            signers=_signers(entry.signers, f"spec.require.signatures[{index}].signers"),
            threshold=entry.threshold,
            match_repository=entry.repository == "Match",
        )
        for index, entry in enumerate(require.signatures or ())
    )


def _signers(entries: list[SignerEntry], path: str) -> tuple[SignerReference, ...]:
    return tuple(_signer(entry, f"{path}[{index}].publicKey") for index, entry in enumerate(entries))


def _signer(entry: SignerEntry, path: str) -> SignerReference:
    key = entry.public_key
    if key is not None and key.pem is not None:
        return InlineKey(pem=key.pem, path=f"{path}.pem")
    if key is None or key.trust_root is None or key.name is None:
        raise AssertionError(f"{path} was found to be sound")
    return KeyReference(trust_root=key.trust_root, name=key.name, path=path)


def _sigstore(sigstore: Sigstore) -> SigstoreSpec:
    root = sigstore.trusted_root
    if root is not None and root.inline is not None:
        return SigstoreSpec(inline=root.inline, path="spec.sigstore.trustedRoot.inline")
    if sigstore.public_good is None:
        raise AssertionError("spec.sigstore was found to be sound")
    return SigstoreSpec(inline=None, path="spec.sigstore.publicGood")


def _require(shown: Shown) -> RequireSpec:
    return RequireSpec(transparency_log=shown.transparency_log, signed_timestamp=shown.signed_timestamp, sct=shown.sct)


def _key(key: RootKey, path: str) -> KeySpec:
    return KeySpec(
        name=key.name,
        pem=key.pem,
        path=path,
        not_before=instant(key.not_before),
        not_after=instant(key.not_after),
        revoked_at=instant(key.revoked_at),
    )


def _repeated_names(spec: Source) -> Iterator[Problem]:
    keys = spec.get("keys")
    seen: set[str] = set()
    for index, key in enumerate(keys if isinstance(keys, list) else ()):
        name = key.get("name") if isinstance(key, dict) else None
        if isinstance(name, str) and name in seen:
            yield Problem(path=f"spec.keys[{index}].name", message="another key of this root has the same name")
        seen.add(str(name))
