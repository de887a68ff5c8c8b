"""What a status says, and when it says it anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.core.errors import Problem
from controller.wire.status import (
    MESSAGE_CHARACTERS,
    Freshness,
    Holdings,
    RootFacts,
    StatusReason,
    exception_standing,
    render_status,
    root_standing,
    standing_of,
    summarize,
)
from tests.support import objects

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PROBLEM = Problem(path="spec.require", message="ask for something")
QUARTER = timedelta(days=90)


def stored(document: dict[str, Any], **status: Any) -> dict[str, Any]:
    metadata = {**document["metadata"], "generation": 3, "creationTimestamp": "2026-05-01T00:00:00Z"}
    return {**document, "metadata": metadata, **({"status": status} if status else {})}


def condition(status: Any) -> dict[str, Any]:
    (ready,) = (one for one in status["conditions"] if one["type"] == "Ready")
    return dict(ready)


def test_a_first_status_says_when_and_about_which_generation() -> None:
    status = render_status(stored(objects.policy()), standing_of([PROBLEM]), now=NOW)
    assert status is not None
    assert condition(status) == {
        "type": "Ready",
        "status": "False",
        "reason": "Broken",
        "message": "spec.require: ask for something",
        "observedGeneration": 3,
        "lastTransitionTime": "2026-06-01T12:00:00Z",
    }


def test_what_is_said_already_is_not_said_again() -> None:
    document = stored(objects.policy())
    status = render_status(document, standing_of([PROBLEM]), now=NOW)
    assert render_status({**document, "status": status}, standing_of([PROBLEM]), now=NOW + DAY) is None


def test_the_time_moves_when_ready_turns_and_not_when_the_message_does() -> None:
    document = stored(objects.policy())
    first = render_status(document, standing_of([PROBLEM]), now=NOW)
    other = Problem(path="spec.mode", message="is required")
    second = render_status({**document, "status": first}, standing_of([other]), now=NOW + DAY)
    assert condition(second)["lastTransitionTime"] == "2026-06-01T12:00:00Z"
    third = render_status({**document, "status": second}, standing_of([]), now=NOW + DAY)
    assert condition(third)["lastTransitionTime"] == "2026-06-02T12:00:00Z"
    assert condition(third)["status"] == "True"


def test_conditions_of_others_stay() -> None:
    foreign = {"type": "Audited", "status": "True", "reason": "Done", "message": "", "lastTransitionTime": "x"}
    status = render_status(stored(objects.policy(), conditions=[foreign]), standing_of([]), now=NOW)
    assert status is not None
    assert status["conditions"][0] == foreign
    assert len(status["conditions"]) == 2


def test_many_problems_are_counted_within_the_bound() -> None:
    many = [Problem(path=f"spec.match.images[{number}]", message="x" * 900) for number in range(100)]
    message = summarize(many)
    assert len(message) <= MESSAGE_CHARACTERS
    assert message.endswith("; and 96 more")
    assert len(summarize([Problem(path="spec", message="x" * 100_000)])) == MESSAGE_CHARACTERS


@pytest.mark.case("EXC-002")
@pytest.mark.parametrize(
    ("expires", "reason"),
    [
        ("2026-06-01T12:00:00Z", StatusReason.EXPIRED),
        ("2026-06-01T11:59:59Z", StatusReason.EXPIRED),
        ("2026-06-01T12:00:01Z", StatusReason.ACTIVE),
        ("2026-07-30T00:00:00Z", StatusReason.ACTIVE),
        ("2026-07-30T00:00:01Z", StatusReason.BEYOND_MAXIMUM),
    ],
)
def test_an_exception_counts_to_the_second_and_to_the_maximum_after_its_creation(
    expires: str, reason: StatusReason
) -> None:
    standing = exception_standing(stored(objects.exception(expires=expires)), [], maximum=QUARTER, now=NOW)
    assert standing.reason is reason
    assert standing.ready is (reason is StatusReason.ACTIVE)
    assert (standing.until is None) is (reason is StatusReason.EXPIRED)


def test_a_broken_exception_is_looked_at_again_when_it_expires() -> None:
    document = stored(objects.exception(expires="2026-06-02T12:00:00Z"))
    standing = exception_standing(document, [PROBLEM], maximum=QUARTER, now=NOW)
    assert (standing.reason, standing.until) == (StatusReason.BROKEN, NOW + DAY)


REFRESHED = Freshness(refreshed=NOW - 29 * DAY, stale_at=NOW + DAY)


@pytest.mark.case("OPS-013")
@pytest.mark.case("TIME-021")
@pytest.mark.parametrize(
    ("freshness", "reason", "words"),
    [
        (None, StatusReason.SOUND, "in force"),
        (REFRESHED, StatusReason.SOUND, "in force"),
        (Freshness(), StatusReason.NOT_REFRESHED, "not refreshed yet"),
        (Freshness(failure="mirror down"), StatusReason.NOT_REFRESHED, "mirror down"),
        (
            Freshness(refreshed=NOW - DAY, stale_at=NOW + DAY, failure="mirror down"),
            StatusReason.REFRESH_FAILING,
            "the last good one is in force: mirror down",
        ),
        (
            Freshness(refreshed=NOW - 30 * DAY, stale_at=NOW, failure="mirror down"),
            StatusReason.STALE,
            "stale since 2026-06-01T12:00:00Z: mirror down",
        ),
    ],
)
def test_a_root_is_stale_from_the_very_moment_and_says_what_fails(
    freshness: Freshness | None, reason: StatusReason, words: str
) -> None:
    standing = root_standing([], RootFacts(freshness=freshness), now=NOW)
    assert standing.reason is reason
    assert standing.ready is (reason in (StatusReason.SOUND, StatusReason.REFRESH_FAILING))
    assert words in standing.message


@pytest.mark.case("TIME-030")
def test_a_root_without_a_source_never_goes_stale() -> None:
    standing = root_standing([], RootFacts(holdings=Holdings(keys=1)), now=NOW + 10_000 * DAY)
    assert (standing.ready, standing.until) == (True, None)


def test_a_root_wakes_us_when_it_goes_stale_and_not_afterwards() -> None:
    facts = RootFacts(freshness=REFRESHED)
    assert root_standing([], facts, now=NOW).until == NOW + DAY
    assert root_standing([PROBLEM], facts, now=NOW).until == NOW + DAY
    assert root_standing([PROBLEM], facts, now=NOW + DAY).until is None
    assert root_standing([], facts, now=NOW + DAY).until is None


def test_a_root_tells_what_it_holds_and_takes_it_back_when_it_breaks() -> None:
    document = stored(objects.root())
    sound = RootFacts(holdings=Holdings(keys=2, revision="a" * 64), freshness=REFRESHED)
    status = render_status(document, root_standing([], sound, now=NOW), sound, now=NOW)
    assert status is not None
    assert (status["keys"], status["staleAt"]) == (2, "2026-06-02T12:00:00Z")
    broken = render_status({**document, "status": status}, standing_of([PROBLEM]), RootFacts(), now=NOW)
    assert broken is not None
    assert (broken["keys"], broken["revision"], broken["staleAt"]) == (0, None, None)
