"""Judging candidates: every single defect is refused."""

import pytest

from controller.core.evidence import Kind
from controller.core.image import Digest
from tests.support.defects import Defect, forge
from tests.support.foundry import (
    Foundry,
)
from tests.support.judging import SUBJECT, refused

CASES = {
    Defect.SUBJECT_MISSING: "BIND-005",
    Defect.SUBJECT_NULL: "BIND-005",
    Defect.SUBJECT_EMPTY: "BIND-005",
    Defect.SUBJECT_NOT_A_LIST: "BIND-005",
    Defect.SUBJECTS_TOO_MANY: "PARSE-007",
    Defect.DIGESTS_TOO_MANY: "PARSE-007",
    Defect.BUNDLE_LOG_ENTRIES_TOO_MANY: "PARSE-007",
    Defect.BUNDLE_TIMESTAMPS_TOO_MANY: "PARSE-007",
    Defect.BUNDLE_CERTIFICATES_TOO_MANY: "PARSE-007",
    Defect.STATEMENT_TYPE_UNKNOWN: "TYPE-011",
    Defect.STATEMENT_DUPLICATE_KEY: "PARSE-001",
    Defect.BUNDLE_DUPLICATE_KEY: "PARSE-001",
    Defect.PREDICATE_TYPE_KEY_LOWER_CASE: "PARSE-002",
    Defect.PREDICATE_NULL: "TYPE-013",
    Defect.PREDICATE_STRING: "TYPE-013",
    Defect.PREDICATE_LIST: "TYPE-013",
    Defect.PREDICATE_MISSING: "TYPE-013",
    Defect.PREDICATE_OF_V02: "TYPE-022",
    Defect.BUILDER_ID_MISSING: "TYPE-016",
    Defect.BUILDER_ID_EMPTY: "TYPE-016",
    Defect.BUILD_TYPE_MISSING: "TYPE-016",
    Defect.BUILD_TYPE_EMPTY: "TYPE-016",
    Defect.BUNDLE_VERSION_UNKNOWN: "TYPE-019",
    Defect.BUNDLE_BOTH_CONTENTS: "TYPE-018",
    Defect.BUNDLE_NO_CONTENT: "TYPE-018",
    Defect.BUNDLE_NO_MATERIAL: "SIGN-004",
    Defect.BUNDLE_KEY_AS_CERTIFICATE: "TYPE-021",
    Defect.BUNDLE_TRAILING_BYTES: "PARSE-005",
    Defect.UNKNOWN_KEY: "KEY-002",
    Defect.BYTE_FLIPPED: "SIGN-006",
    Defect.PAYLOAD_SWAPPED: "SIGN-006",
    Defect.PAYLOAD_TYPE_CHANGED: "TYPE-005",
    Defect.PAYLOAD_TYPE_PLAIN_JSON: "TYPE-003",
    Defect.SIGNATURE_EMPTY: "SIGN-004",
    Defect.SIGNATURES_EMPTY: "SIGN-004",
    Defect.SIGNATURE_TWICE: "SIGN-005",
    Defect.SIGNATURE_RAW: "KEY-004",
    Defect.SIGNATURE_TRAILING_BYTE: "KEY-005",
    Defect.SIGNATURE_LONG_LENGTH: "KEY-005",
    Defect.SIGNATURE_PADDED_INTEGER: "KEY-005",
    Defect.SIGNATURE_ZERO: "KEY-005",
    Defect.SIGNATURE_NEGATIVE: "KEY-005",
    Defect.SIGNATURE_FOREIGN_BASE64: "PARSE-003",
    Defect.SIGNATURE_OVER_PAYLOAD_ONLY: "TYPE-005",
}


@pytest.mark.parametrize(
    "defect", [pytest.param(defect, marks=pytest.mark.case(case), id=defect.name) for defect, case in CASES.items()]
)
def test_provenance_with_this_defect_is_not_verified(foundry: Foundry, defect: Defect) -> None:
    found = refused(forge(foundry, defect, SUBJECT), foundry.roots)
    assert found.step == 0
    assert found.kind in {Kind.PROVENANCE, None}  # what makes the finding NotVerified and not NoProvenance
    assert found.detail.isascii()


@pytest.mark.parametrize("defect", Defect)
def test_no_defect_verifies(foundry: Foundry, defect: Defect) -> None:
    layer = forge(foundry, defect, SUBJECT)
    assert refused(layer, foundry.roots).where == str(Digest.of(layer.content))
