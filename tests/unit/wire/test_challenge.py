"""WWW-Authenticate and Retry-After: read in one way or not at all."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import MalformedDocument
from controller.wire.challenge import MAX_CHALLENGES, MAX_CHARACTERS, parse_challenges, parse_retry_after

NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a, b"', [("basic", {"realm": "a, b"})]),
        ('BEARER Realm="https://a.example",service=a', [("bearer", {"realm": "https://a.example", "service": "a"})]),
        ('Bearer realm="a\\"b", scope = "x"', [("bearer", {"realm": 'a"b', "scope": "x"})]),
        ('Negotiate, Basic realm="x"', [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Basic realm="x", Bearer a="y",b="z"', [("basic", {"realm": "x"}), ("bearer", {"a": "y", "b": "z"})]),
        ("Negotiate abc==, Basic", [("negotiate", {}), ("basic", {})]),
        (', ,Basic realm=""', [("basic", {"realm": ""})]),
    ],
)  # fmt: skip
def test_challenges_are_read_as_they_stand(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(one.scheme, one.parameters) for one in parse_challenges([header])] == expected


def test_several_headers_are_several_challenges() -> None:
    assert [one.scheme for one in parse_challenges(["Basic", "Bearer realm=x"])] == ["basic", "bearer"]


@pytest.mark.parametrize(
    "header",
    [
        'Bearer realm="a", realm="b"',
        'Bearer realm="a", REALM="b"',
        'Bearer realm="a',
        'Bearer realm="a\nb"',
        'Bearer realm="a\x00"',
        "Bearer réalm=x",
        'Bearer abc= realm="x", realm="y", realm="z"',
        "=",
        '"',
        ", ".join(f"a{number} b=c" for number in range(MAX_CHALLENGES + 1)),
        "Bearer " + ", ".join(f"a{number}=b" for number in range(17)),
        "Basic realm=" + "a" * MAX_CHARACTERS,
    ],
    ids=lambda header: repr(header[:40]),
)
def test_what_has_no_or_more_than_one_meaning_is_refused(header: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_challenges([header])
    assert "realm=" not in str(caught.value)


@given(st.lists(st.text(alphabet='Bearer lm="\\,=x ', max_size=60), max_size=3))
def test_any_text_is_challenges_or_malformed(headers: list[str]) -> None:
    try:
        parse_challenges(headers)
    except MalformedDocument:
        return


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 3 ", 3.0),
        ("Mon, 01 Jun 2026 12:00:30 GMT", 30.0),
        ("Mon, 01 Jun 2026 11:00:00 GMT", 0.0),
        ("Mon, 01 Jun 2026 12:00:30 -0000", 30.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("1e9", None),
        ("٣", None),
        ("9" * 5000, None),
        ("soon", None),
        ("Mon, 99 Jun 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


@given(st.text(max_size=60))
def test_any_text_is_a_pause_or_none(text: str) -> None:
    told = parse_retry_after(text, now=NOW)
    assert told is None or told >= 0
