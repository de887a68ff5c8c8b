"""What the chart lets be said of registries is what the programs take, and what they need of it reaches them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.wire.registries import RegistryEntry, parse_registries
from tests.support.chart import CHART, Document, template
from tests.support.plainyaml import read_yaml
from tests.support.tools import Helm

WORDS = ("title", "description", "default")  # of people's, and nothing that helm goes by
FULL = {
    "host": "registry.example:5000",
    "caBundle": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    "clientCertificate": {"cert": "/registry-certificates/shop/tls.crt", "key": "/registry-certificates/shop/tls.key"},
    "mirrors": ["cache.example/hub"],
    "evidenceRepository": "evidence.example/signatures",
    "privateAddresses": ["10.1.0.0/16"],
    "rateLimit": 0.5,
}


def entry_schema() -> Document:
    """The schema of the setting's entries, without references: the chart's own has another root."""
    schema = RegistryEntry.model_json_schema(by_alias=True)
    return dict(inlined(schema, schema.pop("$defs")))


def inlined(schema: Any, definitions: Document) -> Any:
    if isinstance(schema, list):
        return [inlined(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {
        name: {one: inlined(part, definitions) for one, part in value.items()}
        if name == "properties"
        else inlined(value, definitions)
        for name, value in schema.items()
        if name not in WORDS
    }


def rendered(tmp_path: Path, **values: Any) -> list[Document]:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    return list(template("--values", str(file)))


def test_the_chart_has_the_settings_own_schema() -> None:
    values = json.loads((CHART / "values.schema.json").read_text())
    assert values["properties"]["registries"]["items"] == entry_schema()


def test_every_field_reaches_the_programs_as_it_was_said(tmp_path: Path) -> None:
    documents = rendered(tmp_path, registries=[FULL])
    (settings,) = (one for one in documents if one["metadata"]["name"] == "navicert-settings")
    told = read_yaml(settings["data"]["registries.yaml"])["registries"]
    assert told == [FULL]
    assert parse_registries(told).configured("evidence.example")


@pytest.mark.case("OPS-010")
@pytest.mark.parametrize("wrong", [{"plainHttp": True}, {"rateLimit": 0}, {"rateLimit": "20"}, {"mirrors": ["a"] * 9}])
def test_what_the_programs_would_not_take_is_refused_before_anything_is_installed(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"registries": [{"host": "registry.example", **wrong}]}))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        Helm(tmp_path).run("template", "navicert", CHART, "--namespace", "navicert-system", "--values", values)
    assert next(iter(wrong)) in "".join(refused.value.__notes__)


def test_programs_and_certificates_are_mounted_where_the_settings_look_for_them(tmp_path: Path) -> None:
    volume = {"image": {"reference": "registry.example/credential-helpers@sha256:" + "a" * 64}}
    documents = rendered(tmp_path, credentialPrograms=volume, registryCertificates=["shop"], credentials=["a.b"])
    pods = [one["spec"]["template"]["spec"] for one in documents if one["kind"] == "Deployment"]
    assert len(pods) == 2
    for spec in pods:
        (container,) = spec["containers"]
        mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"] if one.get("readOnly")}
        volumes = {one["name"]: one for one in spec["volumes"]}
        assert "--credential-programs=/credential-programs" in container["args"]
        assert volumes[mounts["/credential-programs"]]["image"] == volume["image"]
        assert volumes[mounts["/registry-certificates/shop"]]["secret"] == {"secretName": "shop"}
        assert volumes[mounts["/credentials/a.b"]]["secret"] == {"secretName": "a.b"}
        assert all(re.fullmatch("[-a-z0-9]{1,63}", name) for name in volumes)
