"""Windows of time."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from controller.core.window import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
END = datetime(2026, 3, 2, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.mark.case("TIME-008")
@pytest.mark.parametrize("time", [START, START + TICK, END])
def test_both_ends_are_inside(time: datetime) -> None:
    assert Window(start=START, end=END).contains(time)


@pytest.mark.case("TIME-009")
@pytest.mark.parametrize("time", [START - TICK, END + TICK])
def test_beyond_either_end_is_outside(time: datetime) -> None:
    assert not Window(start=START, end=END).contains(time)


@pytest.mark.case("PARSE-017")
def test_without_an_end_it_is_open() -> None:
    assert Window(start=START).contains(datetime.max.replace(tzinfo=UTC))


def test_zones_are_compared_as_moments() -> None:
    assert Window(start=START, end=START).contains(START.astimezone(timezone(timedelta(hours=5))))


@pytest.mark.parametrize("times", [(START.replace(tzinfo=None), None), (START, END.replace(tzinfo=None))])
def test_a_time_without_zone_is_refused(times: tuple[datetime, datetime | None]) -> None:
    with pytest.raises(ValueError, match="time zone"):
        Window(start=times[0], end=times[1])


def test_a_window_that_ends_before_it_starts_contains_nothing() -> None:
    assert not any(Window(start=END, end=START).contains(time) for time in (START, END))
