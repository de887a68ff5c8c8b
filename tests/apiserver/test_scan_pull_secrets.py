"""The real operator scans images that only the Secrets of their own pods open."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.chart import PULLING
from tests.support.cluster import apply, policy, provenance, trust
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import Operator, install
from tests.support.privateregistries import NAME, PASSWORD, Access, PrivateRegistry, private_registry
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Pushed
from tests.support.reportkinds import POLICY_REPORTS, install_reports
from tests.support.running import create, pod, running

SHOP = "shop"
REPORTS = f"/apis/wgpolicyk8s.io/v1alpha2/namespaces/{SHOP}/policyreports"

pytestmark = [pytest.mark.slow, pytest.mark.registry]


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path / "plane") as started:
        install(started, *PULLING)
        install_reports(started.client(), POLICY_REPORTS)
        started.create_namespace(SHOP)
        yield started


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path / "registry", Access.BASIC) as started:
        yield started


def run(client: Client, name: str, image: Pushed, *secrets: str) -> None:
    document = pod(name, image.reference)
    document["spec"]["imagePullSecrets"] = [{"name": secret} for secret in secrets]
    create(client, running(document, image.reference))


def results(client: Client) -> dict[str, tuple[str, str]]:
    """Result and reason by pod."""
    found: dict[str, tuple[str, str]] = {}
    for report in client.get(REPORTS)[1]["items"]:
        (result,) = report["results"]
        properties: dict[str, Any] = result.get("properties", {})
        found[report["scope"]["name"]] = (result["result"], properties.get("reason", ""))
    return found


@pytest.mark.case("AUD-007")
@pytest.mark.case("CACHE-009")
def test_each_pod_is_judged_by_its_own_secrets(
    plane: ControlPlane, registry: PrivateRegistry, cosign: Cosign, tmp_path: Path
) -> None:
    client, options = plane.client(), registry.cosign_options(tmp_path)
    image = registry.push_image("acme/shop")
    cosign.sign(image, *options, legacy=True)
    cosign.attest(image, provenance(), *options, legacy=True)
    config = {"auths": {registry.host: {"username": NAME, "password": PASSWORD}}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "pull"},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(json.dumps(config).encode()).decode()},
    }
    assert client.create(f"/api/v1/namespaces/{SHOP}/secrets", secret)[0] == HTTPStatus.CREATED
    run(client, "known", image, "pull")
    run(client, "stranger", image)
    run(client, "mistaken", image, "absent")
    entry = {"host": registry.host, "caBundle": registry.authority.decode()}
    registries = tmp_path / "registries.yaml"
    registries.write_text(yaml.safe_dump({"registries": [entry]}))
    for document in (*trust(cosign.public_key.read_text()), policy()):
        apply(client, document)
    expected = {
        "known": ("pass", "Satisfied"),
        "stranger": ("error", "RegistryDenied"),
        "mistaken": ("error", "RegistryDenied"),
    }
    with Operator(plane, tmp_path / "operator", "--pod-pull-secrets", "--registries", str(registries)) as operator:
        try:
            wait_until(lambda: results(client) == expected)
        except TimeoutError as error:
            error.add_note(str(results(client)))
            error.add_note(operator.process.output())
            raise
