"""Judging candidates: statements that nobody signed, and what statements other than provenance prove."""

from __future__ import annotations

import json

import pytest

from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.trust.verify import judge_candidate
from controller.wire.candidate import Candidate, Container
from tests.support.foundry import PROVENANCE_V1, SIGN_V1, Foundry, another_digest, encode, statement
from tests.support.judging import NOW, SUBJECT, proven, refused, signed

COMMIT = "5f" * 20
SPDX = "https://spdx.dev/Document"
SUMMARY_V1 = "https://slsa.dev/verification_summary/v1"
SUMMARY = {
    "verifier": {"id": "https://scs.example"},
    "resourceUri": "git+https://github.com/acme/shop",
    "policy": {"uri": "https://scs.example/policy"},
    "verificationResult": "PASSED",
    "verifiedLevels": ["SLSA_SOURCE_LEVEL_3"],
}


def bare(payload: bytes) -> Candidate:
    return Candidate(container=Container.STATEMENT, content=payload, digest=Digest.of(payload))


def bill_of_materials() -> bytes:
    document = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "shop"}
    return encode(statement(SUBJECT, predicate_type=SPDX, predicate=document))


class TestUnsigned:
    @pytest.mark.case("SIGN-001")
    def test_bare_provenance_has_no_signer_and_no_time(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        found = proven(bare(payload), foundry.roots)
        assert (found.kind, found.payload) == (Kind.PROVENANCE, Digest.of(payload))
        assert (found.signer, found.times) == (None, ())
        assert found.provenance is not None

    def test_a_bare_bill_of_materials_has_no_signer(self, foundry: Foundry) -> None:
        found = proven(bare(bill_of_materials()), foundry.roots)
        assert (found.kind, found.signer) == (Kind.SBOM, None)
        assert found.sbom is not None

    @pytest.mark.parametrize(
        ("predicate_type", "predicate", "kind"),
        [
            (SIGN_V1, {}, Kind.IMAGE_SIGNATURE),
            (SUMMARY_V1, SUMMARY, Kind.SUMMARY),
            ("https://acme.example/attestation", {}, Kind.OTHER),
        ],
    )
    def test_anything_else_that_nobody_signed_is_nothing(
        self, foundry: Foundry, predicate_type: str, predicate: object, kind: Kind
    ) -> None:
        payload = encode(statement(SUBJECT, predicate_type=predicate_type, predicate=predicate))
        found = refused(bare(payload), foundry.roots)
        assert (found.step, found.kind, found.detail) == (0, kind, "nobody signed it")

    def test_a_bare_statement_about_another_digest_is_nothing(self, foundry: Foundry) -> None:
        found = refused(bare(foundry.provenance(another_digest(SUBJECT))), foundry.roots)
        assert (found.step, found.kind, found.detail) == (1, Kind.PROVENANCE, "about another digest")

    def test_an_envelope_is_no_bare_statement(self, foundry: Foundry) -> None:
        refused(bare(foundry.envelope(foundry.provenance(SUBJECT))), foundry.roots)


class TestKeeping:
    @pytest.mark.parametrize("signed_by", ["key", "nobody"])
    def test_the_predicate_is_kept_as_signed_of_the_types_that_are_named(
        self, foundry: Foundry, signed_by: str
    ) -> None:
        payload = foundry.provenance(SUBJECT)
        candidate = bare(payload) if signed_by == "nobody" else foundry.bundle_layer(payload).candidate()
        for keep, kept in (({PROVENANCE_V1}, True), ({SUMMARY_V1}, False), (set[str](), False)):
            judged = judge_candidate(candidate, subject=SUBJECT, roots=foundry.roots, now=NOW, keep=frozenset(keep))
            assert not isinstance(judged, Refused)
            (found,) = judged
            assert (found.predicate is not None) is kept
            if found.predicate is not None:
                assert found.predicate in payload
                assert json.loads(found.predicate) == json.loads(payload)["predicate"]


class TestRecords:
    def of(self, foundry: Foundry, subject: object, predicate_type: str, predicate: object) -> VerifiedStatement:
        document = statement(subject, predicate_type=predicate_type, predicate=predicate)
        return proven(signed(foundry, document), foundry.roots)

    def test_a_summary_about_the_image_carries_its_record(self, foundry: Foundry) -> None:
        found = self.of(foundry, SUBJECT, SUMMARY_V1, SUMMARY)
        assert (found.kind, found.subject) == (Kind.SUMMARY, SUBJECT)
        assert found.summary is not None
        assert found.summary.verifier_id == "https://scs.example"

    @pytest.mark.case("SRC-038")
    def test_a_source_summary_is_about_commits_and_no_image(self, foundry: Foundry) -> None:
        found = self.of(foundry, {"digest": {"gitCommit": COMMIT}}, SUMMARY_V1, SUMMARY)
        assert (found.kind, found.subject, found.commits) == (Kind.SOURCE_SUMMARY, None, frozenset({COMMIT}))
        assert found.summary is not None

    def test_a_bill_of_materials_carries_its_record(self, foundry: Foundry) -> None:
        found = proven(foundry.bundle_layer(bill_of_materials()), foundry.roots)
        assert found.kind is Kind.SBOM
        assert found.sbom is not None
