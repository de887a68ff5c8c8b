"""SLSA provenance predicates."""

from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Provenance, SourceClaim
from controller.wire.provenance import parse_provenance_v1
from tests.support.foundry import BUILDER_ID, WORKFLOW_V1, encode, provenance_predicate


def with_parameters(parameters: object) -> bytes:
    document: Any = provenance_predicate()
    document["buildDefinition"]["externalParameters"] = parameters
    return encode(document)


def test_a_v1_predicate_is_read() -> None:
    assert parse_provenance_v1(encode(provenance_predicate())) == Provenance(
        builder_id=BUILDER_ID,
        build_type=WORKFLOW_V1,
        source=SourceClaim(repository="https://github.com/acme/shop", ref="refs/tags/v1.2.3"),
    )


def test_the_repository_is_normalised() -> None:
    found = parse_provenance_v1(encode(provenance_predicate(repository="git+https://github.com/acme/shop.git")))
    assert found.source.repository == "https://github.com/acme/shop"


@pytest.mark.parametrize(
    "repository", ["http://github.com/acme/shop", "https://u@github.com/a/b", "https://github.com/a/../b", ""]
)
def test_what_is_no_repository_is_no_source(repository: str) -> None:
    assert parse_provenance_v1(encode(provenance_predicate(repository=repository))).source.repository is None


@pytest.mark.parametrize(
    "parameters",
    [None, {}, {"workflow": None}, {"workflow": {}}, {"workflow": {"ref": None}}, {"workflow": {"ref": ""}}],
)
def test_unset_null_and_empty_are_no_source(parameters: object) -> None:
    assert parse_provenance_v1(with_parameters(parameters)).source == SourceClaim()


@pytest.mark.parametrize(
    "parameters", [[], "text", {"workflow": "text"}, {"workflow": {"repository": 5}}, {"workflow": {"ref": ["a"]}}]
)
def test_parameters_of_another_shape_are_malformed(parameters: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_provenance_v1(with_parameters(parameters))


@pytest.mark.case("SRC-023")
@pytest.mark.parametrize("build_type", ["https://ci.acme.example/build/v1", WORKFLOW_V1 + "/", WORKFLOW_V1.upper()])
def test_the_parameters_of_an_unknown_build_type_mean_nothing(build_type: str) -> None:
    assert parse_provenance_v1(encode(provenance_predicate(build_type=build_type))).source == SourceClaim()
