from dataclasses import replace

import pytest

from controller.core.evidence import Evidence, Kind, Refused
from controller.core.image import Repository
from controller.core.reasons import Reason
from controller.core.requirements import SignatureRequirement
from controller.core.signatures import judge_signatures
from tests.support.facts import evidence, matcher, provenance, signature, signatures
from tests.support.keylessfacts import WORKFLOW, certificate, named, said

SHOP = Repository.parse("ghcr.io/acme/shop")


def reason(requirement: SignatureRequirement, found: Evidence) -> Reason:
    return judge_signatures(requirement, found, SHOP).reason


def test_a_signature_by_a_named_signer_satisfies() -> None:
    assert reason(signatures("release"), evidence(signature("release"))) is Reason.Satisfied


def test_a_signature_by_somebody_else_is_none() -> None:
    assert reason(signatures("release"), evidence(signature("person"))) is Reason.NoSignature
    assert reason(signatures("release"), evidence(signature("release", root="elsewhere"))) is Reason.NoSignature


@pytest.mark.case("TYPE-009")
@pytest.mark.case("TYPE-023")
def test_provenance_is_no_signature() -> None:
    assert reason(signatures("builder"), evidence(provenance(key="builder"))) is Reason.NoSignature


def test_a_refused_signature_is_told_as_not_verified() -> None:
    refused = Refused(step=0, detail="wrong key", where="sha256:x", kind=Kind.IMAGE_SIGNATURE)
    assert reason(signatures("release"), evidence(refused=(refused,))) is Reason.NotVerified


@pytest.mark.case("SET-008")
@pytest.mark.case("KEY-016")
def test_a_threshold_counts_distinct_keys_not_names_entries_or_signatures() -> None:
    twice = evidence(signature("release", payload="1"), signature("release", payload="2"))
    assert reason(signatures("release", "release", threshold=2), twice) is Reason.ThresholdNotMet
    assert reason(signatures("release", "security", threshold=2), twice) is Reason.ThresholdNotMet


@pytest.mark.case("KEY-016")
def test_one_key_under_two_roots_is_one_signer() -> None:
    requirement = SignatureRequirement(
        signers=(matcher("release"), matcher("release", root="other")), threshold=2, match_repository=False
    )
    found = evidence(signature("release"), signature("release", root="other"))
    assert reason(requirement, found) is Reason.ThresholdNotMet


@pytest.mark.case("SET-009")
def test_two_distinct_signers_meet_a_threshold_of_two() -> None:
    both = evidence(signature("release"), signature("security", payload="2"))
    assert reason(signatures("release", "security", threshold=2), both) is Reason.Satisfied


@pytest.mark.case("SET-008")
def test_one_identity_through_two_certificates_is_one_signer() -> None:
    requirement = SignatureRequirement(
        signers=(named(), named("https://github.com/**")), threshold=2, match_repository=False
    )
    runs = [replace(signature("x", payload=run), signer=said(run_invocation_uri=run)) for run in ("1", "2")]
    assert reason(requirement, evidence(*runs)) is Reason.ThresholdNotMet
    other = replace(signature("x", payload="3"), signer=certificate(f"{WORKFLOW}@refs/tags/v3.0.0"))
    assert reason(requirement, evidence(*runs, other)) is Reason.Satisfied


@pytest.mark.case("SET-009")
def test_entries_are_met_by_signers_of_their_own_however_they_overlap() -> None:
    """The wide entry accepts both signers, the narrow one only the first: the wide one must leave it that one."""
    narrow, wide = named(f"{WORKFLOW}@refs/tags/v1"), named(f"{WORKFLOW}@refs/tags/*")
    first, second = (
        replace(signature("x", payload=tag), signer=certificate(f"{WORKFLOW}@refs/tags/{tag}")) for tag in ("v1", "v2")
    )
    for entries in ((narrow, wide), (wide, narrow)):
        requirement = SignatureRequirement(signers=entries, threshold=2, match_repository=False)
        assert reason(requirement, evidence(first, second)) is Reason.Satisfied
        assert reason(requirement, evidence(second)) is Reason.ThresholdNotMet
        assert reason(requirement, evidence(first)) is Reason.ThresholdNotMet


def test_two_identities_that_meet_one_entry_only_are_one_entry() -> None:
    requirement = SignatureRequirement(
        signers=(named(f"{WORKFLOW}@refs/tags/*"), matcher("release")), threshold=2, match_repository=False
    )
    both = [
        replace(signature("x", payload=tag), signer=certificate(f"{WORKFLOW}@refs/tags/{tag}")) for tag in ("v1", "v2")
    ]
    assert reason(requirement, evidence(*both)) is Reason.ThresholdNotMet
    assert reason(requirement, evidence(*both, signature("release", payload="3"))) is Reason.Satisfied


def test_repository_match_wants_simple_signing_that_names_this_repository() -> None:
    strict = signatures("release", match_repository=True)
    assert reason(strict, evidence(signature("release", repository=SHOP))) is Reason.Satisfied
    assert reason(strict, evidence(signature("release", repository=Repository.parse("ghcr.io/acme/cart")))) is (
        Reason.NoSignature
    )
    assert reason(strict, evidence(signature("release"))) is Reason.NoSignature


def test_a_threshold_that_no_number_of_signers_can_meet_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="threshold"):
        signatures("release", threshold=2)
    with pytest.raises(ValueError, match="threshold"):
        signatures("release", threshold=0)
