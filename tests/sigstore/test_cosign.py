"""What the real cosign signed keyless against real servers: believed as it is, and refused once anything is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from controller.core.evidence import Kind, Refused, VerifiedStatement
from controller.core.image import Digest
from controller.core.predicates import COSIGN_SIGN_V1, SIMPLE_SIGNING
from controller.core.signer import CertificateSigner, KeySigner, SubjectType
from controller.trust.root import Require
from tests.support.foundry import PROVENANCE_V1, Layer
from tests.support.issuer import CLUSTER, COMMIT, GITHUB, GOOGLE
from tests.support.keyless import BLOB, FIRST, RECIPES, REUSABLE, Harvest, Recipe
from tests.support.tampering import ended, with_parts_of, without
from tests.support.trusting import USUAL, judge, key_root, proven, sigstore_root

ALL = {**RECIPES, **FIRST}
CERTIFIED = {name: recipe for name, recipe in ALL.items() if recipe.claims is not None}
ATTESTED = {name: recipe for name, recipe in RECIPES.items() if recipe.claims is not None}
WORKFLOW = "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main"
NOTHING = Require()
ROUNDING = timedelta(seconds=1)


def shown_by(recipe: Recipe) -> Require:
    """Everything that evidence made so can show."""
    return Require(transparency_log=recipe.log is not None, signed_timestamp=recipe.timestamp, sct=recipe.sct)


def certified(statement: VerifiedStatement) -> CertificateSigner:
    assert isinstance(statement.signer, CertificateSigner)
    return statement.signer


def refusal(layer: Layer, subject: Digest, trusted_root: bytes, require: Require = USUAL) -> str:
    judged = judge(layer, subject, sigstore_root(trusted_root, require))
    assert isinstance(judged, Refused)
    return judged.detail


@pytest.mark.parametrize("name", CERTIFIED)
def test_an_image_signature_is_believed_in_every_form_and_under_all_that_it_shows(sigstore: Harvest, name: str) -> None:
    made, recipe = sigstore.images[name], CERTIFIED[name]
    found = proven(made.signature, made.subject, sigstore_root(sigstore.trusted_root, shown_by(recipe)))
    assert found.kind is Kind.IMAGE_SIGNATURE
    assert found.predicate_type == (SIMPLE_SIGNING if recipe.legacy else COSIGN_SIGN_V1)
    assert found.signed_at is not None
    # Integrated times are whole seconds, rounded down: one may be told as before the beginning, none as after the end.
    signed = replace(sigstore.signed, start=sigstore.signed.start - ROUNDING)
    assert all(signed.contains(time) for time in found.times)


@pytest.mark.case("TIME-024")
@pytest.mark.parametrize("name", ATTESTED)
def test_provenance_is_believed_in_every_form_and_under_all_that_it_shows(sigstore: Harvest, name: str) -> None:
    made, recipe = sigstore.images[name], ATTESTED[name]
    assert made.provenance is not None
    found = proven(made.provenance, made.subject, sigstore_root(sigstore.trusted_root, shown_by(recipe)))
    assert (found.kind, found.predicate_type) == (Kind.PROVENANCE, PROVENANCE_V1)
    assert found.provenance is not None
    assert certified(found).trust_root == "sigstore"


@pytest.mark.case("TIME-026")
@pytest.mark.parametrize("name", FIRST)
def test_the_first_entry_of_a_log_is_believed_though_zero_is_not_written(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    assert b'"logIndex"' not in made.signature.content
    found = proven(made.signature, made.subject, sigstore_root(sigstore.trusted_root))
    assert found.kind is Kind.IMAGE_SIGNATURE


def test_a_job_is_known_by_its_workflow_and_its_source(sigstore: Harvest) -> None:
    signer = certified(provenance_of(sigstore, "logged"))
    assert (signer.issuer, signer.subject_type, signer.subject) == (GITHUB, SubjectType.URI, WORKFLOW)
    found = signer.extensions
    assert (found.source_repository_uri, found.source_repository_digest) == ("https://github.com/acme/shop", COMMIT)
    assert (found.source_repository_ref, found.build_trigger) == ("refs/heads/main", "push")
    assert (found.source_repository_id, found.source_repository_owner_id) == ("74", "65")
    assert (found.runner_environment, found.build_config_uri) == ("github-hosted", WORKFLOW)
    assert (found.workflow_repository, found.workflow_ref) == ("acme/shop", "refs/heads/main")
    assert found.deployment_environment is None
    assert found.token_subject == "repo:acme/shop:ref:refs/heads/main"


def test_a_job_with_an_environment_carries_it(sigstore: Harvest) -> None:
    signer = certified(provenance_of(sigstore, "environment"))
    assert signer.extensions.deployment_environment == "production"


def test_a_reusable_workflow_is_the_subject_and_its_caller_the_source(sigstore: Harvest) -> None:
    signer = certified(provenance_of(sigstore, "reusable"))
    assert signer.subject == signer.extensions.build_signer_uri == f"https://github.com/{REUSABLE}"
    assert signer.extensions.source_repository_uri == "https://github.com/acme/shop"
    assert signer.extensions.source_repository_ref == "refs/tags/v1.2.3"


def test_a_person_is_known_by_an_email_address(sigstore: Harvest) -> None:
    signer = certified(provenance_of(sigstore, "email"))
    assert (signer.issuer, signer.subject_type, signer.subject) == (GOOGLE, SubjectType.EMAIL, "dev@example.com")
    assert signer.extensions.source_repository_uri is None


def test_a_workload_is_known_by_its_cluster_and_service_account(sigstore: Harvest) -> None:
    signer = certified(provenance_of(sigstore, "kubernetes"))
    assert (signer.issuer, signer.subject_type) == (CLUSTER, SubjectType.URI)
    assert signer.subject == "https://kubernetes.io/namespaces/builds/serviceaccounts/builder"


def provenance_of(sigstore: Harvest, name: str) -> VerifiedStatement:
    made = sigstore.images[name]
    assert made.provenance is not None
    return proven(made.provenance, made.subject, sigstore_root(sigstore.trusted_root))


@pytest.mark.case("TIME-013")
@pytest.mark.parametrize("name", [name for name, recipe in CERTIFIED.items() if recipe.log is None])
def test_a_root_that_requires_a_log_refuses_what_no_log_holds(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    asked = Require(transparency_log=True)
    assert "log" in refusal(made.signature, made.subject, sigstore.trusted_root, asked)


@pytest.mark.case("TIME-014")
@pytest.mark.parametrize("name", [name for name, recipe in CERTIFIED.items() if not recipe.timestamp])
def test_a_root_that_requires_a_timestamp_refuses_a_log_s_word(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    asked = Require(signed_timestamp=True)
    assert "timestamp" in refusal(made.signature, made.subject, sigstore.trusted_root, asked)


@pytest.mark.case("TIME-011")
def test_a_root_that_requires_an_sct_refuses_a_certificate_without(sigstore: Harvest) -> None:
    made = sigstore.images["no-sct"]
    asked = Require(sct=True)
    found = proven(made.signature, made.subject, sigstore_root(sigstore.trusted_root, NOTHING))
    assert found.kind is Kind.IMAGE_SIGNATURE
    assert refusal(made.signature, made.subject, sigstore.trusted_root, asked)


@pytest.mark.case("TIME-012")
@pytest.mark.parametrize("name", ["timestamp-only", "legacy-timestamp"])
def test_a_root_without_logs_believes_a_timestamp(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    root = sigstore_root(without(sigstore.trusted_root, "tlogs", "ctlogs"), Require(signed_timestamp=True))
    assert proven(made.signature, made.subject, root).times


@pytest.mark.parametrize("name", CERTIFIED)
def test_strangers_are_not_believed(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    assert refusal(made.signature, made.subject, sigstore.strange_root, NOTHING)


PARTS = {
    "certificateAuthorities": CERTIFIED,
    "tlogs": {name: recipe for name, recipe in CERTIFIED.items() if recipe.log is not None},
    "ctlogs": {name: recipe for name, recipe in CERTIFIED.items() if recipe.sct},
    "timestampAuthorities": {name: recipe for name, recipe in CERTIFIED.items() if recipe.timestamp},
}
PARTS_OF_EACH = [(name, part) for part, recipes in PARTS.items() for name in recipes]


@pytest.mark.case("TIME-007")
@pytest.mark.case("TIME-009")
@pytest.mark.case("TIME-011")
@pytest.mark.parametrize(("name", "part"), PARTS_OF_EACH)
def test_each_part_of_a_root_is_needed(sigstore: Harvest, name: str, part: str) -> None:
    made, asked = sigstore.images[name], shown_by(CERTIFIED[name])
    strange = with_parts_of(sigstore.trusted_root, sigstore.strange_root, part)
    for trusted_root in (strange, without(sigstore.trusted_root, part), ended(sigstore.trusted_root, part)):
        assert refusal(made.signature, made.subject, trusted_root, asked)


@pytest.mark.parametrize("name", CERTIFIED)
def test_evidence_of_one_image_is_none_of_another(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    another = Digest.of(name.encode())
    judged = judge(made.signature, another, sigstore_root(sigstore.trusted_root, NOTHING))
    assert isinstance(judged, Refused)
    assert (judged.step, judged.kind) == (1, Kind.IMAGE_SIGNATURE)


KEYED = [name for name, recipe in RECIPES.items() if recipe.claims is None]


@pytest.mark.parametrize("name", KEYED)
def test_a_key_s_evidence_gets_its_time_from_the_root_that_is_named(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    asked = Require(transparency_log=True)
    times = sigstore_root(sigstore.trusted_root, NOTHING)
    found = proven(made.signature, made.subject, key_root(sigstore.public_key, asked, time_root="sigstore"), times)
    assert isinstance(found.signer, KeySigner)
    assert found.signed_at is not None


@pytest.mark.parametrize("name", KEYED)
def test_a_key_s_evidence_has_no_time_where_no_root_is_named(sigstore: Harvest, name: str) -> None:
    made = sigstore.images[name]
    others = sigstore_root(sigstore.trusted_root, NOTHING)
    assert proven(made.signature, made.subject, key_root(sigstore.public_key), others).times == ()
    asked = key_root(sigstore.public_key, Require(transparency_log=True))
    assert isinstance(judge(made.signature, made.subject, asked, others), Refused)


def test_an_attested_blob_is_believed_like_an_image(sigstore: Harvest) -> None:
    found = proven(sigstore.blob_attestation, Digest.of(BLOB), sigstore_root(sigstore.trusted_root))
    assert found.kind is Kind.PROVENANCE


def test_a_signed_blob_states_nothing_about_an_image(sigstore: Harvest) -> None:
    judged = judge(sigstore.blob_signature, Digest.of(BLOB), sigstore_root(sigstore.trusted_root))
    assert isinstance(judged, Refused)
    assert judged.kind is Kind.OTHER
