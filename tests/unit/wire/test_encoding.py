"""Base64: both alphabets, padded or not, and nothing else."""

import base64

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.encoding import parse_base64

CONTENTS = [b"", b"a", b"ab", b"abc", b"\xfb\xff\xfe", b"\xff" * 64, bytes(range(256))]


@pytest.mark.case("PARSE-004")
@pytest.mark.parametrize("content", CONTENTS, ids=range(len(CONTENTS)))
def test_every_spelling_is_read(content: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(content).decode()
        assert parse_base64(text, what="it") == content
        assert parse_base64(text.rstrip("="), what="it") == content


@pytest.mark.case("PARSE-003")
@pytest.mark.parametrize(
    "text",
    ["A", "AAAAA", "AA AA", "AA\nAA", "AAAA\n", " AAAA", "AA=A", "=", "====", "AAA==", "AA===", "AA=", "AAAA=", "A===",
     "!!!!", "AA.A", "A\x00AA", "+-AA", "_/AA", "\N{FULLWIDTH LATIN CAPITAL LETTER A}AAA", "\N{KELVIN SIGN}AAA"],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(MalformedAttestation, match=r"^it is not base64$"):
        parse_base64(text, what="it")
