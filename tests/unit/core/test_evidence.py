"""A verified statement carries the record of its kind, no other, and is about what its kind is about."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.evidence import Kind, VerifiedStatement
from controller.core.image import Digest
from controller.core.provenance import Provenance, SourceClaim
from controller.core.records import SBOM, SBOMFormat, Summary

D = Digest.of(b"D")
SUMMARY = Summary(verifier_id="v", resource_uri="r", passed=True, verified_levels=())
RECORDS: dict[str, Any] = {
    "provenance": Provenance(builder_id="b", build_type="t", source=SourceClaim()),
    "summary": SUMMARY,
    "sbom": SBOM(format=SBOMFormat.SPDX, version="2.3"),
}
OWN = {Kind.PROVENANCE: "provenance", Kind.SUMMARY: "summary", Kind.SOURCE_SUMMARY: "summary", Kind.SBOM: "sbom"}


def state(kind: Kind, *records: str, **changes: Any) -> VerifiedStatement:
    about: dict[str, Any] = {"subject": D}
    if kind is Kind.SOURCE_SUMMARY:
        about = {"subject": None, "commits": frozenset({"0" * 40})}
    given = {name: RECORDS[name] for name in records}
    return VerifiedStatement(kind=kind, predicate_type="p", payload=D, signer=None, **{**about, **given, **changes})


@pytest.mark.parametrize("kind", Kind)
def test_a_statement_with_the_record_of_its_kind_is_one(kind: Kind) -> None:
    own = [OWN[kind]] if kind in OWN else []
    assert state(kind, *own).kind is kind


@pytest.mark.parametrize("kind", OWN)
def test_without_the_record_of_its_kind_it_is_none(kind: Kind) -> None:
    with pytest.raises(ValueError, match="carries its record"):
        state(kind)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("other", RECORDS)
def test_with_another_record_it_is_none(kind: Kind, other: str) -> None:
    own = OWN.get(kind)
    if other == own:
        return
    with pytest.raises(ValueError, match="carries no other record"):
        state(kind, *([own] if own else []), other)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (Kind.OTHER, {"subject": None}),
        (Kind.OTHER, {"commits": frozenset({"0" * 40})}),
        (Kind.SOURCE_SUMMARY, {"subject": D}),
        (Kind.SOURCE_SUMMARY, {"commits": frozenset()}),
    ],
)
def test_about_the_wrong_thing_it_is_none(kind: Kind, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="about commits"):
        state(kind, *([OWN[kind]] if kind in OWN else []), **changes)
