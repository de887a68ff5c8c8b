"""A mutating webhook of somebody else's, as a service mesh has one: it adds a container to every pod."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.support.admitting import REGISTRATIONS
from tests.support.answering import Answering
from tests.support.controlplane import Client
from tests.support.pki import Authority

NAME = "zz-mesh"  # registrations are asked in order of name: after Navicert's


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """Adds one container of `image` each time, the first of `names` that the pod lacks. `seen` is every pod's images
    as they were when it was asked."""

    image: str
    names: tuple[str, ...]
    seen: list[list[str]] = field(default_factory=list)

    @contextmanager
    def registered(self, client: Client, folder: Path) -> Iterator[Mesh]:
        """Serves, and is asked about pods that are created, once more after others that changed them later."""
        authority = Authority("mesh")
        server = ThreadingHTTPServer(("127.0.0.1", 0), _reviews_for(self))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*authority.server("127.0.0.1").write(folder, "mesh"))
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        configurations = f"{REGISTRATIONS}/mutatingwebhookconfigurations"
        try:
            document = _configuration(server.server_port, authority.certificate)
            status, body = client.create(configurations, document)
            assert status == HTTPStatus.CREATED, body
            yield self
        finally:
            client.delete(f"{configurations}/{NAME}")
            server.shutdown()
            thread.join()
            server.server_close()

    def patch(self, containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What it changes in a pod with these containers."""
        self.seen.append([one["image"] for one in containers])
        lacking = [name for name in self.names if name not in {one["name"] for one in containers}]
        return [
            {"op": "add", "path": "/spec/containers/-", "value": {"name": name, "image": self.image}}
            for name in lacking[:1]
        ]


def _configuration(port: int, authority: bytes) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    webhook = {
        "name": "mesh.example.com",
        "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": base64.b64encode(authority).decode()},
        "rules": [rule],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "reinvocationPolicy": "IfNeeded",
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": NAME},
        "webhooks": [webhook],
    }


def _reviews_for(mesh: Mesh) -> type[Answering]:
    class Reviews(Answering):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:  # noqa: N802 (named by the base class)
            review: Any = self.asked()
            patch = json.dumps(mesh.patch(review["request"]["object"]["spec"]["containers"])).encode()
            response = {"uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch"}
            response["patch"] = base64.b64encode(patch).decode()
            answer = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
            self.tell(json.dumps(answer).encode())

    return Reviews
