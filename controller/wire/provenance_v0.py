"""SLSA provenance v0.1 (and in-toto.io's before it) and v0.2: https://slsa.dev/provenance/v0.1, /v0.2."""

import re
from dataclasses import replace

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.provenance import Provenance
from controller.wire.buildtypes import READERS_V01, READERS_V02, read_origin
from controller.wire.predicateparts import (
    Builder,
    DigestSet,
    Required,
    Resources,
    builder_id,
    dependencies,
    one,
    parameters,
    resources,
)
from controller.wire.sources import Build, Origin, Resource
from controller.wire.strictjson import parse_part

_INDEX = re.compile(r"-?[0-9]{1,9}")


class _Completeness(msgspec.Struct, frozen=True):
    arguments: bool | None = None  # v0.1
    parameters: bool | None = None  # v0.2
    materials: bool | None = None


class _Metadata(msgspec.Struct, frozen=True):
    completeness: _Completeness | None = None
    invocation_id: str | None = msgspec.field(name="buildInvocationId", default=None)
    invocation_id_alias: str | None = msgspec.field(name="buildInvocationID", default=None)  # the GitHub generator's


class _Recipe(msgspec.Struct, frozen=True, rename="camel"):
    type: Required
    defined_in_material: int | str | None = None
    entry_point: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    environment: msgspec.Raw = msgspec.Raw()


class _PredicateV01(msgspec.Struct, frozen=True):
    builder: Builder
    recipe: _Recipe
    metadata: _Metadata | None = None
    materials: Resources | None = None


class _ConfigSource(msgspec.Struct, frozen=True, rename="camel"):
    uri: str | None = None
    digest: DigestSet | None = None
    entry_point: str | None = None


class _Invocation(msgspec.Struct, frozen=True, rename="camel"):
    config_source: _ConfigSource | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    environment: msgspec.Raw = msgspec.Raw()


class _PredicateV02(msgspec.Struct, frozen=True, rename="camel"):
    builder: Builder
    build_type: Required
    invocation: _Invocation | None = None
    metadata: _Metadata | None = None
    materials: Resources | None = None


def read_provenance_v01(predicate: bytes, signed: bool) -> Provenance:  # noqa: FBT001
    """v0.1: the recipe is the build type, and the material that it is defined in the config source."""
    document = parse_part(predicate, _PredicateV01, what="the provenance")
    recipe, found = document.recipe, resources(document.materials)
    build = Build(
        parameters=bytes(recipe.arguments),
        environment=bytes(recipe.environment),
        config=_defining(recipe.defined_in_material, found),
        entry_point=recipe.entry_point or None,
        resources=found,
    )
    origin = read_origin(READERS_V01, recipe.type, build)
    record = _record(document, recipe.type, origin, recipe.arguments, found, signed=signed)
    return replace(record, parameters_complete=_completeness(document).arguments is not False)


def read_provenance_v02(predicate: bytes, signed: bool) -> Provenance:  # noqa: FBT001
    """v0.2: the config source stands in the invocation."""
    document = parse_part(predicate, _PredicateV02, what="the provenance")
    invocation, found = document.invocation or _Invocation(), resources(document.materials)
    config = invocation.config_source or _ConfigSource()
    build = Build(
        parameters=bytes(invocation.parameters),
        environment=bytes(invocation.environment),
        config=Resource(uri=config.uri or "", digests=config.digest or {}),
        entry_point=config.entry_point or None,
        resources=found,
    )
    origin = read_origin(READERS_V02, document.build_type, build)
    record = _record(document, document.build_type, origin, invocation.parameters, found, signed=signed)
    return replace(record, parameters_complete=_completeness(document).parameters is not False)


def _record(
    document: _PredicateV01 | _PredicateV02,
    build_type: str,
    origin: Origin,
    arguments: msgspec.Raw,
    found: tuple[Resource, ...],
    *,
    signed: bool,
) -> Provenance:
    metadata = document.metadata or _Metadata()
    return Provenance(
        builder_id=builder_id(document.builder, signed=signed),
        build_type=build_type,
        source=origin.source,
        runner_environment=origin.runner_environment,
        external_parameters=parameters(arguments),
        invocation_id=one(metadata.invocation_id, metadata.invocation_id_alias, what="invocation ids"),
        dependencies=dependencies(found),
        dependencies_complete=_completeness(document).materials is not False,
    )


def _completeness(document: _PredicateV01 | _PredicateV02) -> _Completeness:
    return (document.metadata.completeness if document.metadata else None) or _Completeness()


def _defining(index: int | str | None, materials: tuple[Resource, ...]) -> Resource:
    """The material that `recipe.definedInMaterial` means, the first when it is not there (protobuf's zero).

    None of them, when it means none: Cloud Build writes "-1" where nothing in the source defines the build.
    """
    if isinstance(index, str) and not _INDEX.fullmatch(index):
        raise MalformedAttestation("the provenance: definedInMaterial is no number")
    position = int(index or 0)
    return materials[position] if 0 <= position < len(materials) else Resource()
