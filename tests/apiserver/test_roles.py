"""What the chart lets people do: by real RBAC, as somebody who may edit namespaces."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import objects
from tests.support.cluster import API, ROOT, install_kinds
from tests.support.controlplane import Client, ControlPlane
from tests.support.processes import wait_until
from tests.support.tools import Helm

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE, PERSON = "edited", "editor"
# What `edit` is made of: aggregating is the controller manager's work, which is not here.
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-edit"


@pytest.fixture
def editor(controlplane: ControlPlane, tmp_path: Path) -> Client:
    """Somebody with every role that is aggregated to `edit`, the shipped one among them."""
    client = controlplane.client()
    install_kinds(client)
    text = Helm(tmp_path).run(
        "template",
        "navicert",
        ROOT / "charts" / "navicert",
        "--namespace",
        "navicert-system",
        "-s",
        "templates/roles.yaml",
    )
    for role in yaml.safe_load_all(text):
        assert client.apply(f"{RBAC}/clusterroles/{role['metadata']['name']}", role)[0] in (200, 201)
    controlplane.create_namespace(NAMESPACE)
    controlplane.create_service_account(NAMESPACE, PERSON)
    roles = client.get(f"{RBAC}/clusterroles?labelSelector={AGGREGATED}=true")[1]["items"]
    assert {"navicert-edit", "system:aggregate-to-edit"} <= {role["metadata"]["name"] for role in roles}
    for role in roles:
        bind(client, role["metadata"]["name"])
    return Client(controlplane.service_account(NAMESPACE, PERSON))


def bind(client: Client, role: str) -> None:
    """In every namespace: a binding in one alone would give nothing of the cluster's kinds, whatever the role says."""
    name = "editor." + role.replace(":", ".")
    binding: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "ServiceAccount", "name": PERSON, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }
    assert client.apply(f"{RBAC}/clusterrolebindings/{name}", binding)[0] in (200, 201)


@pytest.mark.case("EXC-010")
def test_who_edits_namespaces_writes_their_policies_and_no_exceptions(editor: Client) -> None:
    policies = f"{API}/namespaces/{NAMESPACE}/slsapolicies"
    own = objects.policy("own", namespace=NAMESPACE)
    wait_until(lambda: editor.create(policies, own)[0] == HTTPStatus.CREATED, timeout=20)
    for plural, document in (
        ("slsaexceptions", objects.exception()),
        ("clusterslsapolicies", objects.policy()),
        ("trustedbuilders", objects.builder()),
        ("trustroots", objects.root()),
    ):
        status, body = editor.create(f"{API}/{plural}", document)
        assert status == HTTPStatus.FORBIDDEN, body
        assert "cannot create resource" in body["message"]
