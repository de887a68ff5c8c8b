"""SLSA provenance predicates, each read into the one record of `controller.core.provenance`.

v1 (SLSA v1.0 to v1.2) here, the older ones in `controller.wire.provenance_v0`. Where the source stands is decided by
the build type, the only thing that gives parameters a meaning (`controller.wire.buildtypes`).
"""

from collections.abc import Callable

import msgspec

from controller.core.predicates import PROVENANCE_V01, PROVENANCE_V01_ALIAS, PROVENANCE_V02, PROVENANCE_V1
from controller.core.provenance import Provenance
from controller.wire.buildtypes import READERS_V1, read_origin
from controller.wire.predicateparts import Builder, Required, Resources, builder_id, dependencies, one, parameters
from controller.wire.predicateparts import resources as read_resources
from controller.wire.provenance_v0 import read_provenance_v01, read_provenance_v02
from controller.wire.sources import Build
from controller.wire.strictjson import parse_part


class _Definition(msgspec.Struct, frozen=True, rename="camel"):
    build_type: Required
    external_parameters: msgspec.Raw = msgspec.Raw()
    internal_parameters: msgspec.Raw = msgspec.Raw()
    resolved_dependencies: Resources | None = None


class _Completeness(msgspec.Struct, frozen=True, rename="camel"):
    request: bool | None = None
    resolved_dependencies: bool | None = None


class _Metadata(msgspec.Struct, frozen=True):
    completeness: _Completeness | None = msgspec.field(name="buildkit_completeness", default=None)
    invocation_id: str | None = msgspec.field(name="invocationId", default=None)
    invocation_id_alias: str | None = msgspec.field(name="invocationID", default=None)  # as BuildKit documents it


class _RunDetails(msgspec.Struct, frozen=True):
    builder: Builder
    metadata: _Metadata | None = None


class _Predicate(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: _Definition
    run_details: _RunDetails


def read_provenance(predicate_type: str, predicate: bytes, *, signed: bool) -> Provenance:
    """Read a predicate of one of `controller.core.predicates.PROVENANCE` out of a statement that was read before.

    The build type is there and not empty, and so is `builder.id` of anything that is `signed` (TYPE-016); the shape
    is that of the type (TYPE-022); the source is what the build type's rules make of it, as far as it is said. Unknown
    members are ignored. Raises MalformedAttestation.
    """
    return _READERS[predicate_type](predicate, signed)


def _read_v1(predicate: bytes, signed: bool) -> Provenance:  # noqa: FBT001
    document = parse_part(predicate, _Predicate, what="the provenance")
    definition, details = document.build_definition, document.run_details
    found = read_resources(definition.resolved_dependencies)
    build = Build(
        parameters=bytes(definition.external_parameters),
        environment=bytes(definition.internal_parameters),
        resources=found,
    )
    origin = read_origin(READERS_V1, definition.build_type, build)
    metadata = details.metadata or _Metadata()
    completeness = metadata.completeness or _Completeness()
    return Provenance(
        builder_id=builder_id(details.builder, signed=signed),
        build_type=definition.build_type,
        source=origin.source,
        runner_environment=origin.runner_environment,
        external_parameters=parameters(definition.external_parameters),
        parameters_complete=completeness.request is not False,
        invocation_id=one(metadata.invocation_id, metadata.invocation_id_alias, what="invocation ids"),
        dependencies=dependencies(found),
        dependencies_complete=completeness.resolved_dependencies is not False,
    )


_READERS: dict[str, Callable[[bytes, bool], Provenance]] = {
    PROVENANCE_V01: read_provenance_v01,
    PROVENANCE_V01_ALIAS: read_provenance_v01,
    PROVENANCE_V02: read_provenance_v02,
    PROVENANCE_V1: _read_v1,
}
