"""Objects nested deeper than any reader by recursion goes, and less deep than the API server takes."""

from __future__ import annotations

import urllib.request
from http import HTTPStatus

from controller.kube.connection import from_kubeconfig
from tests.support.controlplane import ControlPlane

LEVELS = 1500


def create_nested(controlplane: ControlPlane, path: str, name: str) -> None:
    """A SLSAPolicy at this path. Past `json`, which goes no deeper than the client that is tested."""
    connection = from_kubeconfig(controlplane.admin_kubeconfig)
    nested = b'{"a":' * LEVELS + b"1" + b"}" * LEVELS
    body = (
        b'{"apiVersion":"navicert.dev/v1alpha1","kind":"SLSAPolicy","metadata":{"name":"%b"},'
        b'"spec":{"mode":"Enforce","require":{"buildLevel":1},"foo":%b}}' % (name.encode(), nested)
    )
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(connection.server + path, body, headers)
    with urllib.request.urlopen(request, context=connection.tls) as answer:
        assert answer.status == HTTPStatus.CREATED
