"""Everything wrong with the shape of a spec, all at once, each with its field path and the mend."""

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError

from controller.core.errors import Problem
from controller.core.text import printable
from controller.wire.policy.forms import FORMS
from controller.wire.policy.nodes import Node, present

MESSAGE_CHARACTERS = 300
ITEMS = 1024  # no list of ours may be longer
MAX_MEMBERS = 10_000  # of a whole spec: telling each of them apart takes a second, and stops everything else

_KEY_OF_MAP = "[key]"
_OBJECT, _NOT_EMPTY = "must be an object", "must not be empty"
_WORDS: Mapping[str, str] = {
    "missing": "is required",
    "model_type": _OBJECT,
    "dict_type": _OBJECT,
    "list_type": "must be a list, a dash before each entry",
    "string_type": "must be a text: write it in quotes",
    "int_type": "must be a whole number, without quotes",
    "bool_type": "must be true or false, without quotes",
    "too_short": _NOT_EMPTY,
    "string_too_short": _NOT_EMPTY,
}
"""What to tell, by the kinds of pydantic's complaints that say everything by themselves."""


def read_shape(model: type[Node], value: object) -> tuple[Node | None, tuple[Problem, ...]]:
    """`value` as this model reads it, None where it can't, and what is wrong with it as a spec: types, bounds,
    patterns, unknown fields, rules.

    Knows nothing of other objects, of PEM, or of fields that other fields give a meaning to. Never raises. No
    message quotes a value.
    """
    nodes = {path: (node, fields) for path, node, fields in _walk(model, value, "spec")}
    problems = {problem for path, (node, fields) in nodes.items() for problem in _broken_rules(node, fields, path)}
    try:
        read = model.model_validate(value)
    except ValidationError as error:
        return None, tuple(sorted({*problems, *_refusals(error, nodes)}))
    return read, tuple(sorted(problems))


def join(path: str, *steps: str | int) -> str:
    """The path of a field below `path`; names that others wrote are made fit to print."""
    for step in steps:
        if isinstance(step, int):
            path = f"{path}[{step}]"
        elif step.isidentifier():
            path = f"{path}.{printable(step, limit=80)}"
        else:
            path = f"{path}[{printable(step, limit=80)}]"
    return path


def _refusals(
    error: ValidationError, nodes: Mapping[str, tuple[type[Node], Mapping[str, object]]]
) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        steps = [step for step in detail["loc"] if step != _KEY_OF_MAP]
        parent = nodes.get(join("spec", *steps[:-1]))
        names = parent[0].field_names() if parent else ()
        message = _message(detail["type"], detail.get("ctx", {}), detail["msg"], _closest(steps, names))
        yield Problem(path=join("spec", *steps), message=printable(message, limit=MESSAGE_CHARACTERS))


def size_problem(value: object) -> Problem | None:
    """What is wrong with a spec that holds more values than any needs; looks at no more of them than that."""
    waiting, seen = [value], 0
    while waiting and seen <= MAX_MEMBERS:
        item = waiting.pop()
        seen += 1
        if isinstance(item, dict | list):
            waiting.extend(islice(item.values() if isinstance(item, dict) else item, MAX_MEMBERS + 1))
    if seen <= MAX_MEMBERS:
        return None
    return Problem(path="spec", message=f"holds more than {MAX_MEMBERS} values: no object of this kind needs them")


def _closest(steps: list[str | int], names: tuple[str, ...]) -> str:
    """How to end the complaint about an unknown field."""
    if not names or not steps:
        return "remove it"
    lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(str(steps[-1])[:80].lower(), lower, n=1)
    return f"did you mean {lower[close[0]]}?" if close else f"the fields here are {', '.join(names)}"


def _message(kind: str, context: Mapping[str, Any], message: str, closest: str) -> str:
    match kind:
        case "extra_forbidden":
            return f"no such field; {closest}"
        case "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            return FORMS[context["pattern"]]
        case "value_error":
            return str(context["error"])
        case "too_long":
            return f"must have at most {context['max_length']} entries"
        case _:
            return _WORDS.get(kind) or message.replace("Input should", "must", 1)


def _broken_rules(node: type[Node], fields: Mapping[str, object], path: str) -> Iterator[Problem]:
    if not fields and not node.may_be_empty:
        yield Problem(path=path, message="an empty object says nothing: fill it in, or remove it")
        return
    for rule in node.rules:
        if not rule.holds(fields):
            yield Problem(path=join(path, rule.field) if rule.field else path, message=rule.message)


def _walk(model: type[Node], value: object, path: str) -> Iterator[tuple[str, type[Node], Mapping[str, object]]]:
    """Every object in `value` that stands where the model has a node, whatever else is wrong."""
    if not isinstance(value, dict):
        return
    fields = present(value)
    yield path, model, fields
    for alias, inner in _inner_nodes(model):
        below = fields.get(alias)
        if isinstance(below, list):
            for index, item in enumerate(below[:ITEMS]):
                yield from _walk(inner, item, join(path, alias, index))
        elif below is not None:
            yield from _walk(inner, below, join(path, alias))


@cache
def _inner_nodes(model: type[Node]) -> tuple[tuple[str, type[Node]], ...]:
    """The fields of a node that hold nodes, by the names that objects write."""
    found = ((field.alias or name, _node_type(field.annotation)) for name, field in model.model_fields.items())
    return tuple((alias, inner) for alias, inner in found if inner is not None)


def _node_type(annotation: object) -> type[Node] | None:
    if isinstance(annotation, type) and issubclass(annotation, Node):
        return annotation
    return next((found for part in get_args(annotation) if (found := _node_type(part))), None)
