"""Where each build type has its source, and what is no source."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.predicates import PROVENANCE_V01, PROVENANCE_V02, PROVENANCE_V1
from controller.core.provenance import Provenance, SourceClaim
from controller.core.source import SourceTemplate
from controller.wire.provenance import read_provenance
from tests.support.foundry import encode

SHOP = "https://github.com/acme/shop"
COMMIT = "5f" * 20
OTHER = "6a" * 20
REF = "refs/tags/v1.2.3"
AT = f"git+{SHOP}@{REF}"
PATH = ".github/workflows/release.yml"
GENERATOR = "https://github.com/slsa-framework/slsa-github-generator"
CONTAINER = f"{GENERATOR}/container@v1"
DELEGATED = f"{GENERATOR}/delegator-generic@v0"
GITHUB = "https://actions.github.io/buildtypes/workflow/v1"
GITLAB = "https://gitlab.com/gitlab-org/gitlab-runner/-/blob/v16.7.0/PROVENANCE.md"
CLOUD = "https://cloudbuild.googleapis.com"
WORKER = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1"
PIPELINE_RUN = "tekton.dev/v1/PipelineRun"
BUILDKIT = "https://mobyproject.org/buildkit@v1"
BUILDKIT_V1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
VARIABLES = {
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "acme/shop",
    "GITHUB_REPOSITORY_ID": "11",
    "GITHUB_REPOSITORY_OWNER_ID": 22,
    "GITHUB_WORKFLOW_REF": f"acme/shop/{PATH}@{REF}",
}
ALL = SourceClaim(
    repository=SHOP, ref=REF, commit=COMMIT, entry_point=PATH, trigger="push", repository_id="11", owner_id="22"
)


def resource(uri: object = AT, name: str | None = None, **digest: object) -> dict[str, Any]:
    return {"uri": uri, "digest": digest or {"sha1": COMMIT}, **({"name": name} if name else {})}


def read(predicate_type: str, predicate: object) -> Provenance:
    return read_provenance(predicate_type, encode(predicate), signed=True)


def v01(build_type: str, *materials: object, **recipe: object) -> SourceClaim:
    predicate = {"builder": {"id": "b"}, "recipe": {"type": build_type, **recipe}, "materials": materials}
    return read(PROVENANCE_V01, predicate).source


def v02(build_type: str, config: object, *materials: object, **invocation: object) -> SourceClaim:
    predicate = {
        "builder": {"id": "b"},
        "buildType": build_type,
        "invocation": {"configSource": config, **invocation},
        "materials": materials,
    }
    return read(PROVENANCE_V02, predicate).source


def v1(build_type: str, parameters: object, *resources: object, internal: object = None) -> SourceClaim:
    return full_v1(build_type, parameters, *resources, internal=internal).source


def full_v1(build_type: str, parameters: object, *resources: object, internal: object = None) -> Provenance:
    definition = {
        "buildType": build_type,
        "externalParameters": parameters,
        "internalParameters": internal,
        "resolvedDependencies": resources,
    }
    return read(PROVENANCE_V1, {"buildDefinition": definition, "runDetails": {"builder": {"id": "b"}}})


def config(uri: object = AT, entry_point: object = PATH, **digest: object) -> dict[str, Any]:
    return {"uri": uri, "digest": digest or {"sha1": COMMIT}, "entryPoint": entry_point}


ENVIRONMENT = {
    "github_event_name": "push",
    "github_repository_id": "11",
    "github_repository_owner_id": "22",
    "github_event_payload": {"any": ["thing"]},
}


@pytest.mark.parametrize("build_type", [CONTAINER, f"{GENERATOR}/generic@v1", f"{GENERATOR}/go@v1", f"{GENERATOR}@v1"])
def test_the_generator_says_everything(build_type: str) -> None:
    assert v02(build_type, config(), resource(), environment=ENVIRONMENT) == ALL


def test_a_delegated_build_says_the_same_in_both_versions() -> None:
    assert v02(DELEGATED, config(), resource(), environment=VARIABLES) == ALL
    assert v1(DELEGATED, {"inputs": {}}, resource(gitCommit=COMMIT), internal=VARIABLES) == ALL
    assert v1(DELEGATED, {"inputs": {}}, internal=VARIABLES).repository is None


def test_a_container_based_build_names_its_source_as_a_parameter() -> None:
    build_type = "https://slsa.dev/container-based-build/v0.1?draft"
    parameters = {"source": resource(), "builderImage": resource("bash@sha256:00"), "configPath": "a.toml"}
    assert v1(build_type, parameters, resource(), internal=VARIABLES) == ALL
    assert contradictory(v1(build_type, parameters, resource(f"git+https://github.com/evil/shop@{REF}")))


def contradictory(claim: SourceClaim) -> bool:
    """Nothing can equal it: neither an expectation nor what a certificate says."""
    template = SourceTemplate.compile(SHOP, ())
    return claim.repository is not None and " and " in claim.repository and not template.accepts(claim.repository, ())


@pytest.mark.case("SRC-010")
@pytest.mark.parametrize("build_type", [CONTAINER, DELEGATED, GITLAB])
@pytest.mark.parametrize(
    "other",
    [
        resource(f"git+https://github.com/evil/shop@{REF}"),
        resource(f"git+{SHOP}@refs/heads/main"),
        resource(sha1=OTHER),
        resource(gitCommit=OTHER),
        resource(f"git+ssh://github.com/acme/shop@{REF}"),
        resource("pkg:docker/debian@sha256:00", sha256="00"),
        resource(None),
    ],
)
def test_a_config_source_and_a_first_material_that_differ_name_no_source(build_type: str, other: Any) -> None:
    assert contradictory(v02(build_type, config(), other))
    assert contradictory(v02(build_type, config(), other, resource()))
    reverse = {"uri": other["uri"], "digest": other["digest"], "entryPoint": PATH}
    claim = v02(build_type, reverse, resource())
    assert contradictory(claim) or (other["uri"] is None and claim.repository is None)
    assert (claim.ref, claim.commit) == (None, None)


def test_saying_it_once_is_no_contradiction() -> None:
    assert v02(CONTAINER, config()).repository == SHOP
    assert v02(CONTAINER, config(), {"uri": AT}).commit == COMMIT


@pytest.mark.case("SRC-007")
def test_a_source_is_split_at_the_first_at() -> None:
    uri = f"git+{SHOP}@x@refs/heads/main"
    assert v02(CONTAINER, config(uri), resource(uri)).ref == "x@refs/heads/main"


GITHUB_INTERNAL = {
    "github": {
        "event_name": "push",
        "repository_id": "11",
        "repository_owner_id": "22",
        "runner_environment": "github-hosted",
    }
}


def github_parameters(**more: object) -> dict[str, object]:
    return {"workflow": {"repository": SHOP, "ref": REF, "path": PATH}, **more}


def test_github_says_everything() -> None:
    found = full_v1(GITHUB, github_parameters(), resource(gitCommit=COMMIT), internal=GITHUB_INTERNAL)
    assert (found.source, found.runner_environment) == (ALL, "github-hosted")


def test_the_runner_environment_is_read_where_the_build_type_has_it_too() -> None:
    assert full_v1(GITHUB, github_parameters(runner_environment="self-hosted")).runner_environment == "self-hosted"
    both = full_v1(GITHUB, github_parameters(runner_environment="github-hosted"), internal=GITHUB_INTERNAL)
    assert both.runner_environment == "github-hosted"
    with pytest.raises(MalformedAttestation, match="two runner environments"):
        full_v1(GITHUB, github_parameters(runner_environment="self-hosted"), internal=GITHUB_INTERNAL)


@pytest.mark.parametrize(
    "resources",
    [
        [],
        [resource(f"git+{SHOP}@refs/heads/main", gitCommit=COMMIT)],
        [resource("git+https://github.com/evil/shop@refs/tags/v1.2.3", gitCommit=COMMIT)],
        [resource(gitCommit=COMMIT), resource(gitCommit=OTHER)],
        [resource(gitCommit=COMMIT, sha1=OTHER)],
        [resource(gitCommit=COMMIT.upper())],
    ],
)
def test_the_commit_is_the_one_of_the_repository_and_ref(resources: list[object]) -> None:
    assert v1(GITHUB, github_parameters(), *resources).commit is None


def test_there_is_no_commit_without_a_repository() -> None:
    assert v1(GITHUB, {}, resource("pkg:docker/debian", sha1=COMMIT)) == SourceClaim()


@pytest.mark.case("SRC-021")
def test_forty_digits_under_sha256_are_a_commit_for_gitlab_only() -> None:
    uri = "https://gitlab.com/acme/shop"
    expected = SourceClaim(repository=uri, commit=COMMIT)
    assert v02(GITLAB, config(uri, "build-job", sha256=COMMIT), resource(uri, sha256=COMMIT)) == expected
    assert v1(GITLAB, {"source": uri, "entryPoint": "build-job"}, resource(uri, sha256=COMMIT)) == expected
    assert v02(GITLAB, config(uri, sha256="0" * 64)).commit is None
    differing = v02(GITLAB, config(uri, sha256=COMMIT), resource(uri, sha256=OTHER))
    assert contradictory(differing)
    assert differing.commit is None
    assert v02(GITLAB, config("ssh://gitlab.com/acme/shop", sha256=COMMIT)) == SourceClaim()
    assert v02(CONTAINER, config(sha256=COMMIT), resource(sha256=COMMIT)).commit is None
    assert v1(GITHUB, github_parameters(), resource(sha256=COMMIT)).commit is None
    assert v02(f"{GITLAB}#", config(uri, sha256=COMMIT)) == SourceClaim()


def test_what_gitlabs_platform_attests_names_source_and_commit() -> None:
    """Its dependencies hold images, too: the source is the one with the address of the project."""
    platform = "https://docs.gitlab.com/ci/pipeline_security/slsa/provenance_v1"
    uri = "https://gitlab.com/acme/shop"
    image = resource("pkg:docker/registry.example/base@1", sha256="5f" * 32)
    parameters = {"source": uri, "entryPoint": "build-job", "variables": {"CI": "true"}}
    assert v1(platform, parameters, image, resource(uri, gitCommit=COMMIT)) == SourceClaim(
        repository=uri, commit=COMMIT
    )
    assert v1(platform, parameters, image) == SourceClaim(repository=uri)
    assert v1(f"{platform}/", parameters, resource(uri, gitCommit=COMMIT)) == SourceClaim()


@pytest.mark.case("SRC-022")
def test_google_cloud_build_has_three_dialects() -> None:
    first = v01(f"{CLOUD}/GoogleHostedWorker@v0.2", {"uri": f"{SHOP}/commit/{COMMIT}"}, entryPoint="cloudbuild.yaml")
    second = [
        v01(f"{CLOUD}/{recipe}@v0.1", resource(f"{scheme}{SHOP}"), entryPoint="cloudbuild.yaml")
        for recipe in ("CloudBuildYaml", "CloudBuildSteps")
        for scheme in ("", "git+")
    ]
    source = {"repository": f"git+{SHOP}", "ref": REF, "path": "cloudbuild.yaml"}
    third = [
        v1(WORKER, {"buildConfigSource": source}, resource(), resource("gcr.io/x@sha256:00", sha256="00")),
        v1(WORKER, {"buildConfigSource": source, "sourceToBuild": source}, resource(gitCommit=COMMIT)),
    ]
    expected = SourceClaim(repository=SHOP, commit=COMMIT, entry_point="cloudbuild.yaml")
    assert {first, *second} == {expected}
    assert {(each.repository, each.ref, each.commit, each.entry_point) for each in third} == {
        (SHOP, REF, COMMIT, "cloudbuild.yaml")
    }


def test_a_dialect_is_read_for_its_own_build_type_only() -> None:
    page = {"uri": f"{SHOP}/commit/{COMMIT}"}
    assert v01(f"{CLOUD}/CloudBuildYaml@v0.1", page) == SourceClaim()
    assert v01(f"{CLOUD}/GoogleHostedWorker@v0.2", resource(SHOP)) == SourceClaim()
    assert v02(f"{CLOUD}/CloudBuildYaml@v0.1", config(SHOP), resource(SHOP)) == SourceClaim()
    assert v02(CONTAINER, config(f"{SHOP}.git#{REF}"), resource(f"{SHOP}.git#{REF}")) == SourceClaim()
    assert v02(BUILDKIT, config(AT)) == SourceClaim()


def test_a_recipe_names_its_material() -> None:
    materials = (resource("https://github.com/acme/other"), resource(SHOP))
    for index in (1, "1"):
        assert v01(f"{CLOUD}/CloudBuildYaml@v0.1", *materials, definedInMaterial=index).repository == SHOP
    for index in (-1, "-1", 2):
        assert v01(f"{CLOUD}/CloudBuildYaml@v0.1", *materials, definedInMaterial=index) == SourceClaim()
    with pytest.raises(MalformedAttestation, match="definedInMaterial"):
        v01(f"{CLOUD}/CloudBuildYaml@v0.1", *materials, definedInMaterial="one")


@pytest.mark.parametrize(
    ("parameters", "resources"),
    [
        ({"sourceToBuild": {"repository": "https://github.com/evil/shop", "ref": REF}}, [resource()]),
        ({"sourceToBuild": {"repository": SHOP, "ref": "refs/heads/main"}}, [resource()]),
        ({}, [resource("git+https://github.com/evil/shop")]),
        ({}, [resource(), resource("git+https://github.com/evil/shop")]),
    ],
)
def test_a_google_cloud_build_of_two_sources_has_none(parameters: dict[str, object], resources: list[object]) -> None:
    source = {"repository": SHOP, "ref": REF}
    assert contradictory(v1(WORKER, {"buildConfigSource": source, **parameters}, *resources))


@pytest.mark.case("SRC-024")
def test_uploads_and_local_contexts_are_no_source() -> None:
    upload = resource("gs://acme_cloudbuild/source/1.tgz#2", md5="00", sha256="00")
    archive = resource("https://storage.example/acme/shop.tgz", sha256="0" * 64)
    for material in (upload, archive):
        assert v01(f"{CLOUD}/CloudBuildSteps@v0.1", material, definedInMaterial="-1") == SourceClaim()
        assert v01(f"{CLOUD}/CloudBuildSteps@v0.1", material) == SourceClaim()
        assert v02(BUILDKIT, config(material["uri"], **material["digest"])) == SourceClaim()
        assert v1(WORKER, {}, material) == SourceClaim()
        assert v1(WORKER, {"buildConfigSource": {"repository": SHOP, "ref": REF}}, material) == SourceClaim()
    assert v02(BUILDKIT, config(f"{SHOP}.git", sha256="0" * 64)) == SourceClaim()
    assert v02(BUILDKIT, config("https://storage.example/acme/shop.tgz")) == SourceClaim()
    assert v02(BUILDKIT, {"entryPoint": "Dockerfile"}) == SourceClaim()
    assert v1(BUILDKIT_V1, {"configSource": {"path": "Dockerfile"}}) == SourceClaim()


GIT = f"git+{SHOP}.git"


@pytest.mark.parametrize("build_type", [PIPELINE_RUN, "tekton.dev/v1beta1/TaskRun"])
def test_tekton_reports_the_source_as_a_material(build_type: str) -> None:
    image = resource("docker.io/library/bash", sha256="00")
    definition = config("git+https://github.com/acme/pipelines.git", "release.yaml", sha1=OTHER)
    assert v02(build_type, definition, image, resource(GIT)) == SourceClaim(repository=SHOP, commit=COMMIT)
    own = v02(build_type, config(GIT, "ci/release.yaml"), image, resource(GIT))
    assert own == SourceClaim(repository=SHOP, commit=COMMIT, entry_point="ci/release.yaml")


@pytest.mark.parametrize("form", ["slsa", "slsa-tekton"])
def test_tekton_reports_the_source_as_an_input(form: str) -> None:
    definition = resource("git+https://github.com/acme/pipelines.git", "pipeline", sha1=OTHER)
    found = v1(f"https://tekton.dev/chains/v2/{form}", {"runSpec": {}}, definition, resource(GIT, "inputs/result"))
    assert found == SourceClaim(repository=SHOP, commit=COMMIT)
    parameters = {"buildConfigSource": {"repository": GIT, "path": "ci/release.yaml", "ref": f"sha1:{COMMIT}"}}
    found = v1(f"https://tekton.dev/chains/v2/{form}", parameters, resource(GIT, "inputs/result"))
    assert found == SourceClaim(repository=SHOP, commit=COMMIT, entry_point="ci/release.yaml")


def test_of_several_repositories_none_is_guessed() -> None:
    other = resource("git+https://github.com/evil/shop.git", "inputs/result", sha1=OTHER)
    assert v02(PIPELINE_RUN, None, resource(GIT), other) == SourceClaim()
    assert v02(PIPELINE_RUN, None, other, resource(GIT)) == SourceClaim()
    assert v1("https://tekton.dev/chains/v2/slsa", {}, resource(GIT, "inputs/result"), other) == SourceClaim()
    assert v02(PIPELINE_RUN, None, resource(GIT), resource(GIT, sha1=OTHER)) == SourceClaim(repository=SHOP)


@pytest.mark.case("SRC-022")
@pytest.mark.parametrize(
    ("address", "ref", "entry_point"),
    [
        (f"{SHOP}.git#{REF}", REF, "Dockerfile"),
        (f"{SHOP}.git", None, "Dockerfile"),
        (f"{SHOP}.git#v1.2.3", None, "Dockerfile"),
        (f"{SHOP}.git#{REF}:web", REF, None),
    ],
)
def test_buildkit_names_its_context(address: str, ref: str | None, entry_point: str | None) -> None:
    expected = SourceClaim(repository=SHOP, ref=ref, commit=COMMIT, entry_point=entry_point)
    assert v02(BUILDKIT, config(address, "Dockerfile")) == expected
    context = {"uri": address, "digest": {"sha1": COMMIT}, "path": "Dockerfile"}
    assert v1(BUILDKIT_V1, {"configSource": context}) == expected


@pytest.mark.case("SRC-023")
@pytest.mark.parametrize(
    "build_type", ["https://ci.acme.example/build/v1", f"{CONTAINER}/", CONTAINER.upper(), GITHUB, PIPELINE_RUN]
)
def test_an_unknown_build_type_or_one_of_another_version_has_no_source(build_type: str) -> None:
    if build_type != PIPELINE_RUN:
        assert v02(build_type, config(), resource(), environment=ENVIRONMENT) == SourceClaim()
    if build_type != GITHUB:
        assert v1(build_type, github_parameters(), resource(gitCommit=COMMIT)) == SourceClaim()
    assert v01(build_type, resource(SHOP)) == SourceClaim()


@pytest.mark.parametrize(
    ("build_type", "parameters"),
    [
        (GITHUB, {"workflow": "text"}),
        (GITHUB, {"workflow": {"ref": ["a"]}}),
        (WORKER, {"buildConfigSource": []}),
        (GITLAB, {"source": 5}),
        (BUILDKIT_V1, {"configSource": "x"}),
        ("https://tekton.dev/chains/v2/slsa", {"buildConfigSource": {"path": 1}}),
    ],
)
def test_parameters_that_their_build_type_does_not_have_are_malformed(build_type: str, parameters: object) -> None:
    with pytest.raises(MalformedAttestation):
        v1(build_type, parameters)
