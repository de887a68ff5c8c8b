"""Whatever stands where others write a name: it is read, or it is none. Never an exception, and nobody else's loss."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.core.evidence import Kind, Refused
from controller.core.predicates import SUMMARY_V1
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.core.recorded import image_dependencies
from tests.support.foundry import Foundry, Layer, encode, provenance_predicate, statement
from tests.support.judging import SUBJECT, judge

FOUNDRY = Foundry()
DIGITS = "a.b:\u00b2/x"  # a digit to Python, and no number
NEAR = st.text(alphabet="abA019./:@-_*{}[]?%\u00b2\u0663\u0968\uff11", max_size=60)
TEXTS = st.one_of(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), NEAR)


def kinds(layer: Layer) -> set[Kind]:
    judged = judge(layer, FOUNDRY.roots)
    return set() if isinstance(judged, Refused) else {each.kind for each in judged}


@pytest.mark.case("REF-008")
@given(text=TEXTS)
@example(text=DIGITS)
def test_any_docker_reference_stands_in_a_signature(text: str) -> None:
    payload = FOUNDRY.simple_signing(SUBJECT, repository=text)
    assert kinds(FOUNDRY.signature_layer(payload)) == {Kind.IMAGE_SIGNATURE}


@given(text=TEXTS)
@example(text=DIGITS)
def test_any_name_of_a_subject_stands_in_a_statement(text: str) -> None:
    document: dict[str, Any] = statement(SUBJECT, predicate=provenance_predicate())
    (subject,) = document["subject"]
    payload = encode({**document, "subject": [{**subject, "name": text}, {"name": text, "digest": {"sha1": text}}]})
    assert kinds(FOUNDRY.bundle_layer(payload)) == {Kind.PROVENANCE}


@given(text=TEXTS)
@example(text=DIGITS)
def test_any_resource_and_verifier_stand_in_a_summary(text: str) -> None:
    predicate = {
        "verifier": {"id": text},
        "resourceUri": text,
        "policy": {"uri": text, "digest": {"sha256": text}},
        "verificationResult": "PASSED",
        "verifiedLevels": [text],
        "timeVerified": text,
        "dependencyLevels": {text: text},
    }
    payload = encode(statement(SUBJECT, predicate=predicate, predicate_type=SUMMARY_V1))
    assert kinds(FOUNDRY.bundle_layer(payload)) <= {Kind.SUMMARY}


@given(text=TEXTS, scheme=st.sampled_from(["", "docker://", "oci://", "https://", "pkg:docker/", "pkg:oci/x?"]))
@example(text=DIGITS, scheme="docker://")
@example(text=f"repository_url={DIGITS}", scheme="pkg:oci/x?")
def test_any_address_of_a_dependency_is_an_image_or_none(text: str, scheme: str) -> None:
    recorded = (Dependency(uri=f"{scheme}{text}", digests={"sha256": text}),)
    found = Provenance(builder_id="b", build_type="t", source=SourceClaim(), dependencies=recorded)
    assert len(image_dependencies(found)) <= 1
