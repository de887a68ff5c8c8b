"""From the sound model of what a policy requires to what is judged."""

from collections.abc import Mapping
from dataclasses import dataclass

from controller.core.condition import Condition
from controller.core.patterns import ImageGlob
from controller.core.records import SBOMFormat
from controller.core.requirements import (
    AttestationRequirement,
    BuildRequirement,
    DependencyRequirement,
    Part,
    Requirements,
    SBOMRequirement,
    SignatureRequirement,
    SourceLevelRequirement,
    SourceRequirement,
    SourceVerifier,
    SummaryAcceptance,
)
from controller.core.source import SourceTemplate
from controller.wire.policy.common import compile_glob, compile_image_glob, duration
from controller.wire.policy.requirement import AcceptedSummary, Alternative, Attestation, Build, Signatures, Source
from controller.wire.policy.shape import join
from controller.wire.policy.signers import compile_signers

Conditions = Mapping[str, Condition]
"""The conditions of an object, compiled, by their field path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What parts of a policy are compiled with: its image globs give `{n}` a meaning."""

    images: tuple[ImageGlob, ...] = ()
    conditions: Conditions


def compile_requirements(model: Alternative, path: str, context: Context) -> Requirements | None:
    """Everything that a sound alternative asks for by itself; None when that is nothing."""
    parts = (model.source_level, model.dependencies, model.signatures, model.sbom, model.attestations)
    build = _build(model, path, context)
    if build is None and not any(parts):
        return None
    return Requirements(
        build=build,
        source_level=_source_level(model, join(path, "sourceLevel")),
        dependencies=_dependencies(model),
        signatures=tuple(
            _signature(entry, join(path, "signatures", index)) for index, entry in enumerate(model.signatures or ())
        ),
        sbom=_sbom(model, join(path, "sbom")),
        attestations=tuple(
            _attestation(entry, join(path, "attestations", index), context)
            for index, entry in enumerate(model.attestations or ())
        ),
    )


def compile_summary(model: AcceptedSummary, path: str) -> SummaryAcceptance:
    """A sound entry of `acceptSummaries`."""
    return SummaryAcceptance(
        verifier_id=model.verifier_id,
        signers=compile_signers(model.signers, join(path, "signers")),
        resource_uris=tuple(model.resource_uris),
        max_level=model.max_level,
        covers=frozenset(map(Part, model.covers or (Part.BUILD_LEVEL,))),
        policy_uris=frozenset(model.policy_uris or ()),
        policy_digests=frozenset(model.policy_digests or ()),
        max_age=duration(model.max_age),
    )


def _build(model: Alternative, path: str, context: Context) -> BuildRequirement | None:
    build = model.build or Build()
    found = BuildRequirement(
        level=model.build_level,
        builders=None if model.builders is None else frozenset(model.builders),
        sources=tuple(_source(source, context) for source in model.sources or ()),
        types=frozenset(build.types or ()),
        parameters=tuple(build.parameters.allow) if build.parameters else None,
        max_age=duration(build.max_age),
        conditions=_conditions(build, join(path, "build"), context),
    )
    return None if found == BuildRequirement() else found


def _source(source: Source, context: Context) -> SourceRequirement:
    return SourceRequirement(
        repositories=tuple(SourceTemplate.compile(text, context.images) for text in source.repositories),
        refs=tuple(map(compile_glob, source.refs or ())),
        entry_points=tuple(map(compile_glob, source.entry_points or ())),
        triggers=frozenset(source.triggers or ()),
        repository_ids=frozenset(source.repository_ids or ()),
        owner_ids=frozenset(source.owner_ids or ()),
    )


def _source_level(model: Alternative, path: str) -> SourceLevelRequirement | None:
    asked = model.source_level
    if asked is None:
        return None
    verifiers = (
        SourceVerifier(
            verifier_id=one.verifier_id,
            signers=compile_signers(one.signers, join(path, "summaries", index, "signers")),
            max_level=one.max_level,
        )
        for index, one in enumerate(asked.summaries)
    )
    return SourceLevelRequirement(level=asked.min, summaries=tuple(verifiers))


def _dependencies(model: Alternative) -> DependencyRequirement | None:
    asked = model.dependencies
    if asked is None:
        return None
    return DependencyRequirement(level=asked.min_level, images=tuple(map(compile_image_glob, asked.images or ())))


def _signature(entry: Signatures, path: str) -> SignatureRequirement:
    return SignatureRequirement(
        signers=compile_signers(entry.signers, join(path, "signers")),
        threshold=entry.threshold,
        match_repository=entry.repository == "Match",
    )


def _sbom(model: Alternative, path: str) -> SBOMRequirement | None:
    asked = model.sbom
    if asked is None:
        return None
    signers = None if asked.signers is None else compile_signers(asked.signers, join(path, "signers"))
    formats = SBOMFormat if asked.formats is None else map(SBOMFormat, asked.formats)
    return SBOMRequirement(formats=frozenset(formats), signers=signers)


def _attestation(entry: Attestation, path: str, context: Context) -> AttestationRequirement:
    return AttestationRequirement(
        predicate_type=entry.predicate_type,
        signers=compile_signers(entry.signers, join(path, "signers")),
        max_age=duration(entry.max_age),
        newest=entry.use == "Newest",
        conditions=_conditions(entry, path, context),
    )


def _conditions(holder: Build | Attestation, path: str, context: Context) -> tuple[Condition, ...]:
    """In the order in which they are written; a name stands once, so that messages tell them apart."""
    return tuple(context.conditions[join(path, "conditions", index)] for index, _ in enumerate(holder.conditions or ()))
