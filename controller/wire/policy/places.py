"""Where in a file of policies a field stands: the line for each field path that a problem is told at."""

import re
from dataclasses import dataclass

import yaml

from controller.core.errors import MalformedPolicy, Problem
from controller.core.text import printable
from controller.wire.policy.files import parse_documents

_STEP = re.compile(r"\[(?P<index>[0-9]+)\]|\[(?P<key>[^\]]*)\]|\.?(?P<name>[^.\[]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedObject:
    """An object of a file, and the node of the text that it was read from."""

    content: object
    node: yaml.Node

    def line(self, path: str = "") -> int:
        """The line, from 1, of the field at this path; of what is left out, the line of the field it would stand in."""
        node, line = self.node, self.node.start_mark.line
        for step in _STEP.finditer(path):
            found = _below(node, step)
            if found is None:
                break
            node, line = found
        return line + 1


def place_objects(text: str, name: str) -> tuple[PlacedObject, ...]:
    """The objects of a file, Kubernetes lists unrolled, of whatever kind; empty documents are none.

    Raises MalformedPolicy with the place where the text stops being YAML with one meaning.
    """
    contents = parse_documents(text, name)
    try:
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        message = f"not YAML that can be read: {type(error).__name__}"
        raise MalformedPolicy([Problem(path=printable(name), message=message)]) from error
    pairs = zip(contents, nodes, strict=True)
    return tuple(one for content, node in pairs if content is not None for one in _unrolled(content, node))


def _unrolled(content: object, node: yaml.Node) -> tuple[PlacedObject, ...]:
    if isinstance(content, dict) and str(content.get("kind")).endswith("List"):
        items = _member(node, "items")
        found = content.get("items")
        if isinstance(found, list) and items is not None and isinstance(items[0], yaml.SequenceNode):
            pairs = zip(found, items[0].value, strict=True)
            return tuple(PlacedObject(content=item, node=below) for item, below in pairs)
    return (PlacedObject(content=content, node=node),)


def _below(node: yaml.Node, step: re.Match[str]) -> tuple[yaml.Node, int] | None:
    index = step["index"]
    if index is not None and isinstance(node, yaml.SequenceNode):
        item = node.value[int(index)] if int(index) < len(node.value) else None
        return None if item is None else (item, item.start_mark.line)
    return _member(node, next(text for text in (index, step["key"], step["name"]) if text is not None))


def _member(node: yaml.Node, name: str) -> tuple[yaml.Node, int] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    found = ((value, key.start_mark.line) for key, value in node.value if key.value == name)
    return next(found, None)
