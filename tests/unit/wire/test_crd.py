"""The definitions: generated, structural, and the same as those in the chart."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.wire import crd
from controller.wire.policy import KINDS

CHART = Path(__file__).resolve().parents[3] / "charts" / "navicert" / "crds"
FOREIGN = {"$ref", "$defs", "title", "const", "anyOf", "oneOf", "patternProperties", "propertyNames", "nullable"}


def nodes(schema: dict[str, Any], path: str = "spec") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, below in schema.get("properties", {}).items():
        yield from nodes(below, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield from nodes(schema[name], f"{path}[]")


def test_the_chart_has_what_the_models_say() -> None:
    assert {path.name: path.read_text() for path in CHART.glob("*.yaml")} == crd.render_files()


def test_the_command_writes_one_file_per_kind(tmp_path: Path) -> None:
    crd.main(tmp_path / "crds")
    assert len(list((tmp_path / "crds").iterdir())) == len(KINDS) == 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.slow
def test_a_definition_fits_into_the_annotation_of_kubectl_apply(kind: str) -> None:
    assert len(crd.render_files()[f"navicert.dev_{KINDS[kind].plural}.yaml"]) < 262_144


def test_every_schema_is_structural_and_bounded() -> None:
    for kind in KINDS.values():
        for path, node in nodes(crd.structural_schema(kind.spec)):
            where = f"{kind.name} {path}"
            assert not FOREIGN & set(node), where
            match node["type"]:
                case "string":
                    assert "maxLength" in node or "enum" in node, where
                case "array":
                    assert "maxItems" in node, where
                    assert node["minItems"] == 1, where
                case "integer":
                    assert "maximum" in node, where
                case "object" if "additionalProperties" in node:
                    assert node["minProperties"] == 1, where
                case "object":
                    assert node["x-kubernetes-preserve-unknown-fields"] is True, where


def test_every_field_and_kind_is_described() -> None:
    for kind in KINDS.values():
        assert crd.render_definition(kind)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"]
        for path, node in nodes(crd.structural_schema(kind.spec)):
            for name, field in node.get("properties", {}).items():
                assert field.get("description", "").endswith((".", ")")), f"{kind.name} {path}.{name}"


def test_no_default_makes_one_of_two_alternatives_appear() -> None:
    for kind in KINDS.values():
        for path, node in nodes(crd.structural_schema(kind.spec)):
            exclusive = [one["rule"] for one in node.get("x-kubernetes-validations", ()) if "exists_one" in one["rule"]]
            for name, below in node.get("properties", {}).items():
                chosen = "default" in below and any(f"has(self.{name})" in rule for rule in exclusive)
                assert not chosen, f"{path}.{name}"


def test_rules_name_fields_that_are_declared() -> None:
    for kind in KINDS.values():
        for path, node in nodes(crd.structural_schema(kind.spec)):
            for rule in node.get("x-kubernetes-validations", ()):
                field = rule.get("fieldPath", "").removeprefix(".")
                assert not field or field in node["properties"], f"{path}: {rule}"
