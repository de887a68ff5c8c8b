"""Judging candidates: published forms that are known and refused, each with its own words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.core.evidence import Kind
from controller.core.image import Digest
from controller.core.predicates import PROVENANCE_V01, PROVENANCE_V1
from controller.trust.message import MAX_EXPLAINED, OVER_PAYLOAD
from controller.trust.root import TrustRoots
from controller.wire.candidate import Candidate, Container
from tests.support.foundry import IN_TOTO, Foundry, SigningKey, b64, encode, pae, roots_of, statement
from tests.support.judging import SUBJECT, bundle_of, proven, refused, signed

SHOP, COMMIT, REF = "https://github.com/acme/shop", "5f" * 20, "refs/tags/v1.2.3"
CLOUD = "https://cloudbuild.googleapis.com"
WORKER = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1"


def old_dialect(worker: str, recipe: str, uri: str) -> bytes:
    predicate = {
        "builder": {"id": f"{CLOUD}/GoogleHostedWorker@{worker}"},
        "recipe": {"type": f"{CLOUD}/{recipe}", "entryPoint": "cloudbuild.yaml"},
        "materials": [{"uri": uri, "digest": {"sha1": COMMIT}}],
    }
    return encode(statement(SUBJECT, predicate_type=PROVENANCE_V01, predicate=predicate))


def new_dialect() -> bytes:
    source = {"repository": f"git+{SHOP}", "ref": REF, "path": "cloudbuild.yaml"}
    definition = {
        "buildType": WORKER,
        "externalParameters": {"buildConfigSource": source},
        "resolvedDependencies": [{"uri": f"git+{SHOP}@{REF}", "digest": {"gitCommit": COMMIT}}],
    }
    details = {"builder": {"id": f"{CLOUD}/GoogleHostedWorker"}}
    predicate = {"buildDefinition": definition, "runDetails": details}
    return encode(statement(SUBJECT, predicate_type=PROVENANCE_V1, predicate=predicate))


DIALECTS = {
    "page": (old_dialect("v0.2", "GoogleHostedWorker@v0.2", f"{SHOP}/commit/{COMMIT}"), None),
    "material": (old_dialect("v0.3", "CloudBuildYaml@v0.1", f"git+{SHOP}"), None),
    "v1": (new_dialect(), REF),
}


def cloud_build(payload: bytes, *signatures: bytes, **beside: object) -> Candidate:
    """As Google's service gives it: URL-safe base64, and names of keys that decide nothing."""
    entries = [{"keyid": "projects/p/keys/1", "sig": url_safe(signature), **beside} for signature in signatures]
    content = encode({"payloadType": IN_TOTO, "payload": url_safe(payload), "signatures": entries})
    return Candidate(container=Container.ENVELOPE, content=content, digest=Digest.of(content))


def url_safe(content: bytes) -> str:
    return b64(content).replace("+", "-").replace("/", "_")


@pytest.mark.case("SRC-022")
@pytest.mark.parametrize("name", DIALECTS)
def test_an_envelope_of_google_cloud_build_proves_its_source(foundry: Foundry, name: str) -> None:
    payload, ref = DIALECTS[name]
    message = pae(IN_TOTO, payload)
    found = proven(cloud_build(payload, SigningKey().sign(message), foundry.key.sign(message)), foundry.roots)
    assert found.provenance is not None
    source = found.provenance.source
    assert (source.repository, source.commit, source.entry_point) == (SHOP, COMMIT, "cloudbuild.yaml")
    assert source.ref == ref


class TestOverPayload:
    @pytest.mark.case("SRC-022")
    @pytest.mark.parametrize("name", DIALECTS)
    def test_a_signature_over_the_payload_itself_is_none(self, foundry: Foundry, name: str) -> None:
        """Google Cloud Build's regional keys sign so; nothing says of a key that it does."""
        payload, _ = DIALECTS[name]
        found = refused(cloud_build(payload, foundry.key.sign(payload)), foundry.roots)
        assert (found.step, found.detail) == (0, OVER_PAYLOAD)

    def test_nor_is_it_in_a_bundle(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        envelope: Any = foundry.envelope_document(payload, keys=(foundry.key,))
        envelope["signatures"][0]["sig"] = b64(foundry.key.sign(payload))
        assert refused(bundle_of(foundry, envelope), foundry.roots).detail == OVER_PAYLOAD

    def test_beside_a_signature_over_the_envelope_it_takes_nothing(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        raw, good = foundry.key.sign(payload), foundry.key.sign(pae(IN_TOTO, payload))
        assert proven(cloud_build(payload, raw, good), foundry.roots).provenance is not None

    def test_a_stranger_s_is_told_as_any_other_of_his(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        detail = refused(cloud_build(payload, SigningKey().sign(payload)), foundry.roots).detail
        assert detail == "no key of any trust root made its signature"

    def test_the_explanation_is_bounded(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        signature = foundry.key.sign(payload)
        most = refused(cloud_build(payload, *[signature] * MAX_EXPLAINED), foundry.roots)
        more = refused(cloud_build(payload, *[signature] * (MAX_EXPLAINED + 1)), foundry.roots)
        assert (most.detail, more.detail) == (OVER_PAYLOAD, "no key of any trust root made its signature")


class TestCertificateInTheEnvelope:
    """Release files of slsa-github-generator hold one beside the signature, and neither log entry nor timestamp."""

    @pytest.mark.parametrize("cert", ["-----BEGIN CERTIFICATE-----\n", "", 5])
    @pytest.mark.parametrize("roots", [roots_of(SigningKey().entry()), TrustRoots()], ids=["keys", "none"])
    def test_it_is_refused_in_its_own_words(self, foundry: Foundry, roots: TrustRoots, cert: object) -> None:
        payload = foundry.provenance(SUBJECT)
        candidate = cloud_build(payload, foundry.key.sign(pae(IN_TOTO, payload)), cert=cert)
        assert "its certificate is in the envelope" in refused(candidate, roots).detail

    def test_it_takes_nothing_from_a_key(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        candidate = cloud_build(payload, foundry.key.sign(pae(IN_TOTO, payload)), cert="anything")
        assert proven(candidate, foundry.roots).kind is Kind.PROVENANCE


@pytest.mark.case("TYPE-012")
@pytest.mark.parametrize("draft", ["v1-rc1", "v1-rc2"])
def test_a_draft_of_provenance_v1_is_no_provenance(foundry: Foundry, draft: str) -> None:
    document = {**json.loads(foundry.provenance(SUBJECT)), "predicateType": f"https://slsa.dev/provenance/{draft}"}
    found = proven(signed(foundry, document), foundry.roots)
    assert (found.kind, found.provenance) == (Kind.OTHER, None)


def test_syft_s_own_document_is_no_sbom(foundry: Foundry) -> None:
    document = statement(SUBJECT, predicate_type="https://syft.dev/bom", predicate={"artifacts": []})
    found = proven(signed(foundry, document), foundry.roots)
    assert (found.kind, found.sbom) == (Kind.OTHER, None)
