"""Releases of the chart on a real API server, by the real helm. Pods run in tests/e2e; here is what they would find.

Nothing runs Jobs here, so hooks are left out: they are in tests/chart/test_hooks.py.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.wire.policy import KINDS
from tests.chart.foreignkinds import SPECS, install_foreign_kinds
from tests.chart.valuesets import VALUES, rendered
from tests.support.chart import CHART, NAMESPACE, Document, filled_in, rights
from tests.support.cluster import install_kinds
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.processes import wait_until
from tests.support.tools import Helm

pytestmark = pytest.mark.slow
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with ControlPlane(tmp_path_factory.mktemp("release")) as running:
        running.create_namespace(NAMESPACE)
        running.create_service_account(NAMESPACE, "navicert-test")  # or its pod is not taken, even as a dry run
        yield running


@pytest.fixture(scope="module")
def client(plane: ControlPlane) -> Client:
    """All kinds are served, and told of to who asks what there is, which helm goes by: that comes later."""
    install_kinds(plane.client())
    install_foreign_kinds(plane.client())
    foreign = [{"apiVersion": f"{group}/v1", "kind": kind} for group, kind in SPECS]
    own = [{"apiVersion": "navicert.dev/v1alpha1", "kind": kind} for kind in KINDS]
    wait_until(lambda: all(resource_of(plane.client(), one) for one in (*foreign, *own)))
    return plane.client()


@pytest.fixture
def release(plane: ControlPlane, client: Client, tmp_path: Path) -> Callable[..., str]:
    helm = Helm(tmp_path, plane.admin_kubeconfig)
    return lambda *arguments: helm.run(*arguments, "--namespace", NAMESPACE)


@pytest.mark.parametrize("name", VALUES)
def test_every_object_is_taken_without_an_unknown_field(name: str, client: Client, tmp_path: Path) -> None:
    documents = rendered(name, tmp_path)
    assert len(documents) > 20
    for document in documents:
        status, body = dry_run(client, document)
        assert status in (200, 201), body


@pytest.mark.parametrize("kind", ["Deployment", "Certificate", "ServiceMonitor", "PrometheusRule"])
def test_an_unknown_field_would_be_told(kind: str, client: Client, tmp_path: Path) -> None:
    (one, *_) = (one for name in VALUES for one in rendered(name, tmp_path) if one["kind"] == kind)
    status, body = dry_run(client, {**one, "spec": {**one["spec"], "misspelt": 1}})
    assert status >= 400
    assert ".spec.misspelt: field not declared in schema" in body["message"]


def test_release_opens_no_gate_before_anything_runs(client: Client, release: Callable[..., str]) -> None:
    release("install", "navicert", CHART, "--no-hooks")
    assert webhooks(client) == []
    assert client.create("/api/v1/namespaces/default/pods", pod("before-anything-runs"))[0] == 201


@pytest.mark.case("OPS-011")
def test_second_release_is_refused_and_changes_nothing(release: Callable[..., str]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        release("install", "another", CHART, "--no-hooks")
    assert "cannot be imported into the current release" in "".join(refused.value.__notes__)


def test_changed_values_reach_the_programs_and_roll_back(client: Client, release: Callable[..., str]) -> None:
    release("upgrade", "navicert", CHART, "--no-hooks", "--set", "uncovered=Deny")
    assert "--uncovered=Deny" in arguments(client, "navicert-webhook")
    release("rollback", "navicert", "--no-hooks")
    assert "--uncovered=Allow" in arguments(client, "navicert-webhook")


def test_what_the_operator_filled_in_outlives_an_upgrade(client: Client, release: Callable[..., str]) -> None:
    path = f"{ADMISSION}/validatingwebhookconfigurations/navicert"
    assert client.patch(path, {"webhooks": [filled_in()]})[0] == 200
    release("upgrade", "navicert", CHART, "--no-hooks", "--set", "logLevel=debug")
    assert [webhook["name"] for webhook in webhooks(client)] == ["policies.navicert.dev"]


@pytest.mark.case("OPS-009")
@pytest.mark.parametrize("account", ["navicert-webhook", "navicert-operator"])
def test_nobody_reads_secrets_of_other_namespaces(client: Client, account: str) -> None:
    wait_until(lambda: may(client, account, "watch", "clusterslsapolicies", "", "navicert.dev"))
    for namespace in ("default", "kube-system"):
        for verb in ("get", "list", "watch", "create", "update", "patch", "delete"):
            assert not may(client, account, verb, "secrets", namespace)


def test_webhook_writes_nothing_anywhere() -> None:
    assert {verb for verb, _, _ in rights("navicert-webhook")} <= {"get", "list", "watch"}


@pytest.mark.case("OPS-002")
def test_uninstall_leaves_the_kinds_and_what_others_made(client: Client, release: Callable[..., str]) -> None:
    release("uninstall", "navicert", "--no-hooks")
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        assert client.get(f"{ADMISSION}/{kind}/navicert")[0] == 404
    assert client.get("/apis/navicert.dev/v1alpha1/clusterslsapolicies")[1]["items"] == []
    for path in ("clusterroles", "clusterrolebindings"):
        listed = client.get(f"/apis/rbac.authorization.k8s.io/v1/{path}")[1]["items"]
        assert [one for one in listed if one["metadata"]["name"].startswith("navicert")] == []
    release("install", "navicert", CHART, "--no-hooks")
    release("uninstall", "navicert", "--no-hooks")


def dry_run(client: Client, document: Document) -> Answer:
    """What the API server says of this object, which it does not keep: an unknown field is refused."""
    query = "dryRun=All&fieldManager=tests&force=true&fieldValidation=Strict"
    return client.request("PATCH", f"{path_of(client, document)}?{query}", document, "application/apply-patch+yaml")


def webhooks(client: Client) -> list[Document]:
    kinds = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
    found = [client.get(f"{ADMISSION}/{kind}/navicert")[1] for kind in kinds]
    return [webhook for one in found for webhook in one.get("webhooks", ())]


def arguments(client: Client, deployment: str) -> list[str]:
    found = client.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{deployment}")[1]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    given: list[str] = container["args"]
    return given


def may(client: Client, account: str, verb: str, resource: str, namespace: str, group: str = "") -> bool:
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
    spec = {"user": f"system:serviceaccount:{NAMESPACE}:{account}", "resourceAttributes": attributes}
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    status, body = client.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert status == 201, body
    return bool(body["status"]["allowed"])


def pod(name: str) -> Document:
    containers = [{"name": "main", "image": "registry.example/app"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}


def path_of(client: Client, document: Document) -> str:
    """Where the API server keeps this object. Raises LookupError where it does not know its kind."""
    resource = resource_of(client, document)
    if resource is None:
        raise LookupError(f"{document['apiVersion']} {document['kind']}")
    scope = f"/namespaces/{document['metadata']['namespace']}" if resource["namespaced"] else ""
    return f"{prefix_of(document)}{scope}/{resource['name']}/{document['metadata']['name']}"


def prefix_of(document: Document) -> str:
    version = document["apiVersion"]
    return f"/apis/{version}" if "/" in version else f"/api/{version}"


def resource_of(client: Client, document: Document) -> Document | None:
    """What the API server tells of this kind to who asks what there is."""
    _, served = client.get(prefix_of(document))
    told = served.get("resources", ()) if isinstance(served, dict) else ()
    return next((one for one in told if one["kind"] == document["kind"] and "/" not in one["name"]), None)
