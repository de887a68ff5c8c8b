"""JSON with one meaning: everything that two parsers could read differently is refused."""

import msgspec
import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.strictjson import MAX_BYTES, MAX_MEMBERS, MAX_VALUES, parse_part, parse_strict


class Shape(msgspec.Struct):
    name: str
    rest: msgspec.Raw = msgspec.Raw()


def refusal(content: bytes) -> str:
    with pytest.raises(MalformedAttestation) as refused:
        parse_strict(content, Shape, what="the thing")
    message = str(refused.value)
    assert message.startswith("the thing")
    assert len(message) < 200
    return message


def within(value: bytes) -> bytes:
    """A document that would be fine but for `value`, which stands where nobody looks."""
    return b'{"name":"shop","unknown":[' + value + b"]}"


@pytest.mark.parametrize(
    "value", [b"1", b"-1.5e3", b'"\\ud83d\\ude00"', '"\N{GRINNING FACE}"'.encode(), b'{"a":{"a":1}}']
)
def test_what_is_not_asked_for_is_ignored(value: bytes) -> None:
    assert parse_strict(within(value), Shape, what="it").name == "shop"


@pytest.mark.case("PARSE-001")
@pytest.mark.parametrize(
    "content",
    [
        b'{"name":"a","name":"a"}',
        b'{"name":"a","na\\u006de":"b"}',
        within(b'{"a":1,"a":1}'),
        b'{"name":"a","rest":{"deep":[{"a":1,"b":2,"a":3}]}}',
        '{"name":"a","\N{LATIN SMALL LETTER E WITH ACUTE}":1,"\\u00e9":2}'.encode(),
    ],
)
def test_duplicate_keys_are_refused_wherever_they_stand(content: bytes) -> None:
    assert "duplicate key" in refusal(content)


@pytest.mark.case("PARSE-002")
def test_keys_are_case_sensitive() -> None:
    assert "missing required field `name`" in refusal(b'{"Name":"shop"}')
    assert parse_strict(b'{"Name":"other","name":"shop"}', Shape, what="it").name == "shop"


@pytest.mark.case("PARSE-005")
@pytest.mark.parametrize(
    "content",
    [
        *(within(value) for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-1e999", b"1" * 5000)),
        *(within(value) for value in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000)),
        *(within(value) for value in (rb'"\ud800"', rb'"\udc00abcdef"', rb'"\ud800\ud800abcd"', rb'{"\udc00":1}')),
        *(
            within(value)
            for value in (b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'"\n"', b'"\\x"', b"01", b"1,", b"'a'")
        ),
        b"\xef\xbb\xbf" + within(b"1"),
        within(b"1").decode().encode("utf-16"),
        within(b"1") + b"{}",
        within(b"1") + b"\x00",
        b"// comment\n" + within(b"1"),
        within(b"1")[:-1],
        b"",
        b"null",
        b"[]",
    ],
    ids=range(29),
)
def test_what_parsers_read_differently_is_refused(content: bytes) -> None:
    refusal(content)


def test_white_space_around_the_document_is_nothing() -> None:
    assert parse_strict(b' \n{"name":"shop"}\r\n\t', Shape, what="it").name == "shop"


@pytest.mark.case("PARSE-005")
@pytest.mark.parametrize(
    ("content", "bound"),
    [
        (within(b'"' + b"a" * MAX_BYTES + b'"'), "20 MiB"),
        (within(b",".join([b"1"] * MAX_VALUES)), str(MAX_VALUES)),
        (b'{"name":"a","rest":{' + b",".join(b'"%d":1' % n for n in range(MAX_MEMBERS + 1)) + b"}}", str(MAX_MEMBERS)),
    ],
    ids=["bytes", "values", "members"],
)
def test_the_bounds_are_named(content: bytes, bound: str) -> None:
    assert bound in refusal(content)


def test_a_part_is_read_out_of_what_was_read_before() -> None:
    whole = parse_strict(b'{"name":"a","rest":{"name":"b"}}', Shape, what="it")
    assert parse_part(bytes(whole.rest), Shape, what="the rest").name == "b"


@pytest.mark.parametrize("part", [b"", b"null", b"[]", b'"text"', b"{}"])
def test_a_part_of_another_shape_is_refused(part: bytes) -> None:
    with pytest.raises(MalformedAttestation, match=r"^the rest"):
        parse_part(part, Shape, what="the rest")
