"""Which build type is read how. A build type gives parameters their meaning; an unknown one has no source (SRC-023)."""

import re
from collections.abc import Callable, Mapping

from controller.wire.sources import Build, Origin
from controller.wire.sources_github import container_based, delegated, delegated_v1, generator, workflow
from controller.wire.sources_platforms import (
    buildkit,
    buildkit_v1,
    cloud_build,
    cloud_build_recipe,
    cloud_build_worker,
    gitlab,
    gitlab_v1,
    tekton,
    tekton_v1,
)

Reader = Callable[[Build], Origin]

_GENERATOR = "https://github.com/slsa-framework/slsa-github-generator"
_CLOUD_BUILD = "https://cloudbuild.googleapis.com"
_TEKTON = "https://tekton.dev/chains/v2"
_GITLAB = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/*/PROVENANCE.md"
_GITLAB_PLATFORM = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"
_GITLAB_RUNNER = re.compile(r"https://gitlab\.com/gitlab-org/gitlab-runner/-/blob/[A-Za-z0-9._-]{1,100}/PROVENANCE\.md")

READERS_V01: Mapping[str, Reader] = {
    f"{_CLOUD_BUILD}/GoogleHostedWorker@v0.2": cloud_build_worker,
    f"{_CLOUD_BUILD}/CloudBuildYaml@v0.1": cloud_build_recipe,
    f"{_CLOUD_BUILD}/CloudBuildSteps@v0.1": cloud_build_recipe,
}
READERS_V02: Mapping[str, Reader] = {
    f"{_GENERATOR}/container@v1": generator,
    f"{_GENERATOR}/generic@v1": generator,
    f"{_GENERATOR}/go@v1": generator,
    f"{_GENERATOR}@v1": generator,  # generic, before 1.2.1
    f"{_GENERATOR}/delegator-generic@v0": delegated,
    _GITLAB: gitlab,
    "tekton.dev/v1/PipelineRun": tekton,
    "tekton.dev/v1/TaskRun": tekton,
    "tekton.dev/v1beta1/PipelineRun": tekton,
    "tekton.dev/v1beta1/TaskRun": tekton,
    "https://mobyproject.org/buildkit@v1": buildkit,
}
READERS_V1: Mapping[str, Reader] = {
    "https://actions.github.io/buildtypes/workflow/v1": workflow,
    "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1": workflow,
    f"{_GENERATOR}/delegator-generic@v0": delegated_v1,
    "https://slsa.dev/container-based-build/v0.1?draft": container_based,
    "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1": cloud_build,
    _GITLAB: gitlab_v1,
    _GITLAB_PLATFORM: gitlab_v1,
    f"{_TEKTON}/slsa": tekton_v1,
    f"{_TEKTON}/slsa-tekton": tekton_v1,
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md": buildkit_v1,
}


def read_origin(readers: Mapping[str, Reader], build_type: str, build: Build) -> Origin:
    """The origin by the reader of this build type; an empty one for a build type that this version does not know.

    Raises MalformedAttestation where parameters are not what their build type says.
    """
    reader = readers.get(_GITLAB if _GITLAB_RUNNER.fullmatch(build_type) else build_type)
    return reader(build) if reader else Origin()
