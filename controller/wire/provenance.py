"""SLSA provenance predicates, each read into the one record of `controller.core.evidence`.

Reads https://slsa.dev/provenance/v1 (SLSA v1.0 to v1.2). Where the source stands is decided by the build type, the
only thing that gives external parameters a meaning: an unknown build type has no source, nothing is guessed (SRC-023).
"""

from collections.abc import Callable
from typing import Annotated

import msgspec

from controller.core.evidence import Provenance, SourceClaim
from controller.core.source import normalise_source
from controller.wire.strictjson import parse_part

GITHUB_WORKFLOW_V1 = "https://actions.github.io/buildtypes/workflow/v1"

_Required = Annotated[str, msgspec.Meta(min_length=1)]


class _Builder(msgspec.Struct, frozen=True):
    id: _Required


class _RunDetails(msgspec.Struct, frozen=True):
    builder: _Builder


class _BuildDefinition(msgspec.Struct, frozen=True, rename="camel"):
    build_type: _Required


class _PredicateV1(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: _BuildDefinition
    run_details: _RunDetails


class _Workflow(msgspec.Struct, frozen=True):
    repository: str | None = None
    ref: str | None = None


class _WorkflowParameters(msgspec.Struct, frozen=True):
    workflow: _Workflow | None = None


class _WorkflowDefinition(msgspec.Struct, frozen=True, rename="camel"):
    external_parameters: _WorkflowParameters | None = None


class _WorkflowPredicate(msgspec.Struct, frozen=True, rename="camel"):
    build_definition: _WorkflowDefinition


def parse_provenance_v1(predicate: bytes) -> Provenance:
    """Read a v1 predicate out of a statement that `parse_statement` has read (that is: JSON with one meaning).

    `builder.id` and `buildType` are there and not empty; the source is what the build type's parameters say, as far
    as they say it. Raises MalformedAttestation, also for a predicate of another version's shape.
    """
    document = parse_part(predicate, _PredicateV1, what="the provenance")
    build_type = document.build_definition.build_type
    source = _SOURCES.get(build_type)
    return Provenance(
        builder_id=document.run_details.builder.id,
        build_type=build_type,
        source=source(predicate) if source else SourceClaim(),
    )


def _github_workflow(predicate: bytes) -> SourceClaim:
    """The caller's repository and ref (actions.github.io/buildtypes/workflow/v1, External parameters)."""
    parameters = parse_part(predicate, _WorkflowPredicate, what="the provenance").build_definition.external_parameters
    if parameters is None or parameters.workflow is None:
        return SourceClaim()
    workflow = parameters.workflow
    return SourceClaim(repository=normalise_source(workflow.repository or ""), ref=workflow.ref or None)


_SOURCES: dict[str, Callable[[bytes], SourceClaim]] = {GITHUB_WORKFLOW_V1: _github_workflow}
