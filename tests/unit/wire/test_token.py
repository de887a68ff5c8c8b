"""What a token realm answers."""

import json
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.wire.token import DEFAULT_SECONDS, MAX_SECONDS, MAX_TOKEN_BYTES, parse_token


@pytest.mark.case("REG-010")
@pytest.mark.parametrize(
    ("document", "text", "seconds"),
    [
        ({"token": "a.b-c_d~e+f/g=="}, "a.b-c_d~e+f/g==", DEFAULT_SECONDS),
        ({"access_token": "abc", "expires_in": 300}, "abc", 300.0),
        ({"token": "abc", "access_token": "other", "expires_in": None}, "abc", DEFAULT_SECONDS),
        ({"token": "", "access_token": "abc"}, "abc", DEFAULT_SECONDS),
        ({"token": "abc", "expires_in": 0}, "abc", 0.0),
        ({"token": "abc", "expires_in": -5}, "abc", 0.0),
        ({"token": "abc", "expires_in": 10**15}, "abc", MAX_SECONDS),
        ({"token": "abc", "issued_at": "yesterday", "scope": []}, "abc", DEFAULT_SECONDS),
    ],
)
def test_a_token_and_how_long_it_lasts(document: Any, text: str, seconds: float) -> None:
    token = parse_token(json.dumps(document).encode())
    assert (token.text, token.seconds) == (text, seconds)


@pytest.mark.case("REG-010")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"<html>",
        b'{"token": 1}',
        b'{"token": "a b"}',
        b'{"token": "a\\r\\nX-Evil: 1"}',
        b'{"token": "\\u00e9"}',
        b'{"token": "abc", "token": "def"}',
        b'{"token": "abc"} {}',
        b'{"token": "abc", "expires_in": "60"}',
        b'{"token": "abc", "expires_in": true}',
        b'{"token": "abc", "expires_in": 1.5}',
        b'{"token": "%b"}' % (b"a" * 40_000),
        b'{"token": "abc", "x": "%b"}' % (b"a" * MAX_TOKEN_BYTES),
        b"[" * 50_000,
    ],
    ids=lambda content: repr(content[:40]),
)
def test_anything_else_is_no_token(content: bytes) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_token(content)
    assert "abc" not in str(caught.value)


@pytest.mark.case("NET-011")
def test_a_token_does_not_show_itself() -> None:
    assert "hidden" not in repr(parse_token(b'{"token": "hidden"}'))
