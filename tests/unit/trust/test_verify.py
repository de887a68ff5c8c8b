"""Judging candidates: what good evidence proves, and whom it is about."""

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.core.evidence import Kind
from controller.core.image import Digest
from controller.core.provenance import SourceClaim
from controller.core.signer import KeySigner
from tests.support.defects import Defect, forge
from tests.support.foundry import (
    BUILDER_ID,
    BUNDLE_V03,
    STATEMENT_V01,
    WORKFLOW_V1,
    Foundry,
    Layer,
    another_digest,
    encode,
    provenance_predicate,
    statement,
)
from tests.support.judging import SUBJECT, bundle_of, proven, refused, signed

BUNDLES_V01_TO_V03 = [BUNDLE_V03, *(f"application/vnd.dev.sigstore.bundle+json;version=0.{n}" for n in (1, 2, 3))]


class TestProvenance:
    @pytest.mark.parametrize("container", ["bundle", "envelope"])
    def test_good_provenance_is_proven_with_everything_it_says(self, foundry: Foundry, container: str) -> None:
        payload = foundry.provenance(SUBJECT)
        layer = foundry.bundle_layer(payload) if container == "bundle" else foundry.envelope_layer(payload)
        found = proven(layer, foundry.roots)
        assert found.kind is Kind.PROVENANCE
        assert found.subject == SUBJECT
        assert found.payload == Digest.of(payload)
        assert found.signer == KeySigner(trust_root="acme", key=foundry.key.fingerprint, name="release")
        assert found.signed_at is None
        assert found.provenance is not None
        assert found.provenance.builder_id == BUILDER_ID
        assert found.provenance.build_type == WORKFLOW_V1
        assert found.provenance.source == SourceClaim(
            repository="https://github.com/acme/shop",
            ref="refs/tags/v1.2.3",
            commit="5f" * 20,
            entry_point=".github/workflows/release.yml",
        )

    @pytest.mark.parametrize("media_type", BUNDLES_V01_TO_V03)
    def test_every_bundle_version_is_read(self, foundry: Foundry, media_type: str) -> None:
        envelope = foundry.envelope_document(foundry.provenance(SUBJECT))
        proven(bundle_of(foundry, envelope, mediaType=media_type), foundry.roots)

    @pytest.mark.case("TYPE-010")
    def test_statement_v01_is_read(self, foundry: Foundry) -> None:
        document = statement(SUBJECT, predicate=provenance_predicate(), statement_type=STATEMENT_V01)
        assert proven(signed(foundry, document), foundry.roots).kind is Kind.PROVENANCE

    @pytest.mark.case("TYPE-004")
    def test_a_payload_type_that_names_the_predicate_is_in_toto_too(self, foundry: Foundry) -> None:
        content = foundry.bundle(foundry.provenance(SUBJECT), payload_type="application/vnd.in-toto.provenance+json")
        proven(Layer(media_type=BUNDLE_V03, content=content), foundry.roots)

    @pytest.mark.case("TYPE-017")
    @pytest.mark.case("PARSE-016")
    @pytest.mark.case("PARSE-009")
    def test_unknown_fields_and_both_spellings_of_int64_are_ignored(self, foundry: Foundry) -> None:
        predicate = {**provenance_predicate(), "buildkit_metadata": {"vcs": None}}
        document = {**statement(SUBJECT, predicate=predicate), "extra": [1.5, {"deep": None}]}
        layer = signed(foundry, document)
        bundle = json.loads(layer.content)
        entries = [{"logIndex": "2", "integratedTime": "1"}, {"logIndex": 3, "integratedTime": 1}]
        bundle["verificationMaterial"] |= {"tlogEntries": entries, "note": {}}
        bundle["dsseEnvelope"]["signatures"][0]["cert"] = "PEM"
        bundle["unknown"] = True
        proven(Layer(media_type=BUNDLE_V03, content=encode(bundle)), foundry.roots)

    @pytest.mark.case("SRC-023")
    def test_an_unknown_build_type_has_no_source(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT, build_type="https://ci.acme.example/build/v1")
        found = proven(foundry.bundle_layer(payload), foundry.roots)
        assert found.provenance is not None
        assert found.provenance.source == SourceClaim()


class TestSubject:
    @pytest.mark.parametrize(
        "subjects",
        [
            pytest.param([another_digest(SUBJECT), SUBJECT, Digest.of(b"third")], marks=pytest.mark.case("BIND-002")),
            pytest.param([SUBJECT, SUBJECT], marks=pytest.mark.case("BIND-017")),
            pytest.param(
                [{"name": "ghcr.io/other/app", "digest": {"sha256": SUBJECT.hex}}], marks=pytest.mark.case("BIND-006")
            ),
            pytest.param([{"digest": {"sha256": SUBJECT.hex}}], marks=pytest.mark.case("BIND-007")),
            pytest.param(
                [{"digest": {"sha512": "00" * 64, "sha256": SUBJECT.hex}}], marks=pytest.mark.case("BIND-018")
            ),
            pytest.param([{"name": None, "uri": None}, SUBJECT], id="one-without-digest"),
            pytest.param([Digest.of(bytes([n % 256, n // 256])) for n in range(1023)] + [SUBJECT], id="1024-subjects"),
        ],
    )
    def test_the_digest_among_the_subjects_suffices(self, foundry: Foundry, subjects: list[Any]) -> None:
        proven(signed(foundry, statement(*subjects, predicate=provenance_predicate())), foundry.roots)

    @pytest.mark.parametrize(
        "defect",
        [
            pytest.param(Defect.SUBJECT_ANOTHER, marks=pytest.mark.case("BIND-001")),
            pytest.param(Defect.SUBJECT_UNDER_SHA512, marks=pytest.mark.case("BIND-003")),
            pytest.param(Defect.SUBJECT_UNDER_SHA1, marks=pytest.mark.case("BIND-003")),
            pytest.param(Defect.SUBJECT_WEAK_DIGESTS_ONLY, marks=pytest.mark.case("BIND-003")),
            pytest.param(Defect.SUBJECT_UPPER_CASE, marks=pytest.mark.case("BIND-004")),
            pytest.param(Defect.SUBJECT_IN_ANNOTATIONS_ONLY, marks=pytest.mark.case("BIND-008")),
        ],
    )
    def test_a_statement_about_anything_else_is_nothing(self, foundry: Foundry, defect: Defect) -> None:
        found = refused(forge(foundry, defect, SUBJECT), foundry.roots)
        assert (found.step, found.kind) == (1, Kind.PROVENANCE)
        assert "another digest" in found.detail


class TestOtherAttestations:
    @pytest.mark.parametrize(
        "predicate_type",
        [
            *(
                pytest.param(predicate_type, marks=pytest.mark.case("TYPE-012"))
                for predicate_type in (
                    "https://slsa.dev/provenance/v1/",
                    "https://slsa.dev/provenance/v1.0",
                    "https://slsa.dev/provenance/V1",
                    "https://slsa.dev/provenance/v",
                    "https://slsa.dev/provenance/v1 ",
                    "https://sigstore.dev/cosign/sign/v1/",
                    "",
                )
            ),
        ],
    )
    def test_what_only_looks_like_provenance_is_another_attestation(
        self, foundry: Foundry, predicate_type: str
    ) -> None:
        document = statement(SUBJECT, predicate_type=predicate_type, predicate=provenance_predicate())
        found = proven(signed(foundry, document), foundry.roots)
        assert found.kind is Kind.OTHER
        assert found.predicate_type == predicate_type
        assert found.provenance is None

    @pytest.mark.case("TYPE-002")
    def test_what_a_layer_is_called_decides_nothing(self, foundry: Foundry) -> None:
        predicate = {"builder": {"id": BUILDER_ID}, "buildType": WORKFLOW_V1}
        payload = encode(statement(SUBJECT, predicate_type="https://slsa.dev/provenance/v0.2", predicate=predicate))
        layer = replace(
            foundry.envelope_layer(payload), annotations={"predicateType": "https://slsa.dev/provenance/v1"}
        )
        assert proven(layer, foundry.roots).predicate_type == "https://slsa.dev/provenance/v0.2"

    @pytest.mark.case("TYPE-001")
    def test_a_bill_of_materials_that_looks_like_provenance_is_none(self, foundry: Foundry) -> None:
        document = statement(SUBJECT, predicate_type="https://spdx.dev/Document", predicate=provenance_predicate())
        assert refused(signed(foundry, document), foundry.roots).kind is Kind.SBOM

    @pytest.mark.case("TYPE-021")
    @pytest.mark.parametrize("version", [BUNDLE_V03, BUNDLES_V01_TO_V03[1]])
    def test_a_certificate_that_is_none_is_refused_however_good_the_key(self, foundry: Foundry, version: str) -> None:
        envelope = foundry.envelope_document(foundry.provenance(SUBJECT))
        certificate = {"rawBytes": "AAAA"}
        material: dict[str, object] = {"certificate": certificate}
        if version != BUNDLE_V03:
            material = {"x509CertificateChain": {"certificates": [certificate]}}
        found = refused(bundle_of(foundry, envelope, mediaType=version, verificationMaterial=material), foundry.roots)
        assert "certificate" in found.detail

    def test_foreign_text_is_printable_in_a_refusal(self, foundry: Foundry) -> None:
        hostile = "\x1b[31m\u202e\nevil"
        for layer in (
            signed(foundry, statement(SUBJECT, statement_type=hostile)),
            bundle_of(foundry, foundry.envelope_document(b"{}"), mediaType=hostile),
            Layer(media_type=BUNDLE_V03, content=foundry.bundle(b"{}", payload_type=hostile)),
            foundry.signature_layer(foundry.simple_signing(SUBJECT, critical_type=hostile)),
        ):
            detail = refused(layer, foundry.roots).detail
            assert "evil" in detail
            assert detail.isascii()
            assert detail.isprintable()
