"""`kubectl navicert` by the real kubectl, against a real API server whose objects the real operator looks after."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, MUTATING, ROOT, VALIDATING, Operator, install, make_ready, put
from tests.support.processes import wait_until
from tests.support.reportkinds import POLICY_REPORTS, install_reports
from tests.support.rights import grant
from tests.support.running import create, pod, running
from tests.support.tools import Kubectl

REPORTS = "/apis/wgpolicyk8s.io/v1alpha2/policyreports"
JUDGED = (("ClusterSLSAPolicy", "production"), ("ClusterSLSAPolicy", "lost"), ("SLSAException", "legacy"))
IMAGE = f"127.0.0.1:1/acme/web@sha256:{'a' * 64}"  # nobody answers there

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A cluster with a sound policy, a broken one and an exception that has expired, and one pod that is judged."""

    plane: ControlPlane
    client: Client
    kubectl: Kubectl
    operator: Operator

    def told(self) -> tuple[int, Document]:
        ended = self.kubectl.run("navicert", "status", "--output", "json")
        return ended.returncode, json.loads(ended.stdout)


def replica(client: Client, component: str) -> None:
    """A pod of this program whose address is one that the API server talks to for nobody."""
    labels = {"app.kubernetes.io/name": "navicert", "app.kubernetes.io/component": component}
    one = pod(f"navicert-{component}-1", "registry.example/navicert", namespace=HOME, labels=labels)
    one["spec"]["containers"][0]["ports"] = [{"name": "status", "containerPort": 8080}]
    told = running(one, "x")
    told["status"] |= {
        "podIP": "127.0.0.1",
        "podIPs": [{"ip": "127.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    create(client, told)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("status")
    with ControlPlane(folder / "plane") as plane:
        client = plane.client()
        install(plane)
        install_reports(client, POLICY_REPORTS)
        plane.create_namespace("shop")
        create(client, running(pod("web", IMAGE), IMAGE))
        for document in (
            objects.policy(match={"images": ["127.0.0.1:1/acme/*"]}),
            objects.policy("lost", require={"buildLevel": 1, "builders": ["nobody"]}),
            objects.exception(expires="2026-01-01T00:00:00Z", policies=[{"kind": "ClusterSLSAPolicy", "name": "lost"}]),
        ):
            put(client, f"{API}/{KINDS[document['kind']].plural}/{document['metadata']['name']}", document)
        for component in ("webhook", "operator"):
            replica(client, component)
        make_ready(client)
        with Operator(plane, folder / "operator") as operator:
            for path in (VALIDATING, MUTATING):
                wait_until(lambda one=path: bool(client.get(one)[1].get("webhooks")))  # type: ignore[misc]
            for kind, name in JUDGED:
                path = f"{API}/{KINDS[kind].plural}/{name}/status"
                wait_until(lambda one=path: bool(client.get(one)[1].get("status")))  # type: ignore[misc]
            wait_until(lambda: bool(client.get(REPORTS)[1]["items"]))
            kubectl = Kubectl(folder, plane.admin_kubeconfig)
            yield Scene(plane=plane, client=client, kubectl=kubectl, operator=operator)


def test_every_object_is_told_with_its_reason_and_what_the_reports_count(scene: Scene) -> None:
    code, document = scene.told()
    assert code == 1
    Draft202012Validator(json.loads((ROOT / "docs/status.schema.json").read_text())).validate(document)
    found = {one["object"]: one for one in document["objects"]}
    assert found["ClusterSLSAPolicy/production"] | {"message": ""} == {
        "object": "ClusterSLSAPolicy/production",
        "mode": "Enforce",
        "ready": True,
        "reason": "Sound",
        "message": "",
        "findings": {"error": 1},
    }
    lost = found["ClusterSLSAPolicy/lost"]
    assert (lost["ready"], lost["reason"]) == (False, "Broken")
    assert "nobody" in lost["message"]
    assert found["SLSAException/legacy"]["reason"] == "Expired"
    assert found["SLSAException/legacy"]["findings"] is None


def test_webhooks_and_replicas_are_told_and_what_can_not_be_asked_is_unknown(scene: Scene) -> None:
    _, document = scene.told()
    validating, mutating = document["configurations"]
    assert [one["onFailure"] for one in validating["webhooks"]] == ["Fail", "Fail", "Fail", "Ignore"]
    assert validating["exempt"] == ["kube-system", HOME]
    assert [one["timeoutSeconds"] for one in mutating["webhooks"]] == [3]
    assert [(one["component"], one["ready"], one["knowledgeSeconds"]) for one in document["replicas"]] == [
        ("operator", True, None),
        ("webhook", True, None),
    ]
    assert len(document["unknown"]) == 2
    assert all("metrics of navicert-" in one for one in document["unknown"])


def test_people_get_a_table(scene: Scene) -> None:
    ended = scene.kubectl.run("navicert", "status")
    assert (ended.returncode, ended.stderr) == (1, "")
    rows = [line.split() for line in ended.stdout.splitlines()]
    assert ["ClusterSLSAPolicy/production", "Enforce", "yes", "Sound", "1", "error"] in [row[:6] for row in rows]
    assert ["ClusterSLSAPolicy/lost", "Enforce", "no", "Broken"] in [row[:4] for row in rows]
    assert ["navicert-webhook-1", "yes", "unknown"] in rows
    assert ended.stdout.endswith("Something is not as it should be.\n")


def test_who_may_read_policies_alone_is_told_what_is_unknown(scene: Scene, tmp_path: Path) -> None:
    scene.plane.create_service_account("shop", "reader")
    group = "rbac.authorization.k8s.io"
    rule = {"apiGroups": ["navicert.dev"], "resources": ["*"], "verbs": ["list"]}
    metadata = {"name": "reader"}
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": [rule]}
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "shop"}],
    }
    grant(scene.client, role, binding)
    scene.client.delete(f"{API}/clusterslsapolicies/lost")
    try:
        reader = Kubectl(tmp_path, scene.plane.service_account_kubeconfig("shop", "reader"))
        ended = reader.run("navicert", "status", "--output", "json")
    finally:
        lost = objects.policy("lost", require={"buildLevel": 1, "builders": ["nobody"]})
        put(scene.client, f"{API}/clusterslsapolicies/lost", lost)
    assert ended.returncode == 3, ended.stderr
    document = json.loads(ended.stdout)
    assert (document["state"], document["replicas"]) == ("unknown", None)
    assert [one["installed"] for one in document["configurations"]] == [None, None]
    assert [one.partition(":")[0] for one in document["unknown"]] == [
        "reports",
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
        "pods",
    ]


def test_cluster_that_does_not_answer_is_unknown_in_one_line(scene: Scene, tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(scene.plane.admin_kubeconfig.read_text().replace(scene.plane.server, "https://127.0.0.1:1"))
    ended = scene.kubectl.run("navicert", "status", "--kubeconfig", nowhere)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert len(ended.stderr.splitlines()) == 1


def test_other_commands_go_by_the_same_context(scene: Scene) -> None:
    verified = scene.kubectl.run("navicert", "verify", IMAGE)
    assert verified.returncode == 3, verified.stderr
    assert "ClusterSLSAPolicy/production" in verified.stdout
    scanned = scene.kubectl.run("navicert", "scan", "--exempt-namespace", HOME)
    assert "1 workloads: 0 pass, 0 fail, 2 error" in scanned.stdout, scanned.stderr
    assert scene.kubectl.run("navicert", "lint", ROOT / "docs/policy-tests/policies.yaml").returncode == 0


def test_kubectl_completes_commands_options_and_values(scene: Scene) -> None:
    def offered(*words: str) -> tuple[set[str], str]:
        *lines, last = scene.kubectl.run("__complete", "navicert", *words).stdout.splitlines()
        return {line.partition("\t")[0] for line in lines}, last

    assert offered("ver") == ({"verify", "verify-bundle"}, ":4")
    assert offered("verify", "--output", "") == ({"text", "json", "yaml"}, ":4")
    assert offered("lint", "") == (set(), ":0")
    assert "kubectl navicert [OPTIONS] COMMAND" in scene.kubectl.run("navicert", "--help").stdout


def test_gate_that_is_open_is_told(scene: Scene) -> None:
    """The last one: nobody puts it back."""
    scene.operator.stop()
    assert scene.client.patch(VALIDATING, {"webhooks": []})[0] == HTTPStatus.OK
    told = scene.kubectl.run("navicert", "status").stdout
    assert "ValidatingWebhookConfiguration: empty: the API server asks nobody" in told
    scene.client.delete(VALIDATING)
    told = scene.kubectl.run("navicert", "status").stdout
    assert "ValidatingWebhookConfiguration: not installed: nothing asks Navicert" in told
