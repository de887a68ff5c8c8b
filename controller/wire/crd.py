"""The CustomResourceDefinitions of the five kinds, generated from the models of what their specs may say.

`python -m controller.wire.crd OUTPUT_DIR` writes one file per kind.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from controller.wire.fielddocs import field_docs
from controller.wire.policy.kinds import GROUP, KINDS, VERSION, Kind
from controller.wire.policy.nodes import Node
from controller.wire.statusschema import Schema, status_schema

_COPIED = frozenset({
    "type", "description", "format", "pattern", "enum", "default",
    "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
    "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
})  # fmt: skip
_READY = '.status.conditions[?(@.type=="Ready")]'

_COLUMNS: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "ClusterSLSAPolicy": (("Mode", "string", ".spec.mode"), ("Level", "integer", ".spec.require.buildLevel")),
    "SLSAPolicy": (("Mode", "string", ".spec.mode"), ("Level", "integer", ".spec.require.buildLevel")),
    "TrustedBuilder": (("Level", "integer", ".spec.maxLevel"), ("Builder-ID", "string", ".spec.builderID")),
    "TrustRoot": (("Keys", "string", ".spec.keys[*].name"), ("Stale-At", "date", ".status.staleAt")),
    "SLSAException": (("Expires", "date", ".spec.expires"), ("Ticket", "string", ".spec.ticket")),
}


def render_definition(kind: Kind) -> Schema:
    """The CustomResourceDefinition of this kind (apiextensions.k8s.io/v1, Kubernetes 1.30 and later)."""
    spec = structural_schema(kind.spec)
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["navicert"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": _printer_columns(kind),
                    "schema": {"openAPIV3Schema": _object_schema(kind, spec)},
                }
            ],
        },
    }


def structural_schema(model: type[Node]) -> Schema:
    """The structural schema of a spec.

    Every object node preserves unknown fields, so that a misspelt one is seen and refused instead of pruned, and
    carries the rules of its node. References are inlined, because a structural schema has none.
    """
    schema = model.model_json_schema()
    definitions: dict[str, Schema] = schema.pop("$defs", {})
    nodes = {node.__name__: node for node in _nodes(Node)}
    documented = {name: (_documented(definitions[name], nodes[name]), nodes[name]) for name in definitions}
    return _structural(_documented(schema, model), documented, model)


def _documented(schema: Schema, model: type[Node]) -> Schema:
    """The schema of a model with what the model says of its fields, its words in order as pydantic has them."""
    docs, fields = field_docs(model), schema.get("properties", {})
    told = {name: {"description": docs[name]} if name in docs else {} for name in fields}
    return {
        **schema,
        "properties": {name: dict(sorted({**field, **told[name]}.items())) for name, field in fields.items()},
    }


def _structural(
    schema: Schema, definitions: Mapping[str, tuple[Schema, type[Node]]], node: type[Node] | None
) -> Schema:
    given = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if given:  # an optional field: leaving it out is how Kubernetes says null
        inner = _structural(given[0], definitions, None)
        return {**inner, **{key: schema[key] for key in ("description",) if key in schema}}
    if "$ref" in schema:
        definition, model = definitions[schema["$ref"].rpartition("/")[2]]
        return {**_structural(definition, definitions, model), **_copied(schema)}
    result = _copied(schema)
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if "items" in schema:
        result["items"] = _structural(schema["items"], definitions, None)
    if result.get("type") == "object":
        result |= _object_parts(schema, definitions, node)
    return result


def _object_parts(
    schema: Schema, definitions: Mapping[str, tuple[Schema, type[Node]]], node: type[Node] | None
) -> Schema:
    keyed = schema.get("patternProperties", {})  # the API server has no patterns for keys: the loader refuses them
    values = next(iter(keyed.values()), schema.get("additionalProperties"))
    if isinstance(values, dict):
        return {"additionalProperties": _structural(values, definitions, None)}
    parts: Schema = {"x-kubernetes-preserve-unknown-fields": True}
    if schema.get("properties"):  # the API server drops empty ones, and an apply would differ from what is kept
        parts["properties"] = {
            name: _structural(value, definitions, None) for name, value in schema["properties"].items()
        }
    if node is not None and not node.may_be_empty:
        parts["minProperties"] = 1
    if node is not None and node.rules:
        parts["x-kubernetes-validations"] = [_validation(rule.cel, rule.message, rule.field) for rule in node.rules]
    return parts


def _validation(cel: str, message: str, field: str | None) -> Schema:
    place = {"fieldPath": f".{field}"} if field else {}
    return {"rule": cel, "message": message, **place}


def _copied(schema: Schema) -> Schema:
    copied = {key: value for key, value in schema.items() if key in _COPIED and value is not None}
    if isinstance(copied.get("description"), str):
        copied["description"] = " ".join(copied["description"].split())
    return copied


def _nodes(base: type[Node]) -> list[type[Node]]:
    return [one for below in base.__subclasses__() for one in (below, *_nodes(below))]


def _object_schema(kind: Kind, spec: Schema) -> Schema:
    return {
        "type": "object",
        "description": spec["description"],
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status_schema(kind.name),
        },
    }


def _printer_columns(kind: Kind) -> list[Schema]:
    columns = (
        *_COLUMNS[kind.name],
        ("Ready", "string", f"{_READY}.status"),
        ("Reason", "string", f"{_READY}.reason"),
        ("Age", "date", ".metadata.creationTimestamp"),
    )
    return [{"name": name, "type": form, "jsonPath": path} for name, form, path in columns]


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, _value: object) -> bool:
        """Repeat what is repeated: no anchors, whatever objects Python shares."""
        return True


def render_files() -> dict[str, str]:
    """The text of each file, by its name."""
    return {
        f"{GROUP}_{kind.plural}.yaml": yaml.dump(
            render_definition(kind), Dumper=_PlainDumper, sort_keys=False, width=110, allow_unicode=True
        )
        for kind in KINDS.values()
    }


def main(output: Path) -> None:
    """Write the files into an existing or new folder."""
    output.mkdir(parents=True, exist_ok=True)
    for name, text in render_files().items():
        (output / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
