"""The syntax tree of a compiled CEL expression, read from the protobuf that the engine writes of it.

The engine's Python binding shows no tree, but serializes one: a `cel.expr.CheckedExpr` (cel-spec, checked.proto and
syntax.proto) in a `google.protobuf.Any`. Macros are expanded there, and names resolved. What it has besides the
expression itself is skipped.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

_Fields: TypeAlias = dict[int, list[bytes]]

_OF_ANY_VALUE, _OF_CHECKED_EXPR = 2, 4
_STRING_CONSTANT = 6
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types (protobuf.dev, encoding)
_CONTINUED, _WIRE_TYPE_BITS, _GROUP_BITS = 0x80, 3, 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """A literal; `text` is None where it is no text."""

    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A variable, of the environment or of a macro."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Select:
    """A member of something, or, as `has()` asks, only whether it is there."""

    operand: "Node"
    member: str
    is_presence: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A function or operator; what a method is called on is the first of `arguments`."""

    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """What is put together in a list, a map or a message."""

    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """An expanded macro: `variable` goes over `over`, and `step` makes the next `result` of the last, from `first`."""

    variable: str
    over: "Node"
    accumulator: str
    first: "Node"
    condition: "Node"
    step: "Node"
    result: "Node"


Node: TypeAlias = Constant | Name | Select | Call | Items | Fold


def read_tree(serialized: bytes) -> Node:
    """The expression of what the engine serialized. Raises ValueError for anything that is not of this form, and
    RecursionError for what is nested too deeply."""
    checked = _fields(_only(_fields(serialized), _OF_ANY_VALUE))
    return _node(_only(checked, _OF_CHECKED_EXPR))


def _node(text: bytes) -> Node:
    fields = _fields(text)
    kinds = [number for number in _READERS if number in fields]
    if len(kinds) != 1:
        raise ValueError("a node of one known kind is expected")
    return _READERS[kinds[0]](_fields(_only(fields, kinds[0])))


def _constant(fields: _Fields) -> Node:
    return Constant(text=_text(fields, _STRING_CONSTANT) if _STRING_CONSTANT in fields else None)


def _name(fields: _Fields) -> Node:
    return Name(name=_text(fields, 1))


def _select(fields: _Fields) -> Node:
    return Select(operand=_node(_only(fields, 1)), member=_text(fields, 2), is_presence=3 in fields)


def _call(fields: _Fields) -> Node:
    arguments = (*fields.get(1, ()), *fields.get(3, ()))
    return Call(function=_text(fields, 2), arguments=tuple(_node(one) for one in arguments))


def _list(fields: _Fields) -> Node:
    return Items(items=tuple(_node(one) for one in fields.get(1, ())))


def _struct(fields: _Fields) -> Node:
    entries = [_fields(entry) for entry in fields.get(2, ())]
    return Items(items=tuple(_node(part) for entry in entries for key in (3, 4) for part in entry.get(key, ())))


def _fold(fields: _Fields) -> Node:
    second = 8
    if second in fields:
        raise ValueError("a macro has one variable")
    over, first, condition, step, result = (_node(_only(fields, number)) for number in (2, 4, 5, 6, 7))
    return Fold(
        variable=_text(fields, 1),
        over=over,
        accumulator=_text(fields, 3),
        first=first,
        condition=condition,
        step=step,
        result=result,
    )


_READERS: dict[int, Callable[[_Fields], Node]] = {  # by the field of cel.expr.Expr
    3: _constant,
    4: _name,
    5: _select,
    6: _call,
    7: _list,
    8: _struct,
    9: _fold,
}


def _only(fields: _Fields, number: int) -> bytes:
    """The one value of this field; the empty message where it is left out, as protobuf does with what is empty."""
    found = fields.get(number, [b""])
    if len(found) != 1:
        raise ValueError("a field is there twice")
    return found[0]


def _text(fields: _Fields, number: int) -> str:
    return _only(fields, number).decode()


def _fields(text: bytes) -> _Fields:
    """The fields of a message by number, those that are numbers themselves with an empty value."""
    found: _Fields = {}
    for number, value in _read(text):
        found.setdefault(number, []).append(value)
    return found


def _read(text: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(text):
        tag, place = _varint(text, place)
        number, wire = tag >> _WIRE_TYPE_BITS, tag & 7
        if wire == _VARINT:
            _, place = _varint(text, place)
            yield number, b""
            continue
        if wire not in (_FIXED64, _LENGTH, _FIXED32):
            raise ValueError("an unknown wire type")
        length, place = _varint(text, place) if wire == _LENGTH else (8 if wire == _FIXED64 else 4, place)
        if place + length > len(text):
            raise ValueError("a field is cut off")
        yield number, text[place : place + length]
        place += length


def _varint(text: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(text):
        byte = text[place]
        value, shift, place = value | (byte & ~_CONTINUED) << shift, shift + _GROUP_BITS, place + 1
        if not byte & _CONTINUED:
            return value, place
    raise ValueError("a number is cut off")
