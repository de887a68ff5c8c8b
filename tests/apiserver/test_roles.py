"""What the chart lets people do: by real RBAC, as somebody who may view, edit or administer namespaces."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.support import objects
from tests.support.cluster import API, ROOT, install_kinds
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.objects import Document
from tests.support.plainyaml import read_documents
from tests.support.processes import wait_until
from tests.support.tools import Helm

RBAC = "/apis/rbac.authorization.k8s.io/v1"
NAMESPACE = "edited"
# What these roles are made of: aggregating is the controller manager's work, which is not here.
AGGREGATED = "rbac.authorization.k8s.io/aggregate-to-"
CLUSTERS: Mapping[str, Document] = {
    "slsaexceptions": objects.exception(),
    "clusterslsapolicies": objects.policy(),
    "trustedbuilders": objects.builder(),
    "trustroots": objects.root(),
}
POLICIES = f"{API}/namespaces/{NAMESPACE}/slsapolicies"


@pytest.fixture
def roles(controlplane: ControlPlane, tmp_path: Path) -> ControlPlane:
    """A control plane with the kinds, and the roles that the chart ships for people."""
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
    for role in read_documents(text):
        assert client.apply(f"{RBAC}/clusterroles/{role['metadata']['name']}", role)[0] in (200, 201)
    controlplane.create_namespace(NAMESPACE)
    return controlplane


def somebody(plane: ControlPlane, may: str) -> Client:
    """Somebody with every role that is aggregated to `may`, which bears Kubernetes' own rules, too."""
    client = plane.client()
    plane.create_service_account(NAMESPACE, may)
    found = client.get(f"{RBAC}/clusterroles?labelSelector={AGGREGATED}{may}=true")[1]["items"]
    names = [role["metadata"]["name"] for role in found]
    assert f"system:aggregate-to-{may}" in names
    for name in names:
        bind(client, may, name)
    return Client(plane.service_account(NAMESPACE, may))


def bind(client: Client, person: str, role: str) -> None:
    """In every namespace: a binding in one alone would give nothing of the cluster's kinds, whatever the role says."""
    name = f"{person}.{role.replace(':', '.')}"
    binding: dict[str, Any] = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "ServiceAccount", "name": person, "namespace": NAMESPACE}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
    }
    assert client.apply(f"{RBAC}/clusterrolebindings/{name}", binding)[0] in (200, 201)


def forbidden(answer: Answer) -> bool:
    status, body = answer
    return status == HTTPStatus.FORBIDDEN and "cannot" in body["message"]


@pytest.mark.case("EXC-010")
@pytest.mark.case("OPS-018")
@pytest.mark.parametrize("may", ["edit", "admin"])
def test_who_edits_namespaces_writes_their_policies_and_nothing_of_the_cluster(roles: ControlPlane, may: str) -> None:
    person = somebody(roles, may)
    own = objects.policy(may, namespace=NAMESPACE)
    wait_until(lambda: person.create(POLICIES, own)[0] == HTTPStatus.CREATED)
    assert person.patch(f"{POLICIES}/{may}", {"spec": {"mode": "Audit"}})[0] == HTTPStatus.OK
    assert person.delete(f"{POLICIES}/{may}")[0] == HTTPStatus.OK
    for plural, document in CLUSTERS.items():
        path = f"{API}/{plural}"
        name = f"{path}/{document['metadata']['name']}"
        assert forbidden(person.create(path, document))
        assert forbidden(person.patch(name, {"metadata": {"labels": {"a": "b"}}}))
        assert forbidden(person.delete(name))


@pytest.mark.case("OPS-018")
def test_who_views_namespaces_reads_all_kinds_and_writes_none(roles: ControlPlane) -> None:
    person = somebody(roles, "view")
    wait_until(lambda: person.get(POLICIES)[0] == HTTPStatus.OK)
    assert [person.get(f"{API}/{plural}")[0] for plural in CLUSTERS] == [HTTPStatus.OK] * len(CLUSTERS)
    assert forbidden(person.create(POLICIES, objects.policy("own", namespace=NAMESPACE)))
    assert all(forbidden(person.create(f"{API}/{plural}", document)) for plural, document in CLUSTERS.items())
