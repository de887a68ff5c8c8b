"""What the real API server sends to the registered webhooks, and what it keeps to itself."""

from __future__ import annotations

import base64
import copy
import json
import ssl
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from controller.wire.webhooks import Registration, render_mutating, render_policy_validation, render_validating
from tests.support import objects
from tests.support.answering import Answering
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, MUTATING, VALIDATING, install
from tests.support.pki import Authority
from tests.support.processes import wait_until

Document = dict[str, Any]
NAMESPACE = "shop"
LABELS = {"app": "web"}

_names = count()


class Recorder:
    """A webhook that admits everything and remembers what it was asked: (path, operation, resource, subresource)."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, str, str]] = []
        authority = Authority("recorder")
        self.authority = authority.certificate
        certificate, key = authority.server("127.0.0.1").write(folder, "recorder")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def taken(self) -> list[tuple[str, str, str]]:
        asked, self.asked = self.asked, []
        return asked

    def _answering(self) -> type[Answering]:
        recorder = self

        class Reviews(Answering):
            def do_POST(self) -> None:  # noqa: N802 (named by the base class)
                review: Any = self.asked()
                request = review["request"]
                resource = "/".join(filter(None, (request["resource"]["resource"], request.get("subResource"))))
                recorder.asked.append((self.path.partition("?")[0], request["operation"], resource))
                review["response"] = {"uid": request["uid"], "allowed": True}
                self.tell(json.dumps(review).encode())

        return Reviews


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        install(running)
        for name in (NAMESPACE, HOME, "kube-system"):
            running.create_namespace(name)
        yield running


@pytest.fixture(scope="module")
def registered(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path_factory.mktemp("recorder"))
    registration = Registration(namespace=HOME, service="navicert", port=443, authorities=recorder.authority)
    judging = [*render_validating(registration), *render_policy_validation(registration)]
    for path, rendered in ((VALIDATING, judging), (MUTATING, render_mutating(registration))):
        webhooks = copy.deepcopy(rendered)
        for one in webhooks:
            path_part = one["clientConfig"]["service"]["path"]
            one["clientConfig"] = {  # type: ignore[index]
                "url": recorder.url + path_part,
                "caBundle": base64.b64encode(recorder.authority).decode(),
            }
        assert plane.client().patch(path, {"webhooks": webhooks})[0] == HTTPStatus.OK

    def asked() -> set[str]:
        create(plane.client(), "pods", pod())
        return {path for path, _, _ in recorder.taken()}

    wait_until(lambda: asked() == {"/pin", "/validate"})  # the API server learns of one after the other
    yield recorder
    recorder.close()


@pytest.fixture
def client(plane: ControlPlane, registered: Recorder) -> Client:
    registered.taken()
    return plane.client()


def spec(*containers: Document, **others: Any) -> Document:
    return {"containers": list(containers) or [container()], **others}


def container(name: str = "app", image: str = "ghcr.io/acme/shop:1") -> Document:
    return {"name": name, "image": image}


def pod(**others: Any) -> Document:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"pod-{next(_names)}"}, "spec": spec(**others)}


def collection(plural: str, namespace: str = NAMESPACE) -> str:
    group = {"pods": "/api/v1", "replicationcontrollers": "/api/v1", "jobs": "/apis/batch/v1"}
    group |= {"cronjobs": "/apis/batch/v1"}
    return f"{group.get(plural, '/apis/apps/v1')}/namespaces/{namespace}/{plural}"


def create(client: Client, plural: str, document: Document, namespace: str = NAMESPACE) -> str:
    status, body = client.create(collection(plural, namespace), document)
    assert status == HTTPStatus.CREATED, body
    return f"{collection(plural, namespace)}/{body['metadata']['name']}"


def patch(client: Client, path: str, change: Document) -> None:
    """Merges by name what Kubernetes names; its own types alone know that kind of patch."""
    strategic = "merge" if "navicert.dev" in path else "strategic-merge"
    status, body = client.request("PATCH", path, change, f"application/{strategic}-patch+json")
    assert status == HTTPStatus.OK, body


def workload(kind: str) -> Document:
    template: Document = {"metadata": {"labels": LABELS}, "spec": spec()}
    selected: Document = {"selector": {"matchLabels": LABELS}, "template": template}
    specs: dict[str, Document] = {
        "ReplicationController": {"selector": LABELS, "template": template, "replicas": 0},
        "Job": {"template": {"spec": spec(restartPolicy="Never")}, "suspend": True},
        "CronJob": {
            "schedule": "0 0 1 1 *",
            "jobTemplate": {"spec": {"template": {"spec": spec(restartPolicy="Never")}}},
        },
        "StatefulSet": {**selected, "serviceName": "web"},
    }
    version = {"ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    name = f"{kind.lower()}-{next(_names)}"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": specs.get(kind, selected)}


def imaged(kind: str, image: str) -> Document:
    template = {"spec": {"containers": [container(image=image)]}}
    if kind == "CronJob":
        return {"spec": {"jobTemplate": {"spec": {"template": template}}}}
    return {"spec": {"template": template}}


WORKLOADS = {
    "Deployment": "deployments",
    "ReplicaSet": "replicasets",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicationController": "replicationcontrollers",
    "Job": "jobs",
    "CronJob": "cronjobs",
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_template_is_judged_when_its_images_change_and_not_when_anything_else_does(
    kind: str, client: Client, registered: Recorder
) -> None:
    plural = WORKLOADS[kind]
    path = create(client, plural, workload(kind))
    assert registered.taken() == [("/validate", "CREATE", plural)]
    patch(client, path, {"metadata": {"labels": {"edited": "yes"}, "finalizers": ["acme.example/hold"]}})
    if kind != "Job":
        change: Document = {"successfulJobsHistoryLimit": 1} if kind == "CronJob" else {"minReadySeconds": 7}
        patch(client, path, {"spec": change})
    patch(client, path, {"metadata": {"finalizers": None}})
    assert registered.taken() == []
    if kind == "Job":
        return  # the template of a Job never changes
    patch(client, path, imaged(kind, "ghcr.io/acme/shop:2"))
    assert registered.taken() == [("/validate", "UPDATE", plural)]
    patch(client, path, imaged(kind, "ghcr.io/acme/shop:2"))
    assert registered.taken() == []
    client.delete(path)
    assert registered.taken() == []


def test_scale_and_status_never_reach_the_webhook(client: Client, registered: Recorder) -> None:
    path = create(client, "deployments", workload("Deployment"))
    registered.taken()
    patch(client, f"{path}/scale", {"spec": {"replicas": 3}})
    patch(client, f"{path}/status", {"status": {"replicas": 3}})
    assert registered.taken() == []


@pytest.mark.case("COV-010")
def test_a_pod_is_pinned_and_judged_when_its_images_change_only(client: Client, registered: Recorder) -> None:
    path = create(client, "pods", pod(initContainers=[container("init")]))
    assert registered.taken() == [("/pin", "CREATE", "pods"), ("/validate", "CREATE", "pods")]
    patch(client, path, {"metadata": {"labels": {"edited": "yes"}}})
    patch(client, f"{path}/status", {"status": {"message": "busy"}})
    patch(client, path, {"spec": {"activeDeadlineSeconds": 100}})
    assert registered.taken() == []
    patch(client, path, {"spec": {"containers": [container(image="ghcr.io/acme/shop:2")]}})
    assert registered.taken() == [("/pin", "UPDATE", "pods"), ("/validate", "UPDATE", "pods")]
    init = {"spec": {"initContainers": [container("init", "ghcr.io/acme/shop:3")]}}
    patch(client, path, init)
    assert registered.taken() == [("/pin", "UPDATE", "pods"), ("/validate", "UPDATE", "pods")]
    debug = {"name": "debug", "image": "ghcr.io/acme/debug:1", "terminationMessagePolicy": "File"}
    patch(client, f"{path}/ephemeralcontainers", {"spec": {"ephemeralContainers": [debug]}})
    resource = "pods/ephemeralcontainers"
    assert registered.taken() == [("/pin", "UPDATE", resource), ("/validate", "UPDATE", resource)]
    patch(client, path, {"metadata": {"labels": {"edited": "twice"}}})
    assert registered.taken() == []
    client.delete(path)
    assert registered.taken() == []


@pytest.mark.case("COV-011")
def test_what_is_being_deleted_goes_without_the_webhook(client: Client, registered: Recorder) -> None:
    held = pod()
    held["metadata"]["finalizers"] = ["acme.example/hold"]
    path = create(client, "pods", held)
    registered.taken()
    client.delete(path)
    patch(client, path, {"metadata": {"finalizers": None}})
    assert registered.taken() == []
    wait_until(lambda: client.get(path)[0] == HTTPStatus.NOT_FOUND)


def test_an_image_volume_that_changes_is_judged_and_another_volume_is_not(client: Client, registered: Recorder) -> None:
    path = create(client, "deployments", workload("Deployment"))
    registered.taken()

    def volumes(*listed: Document) -> Document:
        return {"spec": {"template": {"spec": {"volumes": list(listed)}}}}

    scratch = {"name": "scratch", "emptyDir": {}}
    patch(client, path, volumes(scratch))
    assert registered.taken() == []
    for reference in ("ghcr.io/acme/models:1", "ghcr.io/acme/models:2"):
        patch(client, path, volumes(scratch, {"name": "models", "image": {"reference": reference}}))
        assert registered.taken() == [("/validate", "UPDATE", "deployments")]


def test_many_containers_cost_no_more_than_the_api_server_allows(client: Client, registered: Recorder) -> None:
    many = [container(f"c{number}", f"ghcr.io/acme/{'x' * 100}:{number}") for number in range(1500)]
    path = create(client, "pods", {**pod(), "spec": spec(*many)})
    registered.taken()
    patch(client, path, {"metadata": {"labels": {"edited": "yes"}}})
    assert registered.taken() == []
    many[-1] = container("c1499", "ghcr.io/acme/other:1")
    patch(client, path, {"spec": {"containers": many[-1:]}})
    assert registered.taken() == [("/pin", "UPDATE", "pods"), ("/validate", "UPDATE", "pods")]


@pytest.mark.case("OPS-012")
@pytest.mark.case("COV-019")
@pytest.mark.parametrize("namespace", [HOME, "kube-system"])
def test_exempt_namespaces_are_exempt_by_name_and_no_label_makes_one(
    namespace: str, client: Client, registered: Recorder
) -> None:
    create(client, "pods", pod(), namespace)
    assert registered.taken() == []
    label = {"metadata": {"labels": {"kubernetes.io/metadata.name": namespace, "navicert.dev/exempt": "true"}}}
    client.patch(f"/api/v1/namespaces/{NAMESPACE}", label)
    create(client, "pods", pod())
    assert registered.taken() == [("/pin", "CREATE", "pods"), ("/validate", "CREATE", "pods")]


def test_policies_are_validated_when_their_spec_changes(client: Client, registered: Recorder) -> None:
    path = f"{API}/clusterslsapolicies"
    assert client.create(path, objects.policy("own"))[0] == HTTPStatus.CREATED
    assert registered.taken() == [("/validate-policy", "CREATE", "clusterslsapolicies")]
    patch(client, f"{path}/own", {"metadata": {"labels": {"edited": "yes"}}})
    patch(client, f"{path}/own/status", {"status": {"conditions": []}})
    assert registered.taken() == []
    patch(client, f"{path}/own", {"spec": {"mode": "Audit"}})
    assert registered.taken() == [("/validate-policy", "UPDATE", "clusterslsapolicies")]
    client.delete(f"{path}/own")
    assert registered.taken() == []


def test_the_configurations_are_stored_as_they_are_rendered(plane: ControlPlane) -> None:
    """Or the operator would put them back for ever."""
    registration = Registration(namespace=HOME, service="other", port=8443, authorities=b"x", exempt=("network",))
    for kind, plural, rendered in (
        ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", render_validating(registration)),
        ("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", render_policy_validation(registration)),
        ("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", render_mutating(registration)),
    ):
        path = f"/apis/admissionregistration.k8s.io/v1/{plural}"
        webhooks = [{**one, "clientConfig": {**one["clientConfig"], "caBundle": _PEM}} for one in rendered]
        document = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": f"stored-{next(_names)}"},
            "webhooks": webhooks,
        }
        status, body = plane.client().create(f"{path}?dryRun=All", document)
        assert status == HTTPStatus.CREATED, body
        assert body["webhooks"] == webhooks


_PEM = base64.b64encode(Authority("stored").certificate).decode()
