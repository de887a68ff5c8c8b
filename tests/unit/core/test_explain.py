"""What people read."""

import pytest

from controller.core.explain import MAX_MESSAGE_BYTES, MAX_WARNING_CHARACTERS, MAX_WARNINGS, refusal, warnings
from controller.core.policy import Mode, Uncovered
from controller.core.verdict import Verdict, conclude
from tests.support.facts import D, evidence, judge_image, policies, policy, workload


def verdict(*, mode: Mode = Mode.ENFORCE, images: int = 1, repository: str = "ghcr.io/acme/shop") -> Verdict:
    pod = workload(*(f"{repository}:{n}@{D}" for n in range(images)))
    judged = tuple(
        judge_image(policies(policy(mode=mode)), pod, image, evidence=evidence(), uncovered=Uncovered.ALLOW)
        for image in pod.images
    )
    return conclude(judged, expected=images)


def test_a_refusal_names_slot_image_digest_policy_reason_and_remedy() -> None:
    message = refusal(verdict())
    for part in ('container "c0"', "ghcr.io/acme/shop", str(D), "ClusterSLSAPolicy/production", "NoProvenance"):
        assert part in message
    assert message.endswith("Attest the image after the build, in this repository.")


@pytest.mark.case("MODE-018")
def test_a_long_refusal_is_cut_at_whole_lines_and_counts_the_rest() -> None:
    message = refusal(verdict(images=32, repository="ghcr.io/acme/" + "x" * 100))
    assert len(message.encode()) <= MAX_MESSAGE_BYTES
    *lines, last = message.splitlines()
    assert last == f"and {32 - len(lines)} more findings"
    assert all(line.endswith("repository.") for line in lines)


@pytest.mark.case("MODE-018")
def test_warnings_are_bounded_in_number_and_length_and_the_last_counts_the_rest() -> None:
    given = warnings(verdict(mode=Mode.WARN, images=32, repository="ghcr.io/acme/" + "x" * 200))
    assert len(given) == MAX_WARNINGS
    assert all(len(one) <= MAX_WARNING_CHARACTERS for one in given)
    assert given[-1] == "and 18 more findings"


@pytest.mark.case("MODE-024")
def test_the_same_facts_give_the_same_bytes() -> None:
    assert refusal(verdict(images=3)) == refusal(verdict(images=3))


def test_an_admission_has_nothing_to_say() -> None:
    assert refusal(verdict(mode=Mode.AUDIT)) == ""
    assert warnings(verdict(mode=Mode.AUDIT)) == ()
