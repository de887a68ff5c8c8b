"""Members of the closed variables: a misspelt one is never there, so that `!has()` of it would always be true.

Every way to a member is followed through the syntax tree: select, `has()`, index, `in`, macros, conditionals. Where
none can be followed, as in comparisons of whole values, the use is refused.
"""

import difflib
from collections.abc import Mapping
from typing import TypeAlias

from controller.core.text import printable
from controller.expressions import tree
from controller.expressions.shapes import CLOSED, Items, Members, Shape
from controller.expressions.tree import Call, Constant, Fold, Name, Node, Select

_Scope: TypeAlias = Mapping[str, Shape]
_SHOWN = 64


def member_problem(serialized: bytes) -> str | None:
    """What is wrong with the use of closed variables in an expression that compiled, fit to print. Never raises.

    None guarantees that each of their members that can come to be looked at is one of `CLOSED`.
    """
    try:
        _read(tree.read_tree(serialized), CLOSED)
    except _UnknownMember as unknown:
        return str(unknown)
    except RecursionError:
        return "nested too deeply"
    except ValueError:
        return "its members can't be told"
    return None


class _UnknownMember(ValueError):
    """A member that there is not, or a use that could hide one."""


def _read(node: Node, scope: _Scope) -> None:
    """This is used for its whole value, which must not be a closed one."""
    shape = _shape(node, scope)
    if isinstance(shape, Members):
        raise _UnknownMember(f"{shape.name} is not used as a whole: name one of its members, {_listed(shape)}")
    if shape is not None:
        raise _UnknownMember(f"{shape.name} is not used as a whole: look into its items, with all or exists")


def _shape(node: Node, scope: _Scope) -> Shape:
    """What of the closed variables this is; None for anything else."""
    if isinstance(node, Name):
        return scope.get(node.name)
    if isinstance(node, Select):
        found = _member(_shape(node.operand, scope), node.member)
        return None if node.is_presence else found
    if isinstance(node, Call):
        return _called(node, scope)
    if isinstance(node, Fold):
        return _folded(node, scope)
    if isinstance(node, tree.Items):
        for item in node.items:
            _read(item, scope)
    return None


def _called(call: Call, scope: _Scope) -> Shape:
    match call.function, call.arguments:
        case "_[_]", (operand, key):
            return _indexed(_shape(operand, scope), key, scope)
        case "@in", (key, operand):
            _seek(_shape(operand, scope), key, scope)
        case "_?_:_", (condition, one, other):
            _read(condition, scope)
            if _shape(one, scope) is _shape(other, scope):
                return _shape(one, scope)
            _read(one, scope)
            _read(other, scope)
        case "size", (operand,):
            _shape(operand, scope)
        case _, arguments:
            for argument in arguments:
                _read(argument, scope)
    return None


def _indexed(shape: Shape, key: Node, scope: _Scope) -> Shape:
    _read(key, scope)
    if isinstance(shape, Items):
        return shape.item
    return shape and _member(shape, _written(shape, key))


def _seek(shape: Shape, key: Node, scope: _Scope) -> None:
    """A key is looked for in a map, or a value in a list."""
    _read(key, scope)
    if isinstance(shape, Items):
        raise _UnknownMember(f"{shape.name} holds no plain values: look into its items, with all or exists")
    if shape is not None:
        _member(shape, _written(shape, key))


def _written(shape: Members, key: Node) -> str:
    if isinstance(key, Constant) and key.text is not None:
        return key.text
    raise _UnknownMember(f"the name of a member of {shape.name} is written out: {_listed(shape)}")


def _folded(fold: Fold, scope: _Scope) -> Shape:
    over = _shape(fold.over, scope)
    if isinstance(over, Members):
        raise _UnknownMember(f"macros do not go over the members of {over.name}: name one of {_listed(over)}")
    inner = {**scope, fold.accumulator: None, fold.variable: over.item if over is not None else None}
    condition = _filtering(fold)
    if condition is not None:
        _read(condition, inner)
        return over
    for part in (fold.first, fold.condition, fold.step, fold.result):
        _read(part, inner)
    return None


def _filtering(fold: Fold) -> Node | None:
    """The condition of a `filter`, which keeps items as they are; None for any other macro."""
    result = Name(name=fold.accumulator)
    kept = Call(function="_+_", arguments=(result, tree.Items(items=(Name(name=fold.variable),))))
    match fold:
        case Fold(
            first=tree.Items(items=()),
            condition=Constant(),
            step=Call(function="_?_:_", arguments=(condition, step, other)),
        ) if (step, other, fold.result) == (kept, result, result):
            return condition
    return None


def _member(shape: Shape, member: str) -> Shape:
    if shape is None:
        return None
    if isinstance(shape, Items):
        raise _UnknownMember(f"{shape.name} is a list: look into its items, with all or exists")
    if member in shape.members:
        return shape.members[member]
    shown = printable(member, limit=_SHOWN)
    raise _UnknownMember(f"{shape.name} has no member {shown}: {_meant(shape, member)}")


def _meant(shape: Members, member: str) -> str:
    lower = {name.lower(): name for name in shape.members}
    close = difflib.get_close_matches(member[:_SHOWN].lower(), lower, n=1)
    return f"did you mean {lower[close[0]]}?" if close else f"there are {_listed(shape)}"


def _listed(shape: Members) -> str:
    return ", ".join(shape.members)
