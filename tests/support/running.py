"""Workloads that run, as an API server without kubelet and controllers has to be told of them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from tests.support.controlplane import Client

Document = dict[str, Any]
PATHS = {
    "Pod": "/api/v1/namespaces/{}/pods",
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "ReplicaSet": "/apis/apps/v1/namespaces/{}/replicasets",
    "StatefulSet": "/apis/apps/v1/namespaces/{}/statefulsets",
    "DaemonSet": "/apis/apps/v1/namespaces/{}/daemonsets",
    "ReplicationController": "/api/v1/namespaces/{}/replicationcontrollers",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
}


def controlled_by(owner: Document) -> list[Document]:
    metadata = owner["metadata"]
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
        }
    ]


def workload(
    kind: str, name: str, image: str = "registry.example/web", *, owner: Document | None = None, namespace: str = "shop"
) -> Document:
    """A workload of any kind, whose pods somebody else has to make."""
    metadata: Document = {"name": name, "namespace": namespace}
    if owner is not None:
        metadata["ownerReferences"] = controlled_by(owner)
    group = {"ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}.get(kind, "apps/v1")
    return {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": _spec(kind, name, image)}


def _spec(kind: str, name: str, image: str) -> Document:
    labels = {"app": name}
    template: Document = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    if kind in ("Job", "CronJob"):
        template["spec"]["restartPolicy"] = "Never"
        job = {"template": template}
        return {"schedule": "@daily", "jobTemplate": {"spec": job}} if kind == "CronJob" else job
    spec: Document = {"selector": {"matchLabels": labels}, "template": template}
    if kind == "ReplicationController":
        spec["selector"] = labels
    if kind != "DaemonSet":
        spec["replicas"] = 1
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return spec


def pod(
    name: str,
    *images: str,
    owner: Document | None = None,
    owners: list[Document] | None = None,
    labels: dict[str, str] | None = None,
    namespace: str = "shop",
    generate_name: str | None = None,
) -> Document:
    metadata: Document = {"name": name, "namespace": namespace, "labels": labels or {}}
    if generate_name:
        metadata["generateName"] = generate_name
    if owner is not None or owners:
        metadata["ownerReferences"] = owners or controlled_by(owner or {})
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def running(document: Document, *image_ids: str | None, phase: str = "Running") -> Document:
    """The pod with a status as its node would tell it."""
    statuses = [
        {"name": container["name"], "image": container["image"], "imageID": image_id or ""}
        | {"ready": True, "restartCount": 0}
        for container, image_id in zip(document["spec"]["containers"], image_ids, strict=False)
    ]
    return {**document, "status": {"phase": phase, "containerStatuses": statuses}}


def create(client: Client, document: Document) -> Document:
    """The object as stored, its status included."""
    path = PATHS[document["kind"]].format(document["metadata"]["namespace"])
    code, body = client.create(path, document)
    assert code == HTTPStatus.CREATED, body
    if "status" in document:
        place = f"{path}/{document['metadata']['name']}/status"
        code, body = client.patch(place, {"status": document["status"]})
        assert code == HTTPStatus.OK, body
    return dict(body)


def delete(client: Client, document: Document) -> None:
    metadata = document["metadata"]
    path = f"{PATHS[document['kind']].format(metadata['namespace'])}/{metadata['name']}"
    code, body = client.delete(f"{path}?gracePeriodSeconds=0")
    assert code in (HTTPStatus.OK, HTTPStatus.ACCEPTED), body
