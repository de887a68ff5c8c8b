"""Real admission: an API server that shows a certificate to its webhooks, and objects of every kind to ask about."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from controller.wire.webhooks import Registration, render_mutating, render_validating
from tests.support.cluster import HOME
from tests.support.controlplane import Answer, Client
from tests.support.pki import Authority
from tests.support.reviews import container

REGISTRATIONS = "/apis/admissionregistration.k8s.io/v1"
CALLER = "apiserver"  # what the API server's client certificate is called
MOST_SECONDS = 30  # the longest timeout that a webhook configuration can ask for
KINDS = {
    "Pod": ("v1", "pods"),
    "ReplicationController": ("v1", "replicationcontrollers"),
    "Deployment": ("apps/v1", "deployments"),
    "ReplicaSet": ("apps/v1", "replicasets"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Job": ("batch/v1", "jobs"),
    "CronJob": ("batch/v1", "cronjobs"),
}


def templated(kind: str, image: str, **pod_spec: Any) -> dict[str, Any]:
    """A valid spec of this kind around a template with one container."""
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container(image)], **pod_spec}}
    if kind in {"Job", "CronJob"}:
        template["spec"] |= {"restartPolicy": "Never"}
        job = {"template": template}
        return {"schedule": "@daily", "jobTemplate": {"spec": job}} if kind == "CronJob" else job
    selector: Any = labels if kind == "ReplicationController" else {"matchLabels": labels}
    spec = {"selector": selector, "template": template}
    return spec | ({"serviceName": "web"} if kind == "StatefulSet" else {})


def register(client: Client, address: str, ca: bytes) -> None:
    """What judges and what pins, as the operator registers them, at this address instead of a Service's.

    They are given all the time there is: what these tests are about is the answer, on a machine of any speed.
    """
    registration = Registration(namespace=HOME, service="navicert", port=443, authorities=ca)
    for kind, rendered in (
        ("Mutating", render_mutating(registration)),
        ("Validating", render_validating(registration)),
    ):
        webhooks = [
            {**one, "clientConfig": _at(address, one["clientConfig"]), "timeoutSeconds": MOST_SECONDS}
            for one in rendered
        ]
        configuration = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": "navicert"},
            "webhooks": webhooks,
        }
        status, body = client.create(f"{REGISTRATIONS}/{kind.lower()}webhookconfigurations", configuration)
        assert status == HTTPStatus.CREATED, body


def _at(address: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"url": f"https://{address}{config['service']['path']}", "caBundle": config["caBundle"]}


def admission_configuration(folder: Path, callers: Authority) -> Path:
    """Has the API server show a client certificate to every webhook."""
    identity = callers.client(CALLER)
    names = {"client-certificate-data": identity.certificate, "client-key-data": identity.key}
    user = {"name": "*", "user": {name: base64.b64encode(pem).decode() for name, pem in names.items()}}
    kubeconfig = folder / "webhooks.kubeconfig"
    kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "users": [user]}))
    group = "apiserver.config.k8s.io/v1"
    configuration = {
        "apiVersion": group,
        "kind": "WebhookAdmissionConfiguration",
        "kubeConfigFile": str(kubeconfig),
    }
    plugins = [
        {"name": f"{kind}AdmissionWebhook", "configuration": configuration} for kind in ("Mutating", "Validating")
    ]
    file = folder / "admission.yaml"
    file.write_text(json.dumps({"apiVersion": group, "kind": "AdmissionConfiguration", "plugins": plugins}))
    return file


def refused(answer: Answer, word: str = "NoProvenance") -> bool:
    status, body = answer
    return status == HTTPStatus.FORBIDDEN and word in body["message"]
