"""The real `navicert reconcile` as a child process, with the rights that the chart gives it and no others."""

from __future__ import annotations

import http.client
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.support import rights
from tests.support.chart import rules
from tests.support.cluster import install_kinds
from tests.support.controlplane import Client, ControlPlane
from tests.support.processes import Process

ROOT = Path(__file__).resolve().parents[2]
HOME, NAME = "navicert-system", "navicert"
API = "/apis/navicert.dev/v1alpha1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
VALIDATING = f"{ADMISSION}/validatingwebhookconfigurations/{NAME}"
MUTATING = f"{ADMISSION}/mutatingwebhookconfigurations/{NAME}"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{HOME}/leases/{NAME}"
SECRETS = f"/api/v1/namespaces/{HOME}/secrets"
RBAC = "rbac.authorization.k8s.io"


class Operator:
    """A running operator that has the chart's rights."""

    def __init__(
        self,
        plane: ControlPlane,
        folder: Path,
        *arguments: str,
        server: str | None = None,
        env: dict[str, str] | None = None,
        account: str = "operator",
    ) -> None:
        """`server` stands in for the control plane's own address, `account` for the one that install() makes."""
        folder.mkdir(parents=True, exist_ok=True)
        kubeconfig = folder / "kubeconfig"
        credentials = plane.service_account(HOME, account)
        kubeconfig.write_text(replace(credentials, server=server or credentials.server).kubeconfig())
        command: list[str | Path] = [
            *(sys.executable, "-m", "controller.cli.main", "reconcile"),
            *("--namespace", HOME, "--kubeconfig", kubeconfig, "--status-listen", "127.0.0.1:0"),
            *arguments,
        ]
        self.process = Process(command, log=folder / "operator.log", cwd=ROOT, env=env)
        self.process.wait_ready(lambda: bool(self.told("listening")))
        self.status = str(self.told("listening")[0]["address"])

    @property
    def identity(self) -> str:
        return str(self.told("starting")[0]["identity"])

    def lines(self) -> Iterator[dict[str, Any]]:
        """The JSON lines of the log so far."""
        for line in self.process.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                yield json.loads(line)

    def told(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("message") == message]

    @property
    def leads(self) -> bool:
        return bool(self.told("leading"))

    def ask(self, path: str) -> tuple[int, str]:
        """One request at the status port."""
        connection = http.client.HTTPConnection(self.status, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def install(plane: ControlPlane, *values: str) -> None:
    """What the chart will install around an operator: the kinds, its identity, and empty webhook configurations.

    `values` are helm's arguments for a release with other values.
    """
    client = plane.client()
    install_kinds(client)
    plane.create_namespace(HOME)
    plane.create_service_account(HOME, "operator")
    grant(client, *values)
    for configuration, kind in (
        (VALIDATING, "ValidatingWebhookConfiguration"),
        (MUTATING, "MutatingWebhookConfiguration"),
    ):
        empty = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": NAME}}
        assert client.create(configuration.rpartition("/")[0], {**empty, "webhooks": []})[0] == HTTPStatus.CREATED


OPEN = ("--set", "reports=openreports")  # tests write both forms of reports


def grant(client: Client, *values: str) -> None:
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": HOME}
    documents: list[dict[str, Any]] = []
    everywhere = [one for form in (values, OPEN) for one in rules("ClusterRole", "navicert-operator", *form)]
    for kind, scope, granted in (
        ("ClusterRole", {}, everywhere),
        ("Role", {"namespace": HOME}, rules("Role", "navicert-operator")),
    ):
        reference = {"apiGroup": RBAC, "kind": kind, "name": "navicert-operator"}
        base = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": "navicert-operator", **scope}}
        documents.append({**base, "kind": kind, "rules": granted})
        documents.append({**base, "kind": f"{kind}Binding", "subjects": [subject], "roleRef": reference})
    rights.grant(client, *documents)


def put(client: Client, path: str, document: dict[str, Any]) -> None:
    status, body = client.apply(path, document)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body


def make_ready(client: Client) -> None:
    """A replica of the webhook is ready, as its Service's EndpointSlice has it."""
    document = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{NAME}-1", "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        "ports": [{"port": 8443}],
    }
    put(client, f"/apis/discovery.k8s.io/v1/namespaces/{HOME}/endpointslices/{NAME}-1", document)
