"""Reading by msgspec's types, from any thread.

msgspec learns how a Struct is read when the first decoder of it is made, and lets other threads read by what it has
learned so far: that crashes the interpreter (0.22.0). Signatures are verified and large bodies are read in threads. So
every type is learned here, one at a time, and only what is learned is read by.
"""

from collections.abc import Hashable
from threading import Lock
from typing import Any, TypeVar, cast

import msgspec

_T = TypeVar("_T")

_learning = Lock()
_decoders: dict[Hashable, msgspec.json.Decoder[Any]] = {}


def decoder(shape: type[_T]) -> msgspec.json.Decoder[_T]:
    """The one decoder of JSON into this type of ours, of which there are some dozens. Each is kept for good."""
    key = cast("Hashable", shape)
    found = _decoders.get(key)
    if found is None:
        with _learning:
            found = _decoders.setdefault(key, msgspec.json.Decoder(shape))
    return found


def convert(document: object, shape: type[_T]) -> _T:
    """The document, made of what JSON is made of, as this type of ours. Raises as `msgspec.convert` does."""
    _ = decoder(shape)
    return msgspec.convert(document, shape)
