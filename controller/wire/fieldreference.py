"""The reference of every field of the five kinds, generated from the schemas that their definitions have.

`python -m controller.wire.fieldreference FILE` writes it, as Markdown. What stands in several places, such as a signer
entry, has a section of its own.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from controller.wire.crd import structural_schema
from controller.wire.duration import DURATION
from controller.wire.policy.common import Condition, LabelSelector, SignerEntry
from controller.wire.policy.forms import LABEL_KEY, LABEL_VALUE, NAME
from controller.wire.policy.kinds import GROUP, KINDS, VERSION
from controller.wire.policy.requirement import Alternative
from controller.wire.statusschema import Schema

_TITLE = f"""# Every field

Generated from the models of `{GROUP}/{VERSION}`: `make crds` writes it, and a test fails where it is not what they say.
[What a policy can ask](policies.md) is the guide; `kubectl explain` says the same of every field.

A field in **bold** is required. `[]` is an entry of a list. A field that is not listed is refused.
"""
_HEADER = ("| field | type | default | means |", "|---|---|---|---|")
_SHARED: Mapping[str, Schema] = {
    "A signer entry": structural_schema(SignerEntry),
    "A label selector": structural_schema(LabelSelector),
    "A condition": structural_schema(Condition),
}
_ALTERNATIVE = structural_schema(Alternative)
_WORDS = {NAME: "name in lower case", LABEL_KEY: "label key", LABEL_VALUE: "label value", DURATION: "duration"}
_ENTRIES = {"string": "characters", "array": "entries", "object": "entries"}
_BOUNDS = {"string": "Length", "array": "Items", "object": "Properties"}


def render_reference() -> str:
    """The text of the page."""
    sections = [_TITLE]
    for kind in KINDS.values():
        schema = structural_schema(kind.spec)
        sections.append(_section(kind.name, f"Short `{kind.short}`. {_escaped(schema['description'])}", schema, "spec"))
    sections += [_section(title, _escaped(schema["description"]), schema, "") for title, schema in _SHARED.items()]
    return "\n".join(sections)


def _section(title: str, said: str, schema: Schema, path: str) -> str:
    rows = (_row(*found) for found in _fields(schema, path))
    rules = list(_rules(schema, path))
    listed = ["", "Between fields:", "", *rules] if rules else []
    return "\n".join((f"## {title}", "", said, "", *_HEADER, *rows, *listed, ""))


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Every field below this one as it is shown, in the order of the models; bold where it is required."""
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        yield (f"**`{below}`**" if name in schema.get("required", ()) else f"`{below}`"), field
        if not _told_elsewhere(field):
            yield from _fields(field.get("items", field), _entry(below, field))


def _rules(schema: Schema, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"- {f'`{path}`: ' if path else ''}{_escaped(rule['message'])}"
    for name, field in schema.get("properties", {}).items():
        below = f"{path}.{name}" if path else name
        if not _told_elsewhere(field):
            yield from _rules(field.get("items", field), _entry(below, field))


def _row(name: str, field: Schema) -> str:
    default = f"`{field['default']}`" if "default" in field else ""
    return f"| {name} | {_type(field)} | {default} | {_escaped(field['description'])} |"


def _type(field: Schema) -> str:
    if (elsewhere := _told_elsewhere(field)) is not None:
        return elsewhere if field["type"] == "object" else f"list of {_bounded(elsewhere, field)}"
    if field["type"] == "array":
        return f"list of {_bounded(_type(field['items']), field)}"
    if "additionalProperties" in field:
        return _bounded("map of strings", field)
    return _bounded(_scalar(field), field)


def _scalar(field: Schema) -> str:
    if "enum" in field:
        return " or ".join(f"`{one}`" for one in field["enum"])
    if field.get("pattern") in _WORDS:
        return _WORDS[field["pattern"]]
    shown = field.get("format", field["type"])
    return f"{shown} `{_escaped(field['pattern'])}`" if "pattern" in field else str(shown)


def _bounded(shown: str, field: Schema) -> str:
    """With the bounds of a number, or of how many characters or entries there may be."""
    kind = field["type"]
    suffix, what = _BOUNDS.get(kind, "imum"), _ENTRIES.get(kind, "")
    low, high = field.get(f"min{suffix}"), field.get(f"max{suffix}")
    if high is None:
        return shown
    span = f"{low} to {high}" if low is not None else f"at most {high}"
    return f"{shown}, {span} {what}".rstrip()


def _told_elsewhere(field: Schema) -> str | None:
    """Where the fields of this one are listed, if not here."""
    bare = _undescribed(field.get("items", field))
    if bare == _undescribed(_ALTERNATIVE):
        return "what `require` has, without `anyOf`"
    titles = (title for title, schema in _SHARED.items() if bare == _undescribed(schema))
    return next((f"[{title.lower()}](#{title.lower().replace(' ', '-')})" for title in titles), None)


def _undescribed(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "description"}


def _entry(path: str, field: Schema) -> str:
    return f"{path}[]" if field["type"] == "array" else path


def _escaped(text: str) -> str:
    """As a cell of a table shows it."""
    return text.replace("|", r"\|")


def main(output: Path) -> None:
    """Write the page."""
    output.write_text(render_reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
