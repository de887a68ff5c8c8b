"""Verification summaries: their form."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.core.records import Summary
from controller.wire.summary import MAX_LEVELS, read_summary
from tests.support.foundry import encode


def predicate(**changes: object) -> dict[str, Any]:
    return {
        "verifier": {"id": "https://verifier.acme.example", "version": {"x": "1"}},
        "resourceUri": "ghcr.io/acme/shop",
        "policy": {"uri": "https://policy.acme.example", "digest": {"sha256": "00"}},
        "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "ACME_REVIEWED"],
        "timeVerified": "2026-01-02T03:04:05Z",
        "dependencyLevels": {"SLSA_BUILD_LEVEL_2": 4, "SLSA_BUILD_LEVEL_3": "10"},
        "inputAttestations": [{"digest": {"sha256": "00"}}],
        **changes,
    }


def read(**changes: object) -> Summary:
    return read_summary(encode(predicate(**changes)))


def test_a_summary_is_read() -> None:
    assert read() == Summary(
        verifier_id="https://verifier.acme.example",
        resource_uri="ghcr.io/acme/shop",
        passed=True,
        verified_levels=("SLSA_BUILD_LEVEL_3", "ACME_REVIEWED"),
        policy_uri="https://policy.acme.example",
        policy_digests={"sha256": "00"},
        dependency_levels={"SLSA_BUILD_LEVEL_2": 4, "SLSA_BUILD_LEVEL_3": 10},
        time_verified=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_failed_is_not_passed() -> None:
    assert read(verificationResult="FAILED").passed is False


@pytest.mark.parametrize("levels", [["FAILED"], ["SLSA_BUILD_LEVEL_3", "FAILED"]])
def test_what_lists_failed_among_its_levels_has_not_passed(levels: list[str]) -> None:
    assert read(verifiedLevels=levels).passed is False


@pytest.mark.parametrize("result", ["passed", "PASSED ", "", None, True])
def test_any_other_result_is_malformed(result: object) -> None:
    with pytest.raises(MalformedAttestation):
        read(verificationResult=result)


@pytest.mark.case("SUM-002")
@pytest.mark.parametrize(
    "levels",
    [
        ["SLSA_BUILD_LEVEL_2", "SLSA_BUILD_LEVEL_3"],
        ["SLSA_BUILD_LEVEL_3", "ACME_X", "SLSA_BUILD_LEVEL_3"],
        ["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_UNEVALUATED"],
        ["SLSA_BUILD_ENVIRONMENT_LEVEL_1", "SLSA_BUILD_ENVIRONMENT_LEVEL_2"],
    ],
)
def test_two_levels_of_one_track_are_malformed(levels: list[str]) -> None:
    with pytest.raises(MalformedAttestation, match="2 levels of track"):
        read(verifiedLevels=levels)


@pytest.mark.case("SUM-003")
@pytest.mark.parametrize(
    "levels",
    [
        ["SLSA_BUILD_LEVEL_UNEVALUATED"],
        ["ACME_A", "ACME_B"],
        ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_2", "SLSA_BUILD_ENVIRONMENT_LEVEL_1"],
        ["SLSA_SOURCE_TWO_PARTY_REVIEWED", "SLSA_BUILD_REPRODUCED", "SLSA_BUILD_LEVEL_3"],
        ["FAILED"],
        [],
    ],
)
def test_other_tokens_and_tracks_are_kept_as_written(levels: list[str]) -> None:
    assert read(verifiedLevels=levels).verified_levels == tuple(levels)


@pytest.mark.parametrize("missing", ["verifier", "resourceUri", "verificationResult", "verifiedLevels"])
def test_required_members_are_there(missing: str) -> None:
    document = predicate()
    del document[missing]
    with pytest.raises(MalformedAttestation):
        read_summary(encode(document))


@pytest.mark.parametrize(
    "changes",
    [
        {"verifier": {"id": ""}},
        {"verifier": {}},
        {"resourceUri": ""},
        {"verifiedLevels": "SLSA_BUILD_LEVEL_3"},
        {"verifiedLevels": ["L"] * (MAX_LEVELS + 1)},
        {"dependencyLevels": []},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": -1}},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": 1.5}},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": "-1"}},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": "9" * 5000}},
        {"dependencyLevels": {"SLSA_BUILD_LEVEL_1": True}},
        {"policy": {"digest": {"sha256": 5}}},
        {"timeVerified": "2026-01-02T03:04:05"},
        {"timeVerified": "yesterday"},
        {"timeVerified": 5},
        {"timeVerified": "0001-01-01T00:00:00+14:00"},
        {"timeVerified": "9999-12-31T23:59:59-14:00"},
        {"timeVerified": "99999-01-01T00:00:00Z"},
    ],
)
def test_members_of_another_shape_are_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedAttestation):
        read(**changes)


@pytest.mark.case("SUM-011")
@pytest.mark.case("SUM-012")
def test_no_claim_about_dependencies_is_not_no_dependencies() -> None:
    document = predicate()
    del document["dependencyLevels"]
    assert read_summary(encode(document)).dependency_levels is None
    assert read(dependencyLevels=None).dependency_levels is None
    assert read(dependencyLevels={}).dependency_levels == {}


@pytest.mark.parametrize("policy", [None, {}, {"uri": ""}, {"uri": None}])
def test_a_policy_that_is_not_named_is_none(policy: object) -> None:
    assert read(policy=policy).policy_uri is None


@pytest.mark.parametrize(
    "text", ["2026-01-02T04:04:05+01:00", "2026-01-02T03:04:05.000000123Z", "2026-01-02T03:04:05.0Z"]
)
def test_times_are_told_in_utc(text: str) -> None:
    found = read(timeVerified=text).time_verified
    assert found == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.tzinfo is UTC
