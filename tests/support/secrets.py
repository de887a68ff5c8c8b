"""Secrets with a key pair in them, as somebody else than the operator puts them there."""

from __future__ import annotations

import base64
from http import HTTPStatus

from controller.trust.issuing import KeyPair
from tests.support.controlplane import Client
from tests.support.operator import SECRETS


def put_secret(client: Client, name: str, held: KeyPair, bundle: bytes) -> None:
    contents = {"tls.crt": held.certificate, "tls.key": held.key, "ca.crt": bundle}
    document = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "kubernetes.io/tls",
        "data": {key: base64.b64encode(content).decode() for key, content in contents.items()},
    }
    status, body = client.apply(f"{SECRETS}/{name}", document)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
