"""SLSA provenance v0.1 and v0.2."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.predicates import PROVENANCE_V01, PROVENANCE_V01_ALIAS, PROVENANCE_V02, PROVENANCE_V1
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.wire.provenance import read_provenance
from tests.support.foundry import encode, provenance_predicate

OTHER_TYPE = "https://ci.acme.example/build/v1"
MATERIALS = [{"uri": "git+https://github.com/acme/shop", "digest": {"sha1": "5f" * 20}}, {"digest": None}]


def v01(**changes: object) -> dict[str, Any]:
    return {
        "builder": {"id": "https://b.example"},
        "recipe": {"type": OTHER_TYPE, "arguments": {"a": [1]}},
        "metadata": {"buildInvocationId": "run/1", "buildStartedOn": "long ago"},
        "materials": MATERIALS,
        **changes,
    }


def v02(**changes: object) -> dict[str, Any]:
    return {
        "builder": {"id": "https://b.example"},
        "buildType": OTHER_TYPE,
        "invocation": {"parameters": {"a": [1]}, "environment": {"x": 1}},
        "metadata": {"buildInvocationId": "run/1"},
        "materials": MATERIALS,
        **changes,
    }


def read(predicate_type: str, predicate: object, *, signed: bool = True) -> Provenance:
    return read_provenance(predicate_type, encode(predicate), signed=signed)


EXPECTED = Provenance(
    builder_id="https://b.example",
    build_type=OTHER_TYPE,
    source=SourceClaim(),
    external_parameters={"a": [1]},
    invocation_id="run/1",
    dependencies=(
        Dependency(uri="git+https://github.com/acme/shop", digests={"sha1": "5f" * 20}),
        Dependency(uri=None, digests={}),
    ),
)


@pytest.mark.case("TYPE-015")
def test_v01_its_alias_and_v02_are_the_same_record() -> None:
    assert read(PROVENANCE_V01, v01()) == EXPECTED
    assert read(PROVENANCE_V01_ALIAS, v01()) == EXPECTED
    assert read(PROVENANCE_V02, v02()) == EXPECTED


@pytest.mark.case("PARSE-002")
def test_the_invocation_id_has_one_other_spelling_and_keys_have_one_case() -> None:
    assert read(PROVENANCE_V02, v02(metadata={"buildInvocationID": "run/2"})).invocation_id == "run/2"
    assert read(PROVENANCE_V02, v02(metadata={"buildinvocationid": "run/2"})).invocation_id is None
    with pytest.raises(MalformedAttestation, match="buildType"):
        read(PROVENANCE_V02, {"buildtype" if key == "buildType" else key: value for key, value in v02().items()})
    with pytest.raises(MalformedAttestation, match="two invocation ids"):
        read(PROVENANCE_V02, v02(metadata={"buildInvocationID": "run/2", "buildInvocationId": "run/1"}))


@pytest.mark.case("TYPE-016")
@pytest.mark.parametrize("builder", [{}, {"id": ""}, {"id": None}])
@pytest.mark.parametrize(("predicate_type", "make"), [(PROVENANCE_V01, v01), (PROVENANCE_V02, v02)])
def test_signed_provenance_names_its_builder(predicate_type: str, make: Any, builder: object) -> None:
    with pytest.raises(MalformedAttestation, match=r"no builder\.id"):
        read(predicate_type, make(builder=builder))
    assert read(predicate_type, make(builder=builder), signed=False).builder_id == ""


@pytest.mark.case("TYPE-016")
@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (PROVENANCE_V02, v02(buildType="")),
        (PROVENANCE_V02, v02(buildType=None)),
        (PROVENANCE_V01, v01(recipe={})),
        (PROVENANCE_V01, v01(recipe={"type": ""})),
        (PROVENANCE_V01, v01(recipe=None)),
        (PROVENANCE_V02, v02(builder=None)),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_provenance_has_a_build_type(predicate_type: str, predicate: object, *, signed: bool) -> None:
    with pytest.raises(MalformedAttestation):
        read(predicate_type, predicate, signed=signed)


@pytest.mark.case("TYPE-022")
@pytest.mark.parametrize("signed", [True, False])
def test_a_predicate_under_another_versions_type_is_malformed(*, signed: bool) -> None:
    shapes = {PROVENANCE_V01: v01(), PROVENANCE_V02: v02(), PROVENANCE_V1: provenance_predicate()}
    for predicate_type, shape in shapes.items():
        assert read(predicate_type, shape).build_type
        for other in shapes.keys() - {predicate_type}:
            with pytest.raises(MalformedAttestation):
                read(other, shape, signed=signed)


@pytest.mark.parametrize(
    ("predicate_type", "predicate"),
    [
        (PROVENANCE_V01, v01(recipe={"type": "t", "arguments": []})),
        (PROVENANCE_V02, v02(invocation={"parameters": "text"})),
        (PROVENANCE_V02, v02(invocation=[])),
        (PROVENANCE_V02, v02(materials={})),
        (PROVENANCE_V02, v02(materials=["x"])),
        (PROVENANCE_V02, v02(materials=[{"digest": {"sha1": 5}}])),
        (PROVENANCE_V02, v02(metadata={"buildInvocationId": 5})),
    ],
)
def test_members_of_another_shape_are_malformed(predicate_type: str, predicate: object) -> None:
    with pytest.raises(MalformedAttestation):
        read(predicate_type, predicate)


@pytest.mark.parametrize("empty", [{"invocation": None, "metadata": None, "materials": None}, {"invocation": {}}])
def test_unset_null_and_empty_are_the_same(empty: dict[str, object]) -> None:
    found = read(PROVENANCE_V02, v02(**empty))
    assert (found.external_parameters, found.source) == ({}, SourceClaim())


@pytest.mark.case("SRC-017")
@pytest.mark.parametrize(
    ("completeness", "complete"),
    [((), True), ((None,), True), ((True,), True), ((False,), False)],
)
def test_parameters_are_complete_unless_the_predicate_says_otherwise(
    completeness: tuple[bool | None, ...], *, complete: bool
) -> None:
    for predicate_type, make, name in ((PROVENANCE_V01, v01, "arguments"), (PROVENANCE_V02, v02, "parameters")):
        said = {name: completeness[0]} if completeness else {}
        found = read(predicate_type, make(metadata={"completeness": said or None}))
        assert found.parameters_complete is complete


@pytest.mark.case("SUM-028")
@pytest.mark.parametrize(("said", "complete"), [({}, True), ({"materials": True}, True), ({"materials": False}, False)])
def test_materials_are_complete_unless_the_predicate_says_otherwise(said: dict[str, bool], *, complete: bool) -> None:
    for predicate_type, make in ((PROVENANCE_V01, v01), (PROVENANCE_V02, v02)):
        assert read(predicate_type, make(metadata={"completeness": said})).dependencies_complete is complete
