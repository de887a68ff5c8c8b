"""AdmissionReviews as the API server writes them, and the workloads inside."""

import json
from typing import Any

from controller.wire.policy import GROUP, KINDS, VERSION

Document = dict[str, Any]

API_GROUPS = {
    "Pod": ("", "v1"),
    "ReplicationController": ("", "v1"),
    "Job": ("batch", "v1"),
    "CronJob": ("batch", "v1"),
    **dict.fromkeys(KINDS, (GROUP, VERSION)),
}
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"


def container(image: object, name: str = "app", **fields: Any) -> Document:
    return {"name": name, "image": image, **fields}


def pod(*containers: Document, metadata: Document | None = None, **spec: Any) -> Document:
    return {"metadata": {"name": "web"} | (metadata or {}), "spec": {"containers": [*containers], **spec}}


def templated(kind: str, template: Document) -> Document:
    """A workload of this kind around a pod template."""
    spec: Document = {"template": template}
    if kind == "CronJob":
        spec = {"schedule": "@daily", "jobTemplate": {"spec": spec}}
    return {"kind": kind, "metadata": {"name": "web"}, "spec": spec}


def review(
    subject: object, *, kind: str = "Pod", operation: str = "CREATE", old: object = None, **request: Any
) -> Document:
    group, version = API_GROUPS.get(kind, ("apps", "v1"))
    asked = {
        "uid": UID,
        "kind": {"group": group, "version": version, "kind": kind},
        "operation": operation,
        "namespace": "shop",
        "name": "web",
        "userInfo": {"username": "alice", "groups": ["system:authenticated"]},
        "object": subject,
        "oldObject": old,
        "dryRun": False,
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked | request}


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()
