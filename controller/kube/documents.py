"""What the API server sends, as JSON: pages of a list, events of a watch and single objects.

Objects stay as they came: a typed model would drop the fields it does not know, and a misspelt field must be seen.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from functools import partial
from typing import Any

import msgspec

from controller.core.errors import ApiServerUnavailable
from controller.wire.shapes import decoder

Object = Mapping[str, Any]

# A string, skipped as one, or a bracket. Never backtracks; a string without an end reaches to the end.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_NAMED_LEVELS = 4  # of an object: metadata.ownerReferences[0].name; fieldsV1, as deep as the spec, lies below
_SHALLOW_LEVELS = 8  # of a page: items[0].metadata.ownerReferences[0], and more than any object's metadata has to say
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class Form(IntEnum):
    """What a document is; the value is how many objects and lists stand around each Kubernetes object in it."""

    OBJECT = 0
    EVENT = 1
    PAGE = 2


class _Named(msgspec.Struct, omit_defaults=True, rename="camel"):
    """What names an object, and what it was told. In lists of built-in kinds it says neither version nor kind."""

    metadata: dict[str, Any]
    api_version: str = ""
    kind: str = ""
    status: Any = None


_named = decoder(_Named)


def parse_document(content: bytes, form: Form) -> Object:
    """The document; raises ApiServerUnavailable for what is no JSON object.

    Guarantees that one Kubernetes object that can't be read (one nested deeper than the decoder goes: the API server
    takes ten thousand levels) takes nothing from the others. It is there with its apiVersion, kind, metadata and
    status, what is nested deep in those left out, and without a spec, which compiles to a broken policy. Where not
    even that much of it can be read, the document can't.
    """
    try:
        document = _decoded(content, form)
    except _UNREADABLE as error:
        raise ApiServerUnavailable("the API server sent something that is no JSON") from error
    if not isinstance(document, dict):
        raise ApiServerUnavailable("the API server sent something that is no object")
    return document


def shallow(content: bytes) -> bytes:
    """The JSON with nulls for what stands in more than eight others, for a reader that is not ours: no depth is too
    much for it, and what names an object is whole. Raises nothing; what is no JSON stays none."""
    return _replaced(content, _SHALLOW_LEVELS, lambda _: b"null")


def _decoded(content: bytes, form: Form) -> Any:
    try:
        return msgspec.json.decode(content)
    except _UNREADABLE:
        return msgspec.json.decode(_replaced(content, form, partial(_readable, form=form)))


def _readable(content: bytes, form: Form) -> bytes:
    """This object where it can be decoded as deep as it stands, or no more of it than names it."""
    try:
        msgspec.json.decode(b"[" * form + content + b"]" * form)
    except _UNREADABLE:
        shallow = _replaced(content, _NAMED_LEVELS, lambda _: b"null")
        return msgspec.json.encode(_named.decode(shallow))
    return content


def _replaced(content: bytes, level: int, by: Callable[[bytes], bytes]) -> bytes:
    """The JSON with each object and list replaced that stands in exactly `level` others."""
    pieces: list[bytes] = []
    position = 0
    for start, end in _spans(content, level):
        pieces += content[position:start], by(content[start:end])
        position = end
    return b"".join([*pieces, content[position:]])


def _spans(content: bytes, level: int) -> Iterator[tuple[int, int]]:
    """Where these objects and lists begin and end. Without recursion: no depth is too deep."""
    depth = start = 0
    for token in _TOKEN.finditer(content):
        match content[token.start() : token.start() + 1]:
            case b"{" | b"[":
                start = token.start() if depth == level else start
                depth += 1
            case b"}" | b"]":
                depth -= 1
                if depth == level:
                    yield start, token.end()
