"""Judging candidates: what is an image signature, and what is not."""

import json
from dataclasses import replace

import pytest

from controller.core.evidence import Kind
from controller.core.image import Digest, Repository
from controller.core.predicates import SIMPLE_SIGNING
from controller.trust.artifact import Artifact, verify_bundle
from controller.trust.keys import parse_public_key
from controller.trust.root import public_good
from controller.wire.candidate import Candidate, Container
from tests.support.foundry import (
    BUNDLE_V03,
    SIGN_V1,
    SIGNATURE_ANNOTATION,
    Foundry,
    Layer,
    another_digest,
    b64,
    encode,
    statement,
)
from tests.support.judging import MANIFEST, NOW, SUBJECT, proven, refused, signed


class TestImageSignatures:
    @pytest.mark.case("TYPE-014")
    @pytest.mark.case("TYPE-008")
    def test_a_cosign_sign_statement_is_an_image_signature_and_no_provenance(self, foundry: Foundry) -> None:
        found = proven(foundry.bundle_layer(foundry.image_signature(SUBJECT)), foundry.roots)
        assert found.kind is Kind.IMAGE_SIGNATURE
        assert found.predicate_type == SIGN_V1
        assert found.provenance is None

    @pytest.mark.case("TYPE-009")
    @pytest.mark.case("TYPE-023")
    def test_provenance_is_no_image_signature(self, foundry: Foundry) -> None:
        assert proven(foundry.bundle_layer(foundry.provenance(SUBJECT)), foundry.roots).kind is not Kind.IMAGE_SIGNATURE

    def test_simple_signing_is_an_image_signature_of_its_repository(self, foundry: Foundry) -> None:
        payload = foundry.simple_signing(SUBJECT)
        found = proven(foundry.signature_layer(payload), foundry.roots)
        assert found.kind is Kind.IMAGE_SIGNATURE
        assert found.predicate_type == SIMPLE_SIGNING
        assert found.payload == Digest.of(payload)
        assert found.repository == Repository.parse("ghcr.io/acme/shop")

    @pytest.mark.case("BIND-011")
    @pytest.mark.case("BIND-012")
    def test_simple_signing_of_another_digest_is_nothing(self, foundry: Foundry) -> None:
        payload = foundry.simple_signing(another_digest(SUBJECT))
        found = refused(foundry.signature_layer(payload), foundry.roots)
        assert (found.step, found.kind) == (1, Kind.IMAGE_SIGNATURE)

    @pytest.mark.case("TYPE-007")
    @pytest.mark.parametrize("critical_type", ["atomic container signature", "Cosign container image signature", ""])
    def test_simple_signing_of_another_type_is_no_image_signature(self, foundry: Foundry, critical_type: str) -> None:
        payload = foundry.simple_signing(SUBJECT, critical_type=critical_type)
        found = refused(foundry.signature_layer(payload), foundry.roots)
        assert (found.step, found.kind) == (0, Kind.OTHER)

    @pytest.mark.case("SIGN-006")
    def test_a_changed_simple_signing_payload_is_not_verified(self, foundry: Foundry) -> None:
        layer = foundry.signature_layer(foundry.simple_signing(another_digest(SUBJECT)))
        found = refused(replace(layer, content=foundry.simple_signing(SUBJECT)), foundry.roots)
        assert (found.step, found.kind) == (0, Kind.IMAGE_SIGNATURE)

    @pytest.mark.case("SIGN-004")
    @pytest.mark.parametrize("annotation", [None, "", "!", "A"])
    def test_without_a_signature_beside_it_a_payload_is_nothing(self, foundry: Foundry, annotation: str | None) -> None:
        annotations = {} if annotation is None else {SIGNATURE_ANNOTATION: annotation}
        layer = replace(foundry.signature_layer(foundry.simple_signing(SUBJECT)), annotations=annotations)
        found = refused(layer, foundry.roots)
        assert found.kind is Kind.IMAGE_SIGNATURE
        assert "no signature beside the payload" in found.detail or "not base64" in found.detail

    def test_a_signed_simple_signing_payload_with_duplicate_keys_is_refused(self, foundry: Foundry) -> None:
        payload = foundry.simple_signing(another_digest(SUBJECT)).removesuffix(b"}")
        critical = json.loads(foundry.simple_signing(SUBJECT))["critical"]
        layer = foundry.signature_layer(payload + b',"critical":' + encode(critical) + b"}")
        assert "duplicate" in refused(layer, foundry.roots).detail

    def test_a_statement_whose_predicate_type_is_a_media_type_is_no_image_signature(self, foundry: Foundry) -> None:
        document = statement(SUBJECT, predicate_type=SIMPLE_SIGNING, predicate={})
        assert proven(signed(foundry, document), foundry.roots).kind is Kind.OTHER

    @pytest.mark.case("TYPE-006")
    def test_simple_signing_in_an_attestation_layer_is_no_provenance(self, foundry: Foundry) -> None:
        content = foundry.simple_signing(SUBJECT)
        candidate = Candidate(container=Container.ENVELOPE, content=content, digest=Digest.of(content))
        assert refused(candidate, foundry.roots).kind is Kind.IMAGE_SIGNATURE

    @pytest.mark.case("TYPE-006")
    def test_simple_signing_in_an_envelope_is_neither(self, foundry: Foundry) -> None:
        content = foundry.envelope(foundry.simple_signing(SUBJECT), payload_type=SIMPLE_SIGNING)
        candidate = Candidate(container=Container.ENVELOPE, content=content, digest=Digest.of(content))
        assert refused(candidate, foundry.roots).kind is Kind.IMAGE_SIGNATURE

    @pytest.mark.case("BIND-019")
    def test_a_message_signature_counts_as_nothing(self, foundry: Foundry) -> None:
        """A known key signed the image's own manifest: `verify-bundle` believes it, and no image is known by it."""
        message = {
            "messageDigest": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(SUBJECT.hex))},
            "signature": b64(foundry.key.sign(MANIFEST)),
        }
        document = encode(foundry.bundle_document(None) | {"messageSignature": message})
        key = parse_public_key(foundry.key.pem)
        verify_bundle(document, artifact=Artifact.of(MANIFEST), by=key, sigstore=public_good(), now=NOW)
        found = refused(Layer(media_type=BUNDLE_V03, content=document), foundry.roots)
        assert (found.kind, found.step) == (Kind.OTHER, 0)  # so that findings say NoProvenance and NoSignature
        assert found.detail == "a message signature states nothing about what it signed"
