"""SLSA provenance v1, and what holds for all versions."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.predicates import PROVENANCE, PROVENANCE_V1
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.wire.predicateparts import MAX_DIGESTS, MAX_PARAMETER_BYTES, MAX_RESOURCES
from controller.wire.provenance import read_provenance
from tests.support.foundry import BUILDER_ID, WORKFLOW_V1, encode, provenance_predicate

SHOP = "https://github.com/acme/shop"


def read(predicate: object, *, signed: bool = True) -> Provenance:
    return read_provenance(PROVENANCE_V1, encode(predicate), signed=signed)


def changed(part: str, **changes: object) -> dict[str, Any]:
    document: dict[str, Any] = provenance_predicate()
    document[part].update(changes)
    return document


def with_parameters(parameters: object) -> dict[str, Any]:
    return changed("buildDefinition", externalParameters=parameters)


def test_a_v1_predicate_is_read() -> None:
    workflow = {"repository": SHOP, "ref": "refs/tags/v1.2.3", "path": ".github/workflows/release.yml"}
    found = read(changed("buildDefinition", externalParameters={"workflow": workflow}, internalParameters=None))
    assert found == Provenance(
        builder_id=BUILDER_ID,
        build_type=WORKFLOW_V1,
        source=SourceClaim(
            repository=SHOP,
            ref="refs/tags/v1.2.3",
            commit="5f" * 20,
            entry_point=".github/workflows/release.yml",
        ),
        external_parameters={"workflow": workflow},
        invocation_id="run/1",
        dependencies=(Dependency(uri=f"git+{SHOP}@refs/tags/v1.2.3", digests={"gitCommit": "5f" * 20}),),
    )


def test_the_repository_is_normalised() -> None:
    assert read(provenance_predicate(repository=f"git+{SHOP}.git")).source.repository == SHOP


@pytest.mark.parametrize(
    "repository", ["http://github.com/acme/shop", "https://u@github.com/a/b", "https://github.com/a/../b", ""]
)
def test_what_is_no_repository_is_no_source(repository: str) -> None:
    source = read(provenance_predicate(repository=repository)).source
    assert (source.repository, source.commit) == (None, None)


@pytest.mark.parametrize(
    "parameters",
    [None, {}, {"workflow": None}, {"workflow": {}}, {"workflow": {"ref": None}}, {"workflow": {"ref": ""}}],
)
def test_unset_null_and_empty_are_no_source(parameters: object) -> None:
    source = read(with_parameters(parameters)).source
    assert (source.repository, source.ref, source.commit, source.entry_point) == (None, None, None, None)


@pytest.mark.parametrize(
    "parameters", [[], "text", {"workflow": "text"}, {"workflow": {"repository": 5}}, {"workflow": {"ref": ["a"]}}]
)
def test_parameters_of_another_shape_are_malformed(parameters: object) -> None:
    with pytest.raises(MalformedAttestation):
        read(with_parameters(parameters))


@pytest.mark.case("TYPE-013")
@pytest.mark.parametrize("predicate", [b"", b"null", b'"text"', b"[]", b"1", b"{}"])
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("predicate_type", sorted(PROVENANCE))
def test_a_predicate_that_is_no_provenance_is_malformed(predicate_type: str, predicate: bytes, *, signed: bool) -> None:
    with pytest.raises(MalformedAttestation):
        read_provenance(predicate_type, predicate, signed=signed)


@pytest.mark.case("PARSE-015")
def test_provenance_as_a_string_of_json_is_malformed() -> None:
    with pytest.raises(MalformedAttestation):
        read(encode(provenance_predicate()).decode())


@pytest.mark.case("TYPE-016")
@pytest.mark.parametrize("builder", [None, {}, {"id": ""}, {"id": None}, "id"])
def test_signed_provenance_names_its_builder(builder: object) -> None:
    with pytest.raises(MalformedAttestation):
        read(changed("runDetails", builder=builder))


def test_provenance_that_nobody_signed_may_name_no_builder() -> None:
    assert read(changed("runDetails", builder={"id": ""}), signed=False).builder_id == ""


@pytest.mark.case("TYPE-016")
@pytest.mark.parametrize("build_type", [None, "", 5])
@pytest.mark.parametrize("signed", [True, False])
def test_provenance_has_a_build_type(build_type: object, *, signed: bool) -> None:
    with pytest.raises(MalformedAttestation):
        read(changed("buildDefinition", buildType=build_type), signed=signed)


@pytest.mark.case("TYPE-017")
def test_unknown_members_are_ignored() -> None:
    document = changed("buildDefinition", buildkit_codename="x")
    document["runDetails"]["builder"]["version"] = {"x": "1"}
    document["anything"] = [1]
    assert read(document) == read(provenance_predicate())


@pytest.mark.case("PARSE-002")
@pytest.mark.parametrize(("name", "expected"), [("invocationID", "run/2"), ("invocationid", None)])
def test_the_invocation_id_is_read_as_buildkit_spells_it(name: str, expected: str | None) -> None:
    assert read(changed("runDetails", metadata={name: "run/2"})).invocation_id == expected


@pytest.mark.case("SUM-028")
@pytest.mark.parametrize(
    ("said", "complete"),
    [
        ({}, (True, True)),
        ({"request": True, "resolvedDependencies": True}, (True, True)),
        ({"request": True, "resolvedDependencies": False}, (True, False)),
        ({"request": False, "resolvedDependencies": True}, (False, True)),
    ],
)
def test_buildkit_says_whether_parameters_and_dependencies_are_complete(
    said: dict[str, bool], complete: tuple[bool, bool]
) -> None:
    found = read(changed("runDetails", metadata={"buildkit_completeness": said}))
    assert (found.parameters_complete, found.dependencies_complete) == complete


@pytest.mark.case("SUM-028")
def test_a_dependency_keeps_all_that_could_name_an_image() -> None:
    one = {"name": "base", "mediaType": "application/x", "downloadLocation": "docker://a/b", "digest": {"sha256": "aa"}}
    (found,) = read(changed("buildDefinition", resolvedDependencies=[one])).dependencies
    assert (found.uri, found.name, found.media_type, found.download_location) == (None, *list(one.values())[:3])


@pytest.mark.parametrize(
    "changes",
    [
        {"resolvedDependencies": [{}] * (MAX_RESOURCES + 1)},
        {"resolvedDependencies": [{"digest": {str(n): "0" for n in range(MAX_DIGESTS + 1)}}]},
        {"externalParameters": {"a": "x" * MAX_PARAMETER_BYTES}},
    ],
    ids=["resources", "digests", "parameters"],
)
def test_parts_are_bounded(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedAttestation):
        read(changed("buildDefinition", **changes))
