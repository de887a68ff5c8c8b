import pytest

from controller.core.evidence import Evidence, Kind, Refused
from controller.core.image import Repository
from controller.core.reasons import Reason
from controller.core.requirements import SignatureRequirement
from controller.core.signatures import judge_signatures
from tests.support.facts import evidence, matcher, provenance, signature, signatures

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
