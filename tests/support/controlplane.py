"""A real control plane, etcd and kube-apiserver, on 127.0.0.1 and free ports, with RBAC on.

There is no controller-manager: nothing makes the ``default`` ServiceAccount of a new namespace (create_namespace()
does), deletes what an owner leaves behind, or runs a pod. There is no kubelet: a stored pod stays Pending.
"""

from __future__ import annotations

import base64
import copy
import http.client
import json
import os
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from tests.support import pki
from tests.support.processes import Process, free_port
from tests.support.tools import binary

ADDRESS = "127.0.0.1"
SERVICE_RANGE = "10.96.0.0/16"
SERVICE_NAMES = ("kubernetes", "kubernetes.default.svc", "10.96.0.1")
ISSUER = "https://kubernetes.default.svc"
REQUEST_SECONDS = 60.0
BUSY_SECONDS = 0.1
TOKEN_SECONDS = 3600
GENEROUS = {"GOGC": "400"}  # a sixth of the processor's time for a third more memory: there are many, and each is short
SERVER_SIDE_APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"

Answer = tuple[int, Any]


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """How to reach the API server as somebody: a client certificate, or a bearer token."""

    server: str
    ca_file: Path
    certificate: tuple[Path, Path] | None = None
    token: str | None = None

    def kubeconfig(self) -> str:
        """Renders a kubeconfig that stands alone. It is JSON, which is YAML too."""
        user: dict[str, str] = {"token": self.token} if self.token else {}
        if self.certificate is not None:
            names = ("client-certificate-data", "client-key-data")
            user |= {name: _base64(path) for name, path in zip(names, self.certificate, strict=True)}
        cluster = {"server": self.server, "certificate-authority-data": _base64(self.ca_file)}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": user}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            "current-context": "test",
        }
        return json.dumps(document, indent=1)


class Client:
    """Plain REST against the API server: paths in, (status, parsed body) out, nothing raised for a refusal."""

    def __init__(self, credentials: Credentials) -> None:
        self._address = urlsplit(credentials.server).netloc
        self._tls = ssl.create_default_context(cafile=str(credentials.ca_file))
        if credentials.certificate is not None:
            self._tls.load_cert_chain(*credentials.certificate)
        self._headers = {"Authorization": f"Bearer {credentials.token}"} if credentials.token else {}

    def acting(self, user: str, *, group: str) -> Client:
        """The same as somebody else (User impersonation)."""
        other = copy.copy(self)
        other._headers = {**self._headers, "Impersonate-User": user, "Impersonate-Group": group}
        return other

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = "application/json"
    ) -> Answer:
        """The answer to one request. A body that is not JSON is returned as text.

        A server that is not ready to tell, as of a kind that it begins to serve, is asked again, as kubectl does.
        """
        deadline = time.monotonic() + REQUEST_SECONDS
        while True:
            answer = self._ask(method, path, body, content_type)
            if answer[0] != http.HTTPStatus.TOO_MANY_REQUESTS or time.monotonic() > deadline:
                return answer
            time.sleep(BUSY_SECONDS)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None, content_type: str) -> Answer:
        """Sends one request on a connection of its own."""
        connection = http.client.HTTPSConnection(self._address, context=self._tls, timeout=REQUEST_SECONDS)
        headers = {"Accept": "application/json", "Content-Type": content_type, **self._headers}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, _parse(answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Answer:
        return self.request("GET", path)

    def create(self, path: str, document: Mapping[str, Any]) -> Answer:
        """POSTs to the path of the collection."""
        return self.request("POST", path, document)

    def patch(self, path: str, patch: Mapping[str, Any]) -> Answer:
        """Applies a JSON merge patch (RFC 7396)."""
        return self.request("PATCH", path, patch, MERGE_PATCH)

    def apply(self, path: str, document: Mapping[str, Any], *, manager: str = "tests") -> Answer:
        """Applies server-side, taking over fields others own."""
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", document, SERVER_SIDE_APPLY)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)


class ControlPlane:
    """A running control plane whose whole state is the folder given; stop() throws it away in milliseconds."""

    def __init__(self, folder: Path, **flags: str | Path) -> None:
        """Starts both; `flags` are further ones of the API server, with underscores for dashes."""
        folder.mkdir(parents=True, exist_ok=True)
        self._flags = {name.replace("_", "-"): value for name, value in flags.items()}
        self.folder = folder
        self.server = f"https://{ADDRESS}:{free_port()}"
        authority = pki.Authority("test control plane")
        self.ca_file = folder / "ca.crt"
        self.ca_file.write_bytes(authority.certificate)
        self._serving = authority.server(ADDRESS, "localhost", *SERVICE_NAMES).write(folder, "apiserver")
        admin = authority.client("admin", "system:masters").write(folder, "admin")
        self._admin = Credentials(server=self.server, ca_file=self.ca_file, certificate=admin)
        self.admin_kubeconfig = folder / "admin.kubeconfig"
        self.admin_kubeconfig.write_text(self._admin.kubeconfig())
        self._processes: list[Process] = []
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._processes]

    @property
    def admin(self) -> Credentials:
        """Those of somebody with every permission."""
        return self._admin

    def client(self) -> Client:
        """Returns a client with every permission."""
        return Client(self._admin)

    def create_namespace(self, name: str) -> None:
        """Creates the namespace if it is not there, and its default ServiceAccount, without which it takes no pods."""
        self._apply(f"/api/v1/namespaces/{name}", "Namespace", {"name": name})
        self.create_service_account(name, "default")

    def create_service_account(self, namespace: str, name: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        self._apply(path, "ServiceAccount", {"name": name, "namespace": namespace})

    def service_account(self, namespace: str, name: str) -> Credentials:
        """Returns the credentials of an existing ServiceAccount, through TokenRequest. Raises KeyError without one."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": TOKEN_SECONDS},
        }
        status, body = self.client().create(path, request)
        if status != http.HTTPStatus.CREATED:
            raise KeyError(f"no token for {namespace}/{name}: {status} {body}")
        return Credentials(server=self.server, ca_file=self.ca_file, token=body["status"]["token"])

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Writes a kubeconfig that acts as an existing ServiceAccount. Raises KeyError without one."""
        path = self.folder / f"{namespace}-{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(self.service_account(namespace, name).kubeconfig())
        return path

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        etcd = self._start_etcd()
        certificate, private = self._serving
        verifies, signs = self._service_account_keys()
        flags: dict[str, str | Path] = {
            "etcd-servers": etcd,
            "bind-address": ADDRESS,
            "advertise-address": ADDRESS,
            "secure-port": self.server.rpartition(":")[2],
            "tls-cert-file": certificate,
            "tls-private-key-file": private,
            "client-ca-file": self.ca_file,
            "service-account-key-file": verifies,
            "service-account-signing-key-file": signs,
            "service-account-issuer": ISSUER,
            "service-cluster-ip-range": SERVICE_RANGE,
            "authorization-mode": "RBAC",
            "allow-privileged": "true",
            "endpoint-reconciler-type": "none",
        }
        self._flags = flags | self._flags
        self.start_apiserver()
        self.create_namespace("default")

    def start_apiserver(self) -> None:
        """Starts it, or starts it again after stop_apiserver(), at the same address and with the same state."""
        apiserver = self._run("kube-apiserver", self._flags)
        client = self.client()
        apiserver.wait_ready(lambda: _ready(client))

    def stop_apiserver(self) -> None:
        """Kills the API server alone: what talks to it finds nobody."""
        self._processes.pop().stop()

    def restart_etcd(self) -> None:
        """Kills etcd under the API server, and starts it again with the same state."""
        self._processes.pop(0).stop()
        self._run("etcd", self._etcd_flags)
        self._processes.insert(0, self._processes.pop())
        client = self.client()
        self._processes[0].wait_ready(lambda: _ready(client))

    def compact(self) -> int:
        """Has etcd forget everything before its newest revision, which is returned."""
        revision = int(self._ask_etcd("maintenance/status", {})["header"]["revision"])
        self._ask_etcd("kv/compaction", {"revision": revision, "physical": True})
        return revision

    def _ask_etcd(self, path: str, question: Mapping[str, Any]) -> Any:
        url = f"{self._etcd_flags['listen-client-urls']}/v3/{path}"
        request = urllib.request.Request(url, data=json.dumps(question).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            return json.loads(answer.read())

    def _service_account_keys(self) -> tuple[Path, Path]:
        key = pki.new_key()
        verifies, signs = self.folder / "service-accounts.pub", self.folder / "service-accounts.key"
        verifies.write_bytes(pki.public_pem(key))
        signs.touch(mode=0o600)
        signs.write_bytes(pki.private_pem(key))
        return verifies, signs

    def _start_etcd(self) -> str:
        client, peer = (f"http://{ADDRESS}:{free_port()}" for _ in range(2))
        self._etcd_flags: dict[str, str | Path] = {
            "name": "test",
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": f"test={peer}",
            # Nothing here outlives the run.
            "unsafe-no-fsync": "true",
        }
        self._run("etcd", self._etcd_flags)
        return client

    def _run(self, program: str, flags: Mapping[str, str | Path]) -> Process:
        command: list[str | Path] = [binary(program), *(f"--{name}={value}" for name, value in flags.items())]
        process = Process(command, log=self.folder / f"{program}.log", env=os.environ | GENEROUS)
        self._processes.append(process)
        return process

    def _apply(self, path: str, kind: str, metadata: dict[str, str]) -> None:
        document = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
        status, body = self.client().apply(path, document)
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
            raise RuntimeError(f"cannot create {kind} {metadata['name']}: {status} {body}")


def _ready(client: Client) -> bool:
    try:
        return client.get("/readyz")[0] == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
