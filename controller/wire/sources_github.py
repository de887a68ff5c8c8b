"""The source in what GitHub's workflows attest: GitHub's own build type, and the SLSA GitHub generator's.

For all of them the certificate that signed carries the same facts; what stands here is compared with it.
"""

from dataclasses import replace

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.provenance import SourceClaim
from controller.core.source import normalise_source
from controller.wire.sources import Build, Origin, Resource, agreed, only, read_part, split_revision

_Scalar = str | int | None  # run and owner numbers were written both ways


class _Workflow(msgspec.Struct, frozen=True):
    repository: str | None = None
    ref: str | None = None
    path: str | None = None


class _WorkflowParameters(msgspec.Struct, frozen=True):
    workflow: _Workflow | None = None
    runner_environment: str | None = None


class _GitHub(msgspec.Struct, frozen=True):
    event_name: str | None = None
    repository_id: _Scalar = None
    repository_owner_id: _Scalar = None
    runner_environment: str | None = None


class _WorkflowInternals(msgspec.Struct, frozen=True):
    github: _GitHub | None = None


class _Environment(msgspec.Struct, frozen=True):
    """The generator's environment in v0.2."""

    github_event_name: str | None = None
    github_repository_id: _Scalar = None
    github_repository_owner_id: _Scalar = None


class _Variables(msgspec.Struct, frozen=True, rename="upper"):
    """The runner's default variables, as delegated and container-based builds record them."""

    github_event_name: str | None = None
    github_repository: str | None = None
    github_repository_id: _Scalar = None
    github_repository_owner_id: _Scalar = None
    github_workflow_ref: str | None = None


class _Descriptor(msgspec.Struct, frozen=True):
    uri: str | None = None
    digest: dict[str, str] | None = None


class _ContainerParameters(msgspec.Struct, frozen=True):
    source: _Descriptor | None = None


def workflow(build: Build) -> Origin:
    """actions.github.io/buildtypes/workflow/v1: the caller's workflow; the commit is that of its repository and ref.

    The build type's text has `runner_environment` among the external parameters, its producers write it among the
    internal ones; where both have it they agree.
    """
    parameters = read_part(build.parameters, _WorkflowParameters)
    github = read_part(build.environment, _WorkflowInternals).github or _GitHub()
    given = parameters.workflow or _Workflow()
    repository, ref = normalise_source(given.repository or ""), given.ref or None
    named = (each for each in build.resources if each.uri.partition("@")[2] == (ref or ""))  # most are packages
    commits = (each.commit for each in named if split_revision(each.uri) == (repository, ref))
    source = SourceClaim(
        repository=repository,
        ref=ref,
        commit=only(commits) if repository else None,
        entry_point=given.path or None,
        trigger=github.event_name or None,
        repository_id=_text(github.repository_id),
        owner_id=_text(github.repository_owner_id),
    )
    environments = {each for each in (parameters.runner_environment, github.runner_environment) if each}
    if len(environments) > 1:
        raise MalformedAttestation("the provenance names two runner environments")
    return Origin(source=source, runner_environment=only(environments))


def generator(build: Build) -> Origin:
    """The generator's v0.2: config source and first material are the caller's repository at its ref."""
    source = agreed(build.config, build.resources, entry_point=build.entry_point)
    environment = read_part(build.environment, _Environment)
    return Origin(
        source=replace(
            source,
            trigger=environment.github_event_name or None,
            repository_id=_text(environment.github_repository_id),
            owner_id=_text(environment.github_repository_owner_id),
        )
    )


def delegated(build: Build) -> Origin:
    """A delegated build (BYOB) in v0.2: as the generator's, with the variables as the runner spells them."""
    return _with_variables(agreed(build.config, build.resources, entry_point=build.entry_point), build)


def delegated_v1(build: Build) -> Origin:
    """A delegated build in v1: the first resolved dependency is the caller's repository at its ref."""
    return _with_variables(agreed(build.resources[0] if build.resources else Resource(), ()), build)


def container_based(build: Build) -> Origin:
    """slsa.dev/container-based-build/v0.1: `source`, which is also the first resolved dependency."""
    given = read_part(build.parameters, _ContainerParameters).source or _Descriptor()
    source = Resource(uri=given.uri or "", digests=given.digest or {})
    return _with_variables(agreed(source, build.resources), build)


def _with_variables(source: SourceClaim, build: Build) -> Origin:
    variables = read_part(build.environment, _Variables)
    return Origin(
        source=replace(
            source,
            entry_point=source.entry_point or _workflow_path(variables),
            trigger=variables.github_event_name or None,
            repository_id=_text(variables.github_repository_id),
            owner_id=_text(variables.github_repository_owner_id),
        )
    )


def _workflow_path(variables: _Variables) -> str | None:
    """The path in `owner/repository/path@ref`."""
    repository = f"{variables.github_repository}/"
    reference = variables.github_workflow_ref or ""
    return reference.removeprefix(repository).partition("@")[0] if reference.startswith(repository) else None


def _text(scalar: _Scalar) -> str | None:
    return None if scalar in {None, ""} else str(scalar)
