"""JSON with one meaning, for documents that somebody signed or that say who did.

Parsers disagree about duplicate keys, NaN and lone surrogates; a document on which they could disagree is refused
instead of read one way. RFC 8259 leaves all of these open; RFC 7493 (I-JSON) closes them as done here.
"""

import json
import math
from typing import TypeVar

from controller.core.errors import MalformedAttestation
from controller.core.text import printable
from controller.wire.shapes import decoder

MAX_BYTES = 20 * 1024 * 1024  # of one attestation
MAX_VALUES = 2_000_000  # keeps the worst document of MAX_BYTES under a couple of seconds and 250 MiB
MAX_MEMBERS = 100_000  # of one object, for the same reason
MAX_INTEGER_CHARACTERS = 400  # more than any number that a double holds

_WHITE_SPACE = " \t\n\r"  # RFC 8259, 2
_UNREADABLE = (RecursionError, ValueError)  # msgspec's and UnicodeDecodeError are ValueErrors

_T = TypeVar("_T")


def parse_strict(content: bytes, shape: type[_T], *, what: str) -> _T:
    """Read `content` as `shape` (a msgspec type), ignoring fields that the shape does not name.

    Guarantees that every conforming parser would have read the same: no duplicate keys at any depth, no NaN or
    infinite numbers, no lone surrogates, UTF-8 without BOM, nothing after the document. Keys are case-sensitive.
    Bounded by MAX_BYTES and MAX_VALUES, and in depth by the interpreter. Raises MalformedAttestation, whose message
    begins with `what`.
    """
    _refuse_oversize(content, what)
    try:
        _STRICT.raw_decode(content.decode("utf-8").lstrip(_WHITE_SPACE))
        return decoder(shape).decode(content)
    except _UNREADABLE as error:
        raise _malformed(error, what) from _cause(error)


def parse_part(content: bytes, shape: type[_T], *, what: str) -> _T:
    """Read a part (msgspec.Raw) of a document that `parse_strict` has read, and that has one meaning therefore.

    Raises MalformedAttestation, whose message begins with `what`.
    """
    try:
        return decoder(shape).decode(content)
    except _UNREADABLE as error:
        raise _malformed(error, what) from _cause(error)


def _malformed(error: Exception, what: str) -> MalformedAttestation:
    if isinstance(error, RecursionError):
        return MalformedAttestation(f"{what} is nested too deep")
    return MalformedAttestation(f"{what}: {printable(str(error), limit=120)}")


def _cause(error: Exception) -> Exception | None:
    """What the refusal is told to come from: a traceback of a million frames explains nothing."""
    return None if isinstance(error, RecursionError) else error


def _refuse_oversize(content: bytes, what: str) -> None:
    if len(content) > MAX_BYTES:
        raise MalformedAttestation(f"{what} is larger than {MAX_BYTES // 1024 // 1024} MiB")
    if len(content) > MAX_VALUES and sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise MalformedAttestation(f"{what} holds more than {MAX_VALUES} values")


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> None:
    count = len(pairs)
    if count > MAX_MEMBERS:
        raise ValueError(f"an object with more than {MAX_MEMBERS} members")
    if len(dict(pairs)) != count:
        raise ValueError("duplicate key")


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _refuse_infinite(text: str) -> None:
    if math.isinf(float(text)):
        raise ValueError("number out of range")


def _refuse_long(text: str) -> None:
    if len(text) > MAX_INTEGER_CHARACTERS:
        raise ValueError("number out of range")


# Walks the whole document, made once; objects and numbers are dropped as soon as they were seen. msgspec refuses lone
# surrogates wherever they stand and what comes after the document, but neither duplicates nor, in what it skips, bad
# UTF-8.
_STRICT = json.JSONDecoder(
    object_pairs_hook=_refuse_duplicates,
    parse_constant=_refuse_constant,
    parse_float=_refuse_infinite,
    parse_int=_refuse_long,
)
