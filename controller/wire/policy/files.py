"""Policies from files: YAML or JSON text to objects, with one meaning only."""

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import yaml

from controller.core.errors import MalformedPolicy, Problem
from controller.core.text import printable
from controller.wire.policy.kinds import GROUP

_DOCUMENT_CHARACTERS = 4 * 1024 * 1024
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MENDS: Mapping[str, str] = {
    "unknown escape character": "a backslash stands for itself in single quotes only: '...'",
    "'\\t' that cannot start any token": "indent with spaces, not with tabs",
    "undefined alias": "an anchor holds in its own document only, and a text that begins with * stands in quotes",
    "expected alphabetic or numeric character": "a text that begins with * or & stands in quotes",
    "expected ',' or ']'": "a text in [...] that holds a brace or a comma stands in quotes",
    "mapping values are not allowed here": "look at the indentation, and put a text with a colon and a space in quotes",
}
"""What would mend it, by what the parser of YAML complains of."""


class _Loader(yaml.SafeLoader):
    """The safe loader with duplicate keys refused and timestamps left as they are written.

    Not the C one: its depth is bounded by the stack of the process, not by an exception.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012  # the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(  # the base class's signature
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[Hashable, Any]:
        """A mapping whose keys are text, each standing once."""
        seen: set[str] = set()
        for key, _ in node.value:
            text = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (_STRING, _MERGE):
                raise yaml.constructor.ConstructorError(None, None, "a key must be text", key.start_mark)
            if text in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {text!r} stands twice", key.start_mark)
            seen.add(text)
        return super().construct_mapping(node, deep=deep)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The members of an object, each standing once; raises ValueError."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


# What is JSON is read as JSON, as kubectl does: YAML reads the same in a hundred times as long. What is not, for a key
# that stands twice perhaps, is told by the place in YAML's words.
_JSON = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)
_STRING = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"


def parse_objects(text: str, name: str) -> tuple[dict[str, object], ...]:
    """The objects of a file, Kubernetes lists unrolled: kinds of navicert.dev, and Namespaces for their labels.

    `name` is the file's, for messages. Does not compile anything. Raises MalformedPolicy with every foreign kind,
    each told by file and number of the document, or with the place where the text stops being YAML.
    """
    objects: list[dict[str, object]] = []
    problems: list[Problem] = []
    for number, document in enumerate(parse_documents(text, name), start=1):
        place = f"{printable(name)} (document {number})"
        for item in () if document is None else _unrolled(document):
            if isinstance(item, dict) and _ours(item):
                objects.append(item)
            else:
                problems.append(Problem(path=place, message=_refusal(item)))
    if problems:
        raise MalformedPolicy(problems)
    return tuple(objects)


def parse_documents(text: str, name: str) -> list[object]:
    """The YAML documents of a file, in which every key is text and stands once. Raises MalformedPolicy as above."""
    if len(text) > _DOCUMENT_CHARACTERS:
        message = f"a file has at most {_DOCUMENT_CHARACTERS} characters"
        raise MalformedPolicy([Problem(path=printable(name), message=message)])
    try:
        return [_JSON.decode(text)]
    except (ValueError, RecursionError):
        return _parse_yaml(text, name)


def _parse_yaml(text: str, name: str) -> list[object]:
    try:
        return list(yaml.load_all(text, _Loader))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mend = next((text for complaint, text in _MENDS.items() if complaint in str(error.problem)), "")
        message = ": ".join(text for text in (f"line {line}", error.problem or "not YAML", mend) if text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"not YAML that can be read: {type(error).__name__}"
    raise MalformedPolicy([Problem(path=printable(name), message=printable(message))])


def _unrolled(document: object) -> Iterator[object]:
    items = document.get("items") if isinstance(document, dict) else None
    if isinstance(document, dict) and str(document.get("kind")).endswith("List") and isinstance(items, list):
        yield from items
    else:
        yield document


def _ours(item: dict[str, object]) -> bool:
    group, slash, _ = str(item.get("apiVersion")).partition("/")
    if not slash:
        return (group, item.get("kind")) == ("v1", "Namespace")
    return group == GROUP


def _refusal(item: object) -> str:
    if not isinstance(item, dict):
        return "not a Kubernetes object"
    kind = printable(str(item.get("kind")), limit=63)
    return f"{kind} is no kind of {GROUP}, nor a Namespace: keep it in another file"
