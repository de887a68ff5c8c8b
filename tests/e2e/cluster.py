"""What a test does to a cluster and sees of it: installs the chart, runs pods, reads Events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import yaml

from tests.e2e.ground import Ground
from tests.support.processes import wait_until
from tests.support.tools import Helm

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "navicert"
HOME, NAMESPACE = "navicert-system", "navicert-e2e"
API = "/apis/navicert.dev/v1alpha1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
WAIT_SECONDS = 180.0  # a machine that does much else besides is slow, and not wrong
NAMESPACED = (
    ("coordination.k8s.io/v1", "leases"),
    ("batch/v1", "jobs"),
    ("policy/v1", "poddisruptionbudgets"),
    ("networking.k8s.io/v1", "networkpolicies"),
    ("rbac.authorization.k8s.io/v1", "roles"),
    ("rbac.authorization.k8s.io/v1", "rolebindings"),
    ("discovery.k8s.io/v1", "endpointslices"),
)
CONFIGURATIONS = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
CLUSTER_WIDE = (
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    *(f"{ADMISSION}/{kind}" for kind in CONFIGURATIONS),
)

Document = dict[str, Any]


class Refused(Exception):
    """The API server did not take an object; the message is what a user reads."""


class Cluster:
    """One cluster, with every permission, and for as long as the context lasts the namespace that pods run in."""

    def __init__(self, ground: Ground, helm: Helm, folder: Path) -> None:
        self.client, self.registry = ground.client, ground.registry.host
        self._image = ground.image
        self.began = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._helm = helm
        self._values = folder / "values.yaml"

    def __enter__(self) -> Self:
        self.client.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        account = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/default"
        wait_until(lambda: self.client.get(account)[0] == 200, timeout=WAIT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """A release that a test left behind goes first, and its gate before anything else."""
        if self.is_installed():
            self.uninstall()
        for name in (NAMESPACE, HOME):
            self.delete(f"/api/v1/namespaces/{name}")

    def helm(self, *arguments: str | Path) -> str:
        return self._helm.run(*arguments, "--namespace", HOME)

    def wait_for(self, *arguments: str | Path) -> str:
        """Runs helm, which ends when what it did has become true."""
        return self.helm(*arguments, "--wait", "--timeout", f"{WAIT_SECONDS:.0f}s")

    def values(self, **changed: Any) -> Path:
        """A values file: this image, the registry of the tests, little to wait for, and what is changed."""
        repository, _, tag = self._image.rpartition(":")
        values = {
            "image": {"repository": repository, "tag": tag},
            "registries": [{"host": self.registry, "plainHTTP": True}],
            "trustRoots": {"sigstore": False},
            "builders": {"catalogue": []},
        }
        self._values.write_text(yaml.safe_dump(values | changed))
        return self._values

    def install(self, chart: Path = CHART, **changed: Any) -> str:
        """`helm upgrade --install --wait`."""
        named = ("--install", "navicert", chart, "--create-namespace", "--values", self.values(**changed))
        return self.wait_for("upgrade", *named)

    def is_installed(self) -> bool:
        return any(self.client.get(f"{ADMISSION}/{kind}/navicert")[0] == 200 for kind in CONFIGURATIONS)

    def uninstall(self) -> None:
        self.wait_for("uninstall", "navicert")

    def apply(self, path: str, document: Mapping[str, Any]) -> Document:
        """Server-side. Raises Refused."""
        status, body = self.client.apply(path, document)
        return _taken(status, body)

    def run_pod(self, name: str, image: str, *, namespace: str = NAMESPACE, dry: bool = False) -> Document:
        """Creates a pod as the restricted standard wants it. Raises Refused."""
        query = "?dryRun=All" if dry else ""
        status, body = self.client.create(f"/api/v1/namespaces/{namespace}/pods{query}", pod(name, image))
        return _taken(status, body)

    def wait_running(self, name: str, namespace: str = NAMESPACE) -> Document:
        path = f"/api/v1/namespaces/{namespace}/pods/{name}"
        wait_until(lambda: _ready(self.client.get(path)[1]), timeout=WAIT_SECONDS)
        found: Document = self.client.get(path)[1]
        return found

    def delete(self, path: str) -> None:
        """Deletes, and waits until it is gone."""
        self.client.delete(path)
        wait_until(lambda: self.client.get(path)[0] == 404, timeout=WAIT_SECONDS)

    def items(self, path: str) -> list[Document]:
        listed: list[Document] = self.client.get(path)[1].get("items", [])
        return listed

    def webhooks(self) -> list[Document]:
        """Those that the API server asks, of both configurations; none where there is no configuration."""
        found = [self.client.get(f"{ADMISSION}/{kind}/navicert") for kind in CONFIGURATIONS]
        return [webhook for status, body in found if status == 200 for webhook in body.get("webhooks", ())]

    def wait_judging(self, probe: str) -> None:
        """Until this image is refused: the operator filled in the configurations, and the API server heard of it."""
        wait_until(lambda: self.refusal(probe) is not None, timeout=WAIT_SECONDS)

    def refusal(self, image: str) -> str | None:
        """What a pod with this image is told, or None where it would be let in."""
        try:
            self.run_pod("probe", image, dry=True)
        except Refused as refused:
            return str(refused)
        return None

    def events(self, reason: str, namespace: str = NAMESPACE) -> Iterator[str]:
        listed = self.items(f"/api/v1/namespaces/{namespace}/events?fieldSelector=reason%3D{reason}")
        return (event["message"] for event in listed)

    def running(self, label: str, namespace: str = NAMESPACE) -> list[str]:
        """The names of the pods with this label that are ready."""
        selector = quote(label, safe="")
        listed = self.items(f"/api/v1/namespaces/{namespace}/pods?labelSelector={selector}")
        return [one["metadata"]["name"] for one in listed if _ready(one)]

    def left_behind(self) -> list[str]:
        """What is called navicert, or is in its namespace, besides what every namespace has."""
        own = [
            f"/api/v1/namespaces/{HOME}/{kind}"
            for kind in ("pods", "secrets", "configmaps", "services", "serviceaccounts")
        ]
        own += [f"/apis/apps/v1/namespaces/{HOME}/{kind}" for kind in ("deployments", "replicasets")]
        own += [f"/apis/{group}/namespaces/{HOME}/{kind}" for group, kind in NAMESPACED]
        found = [one["metadata"]["name"] for path in own for one in self.items(path)]
        found += [
            name
            for path in CLUSTER_WIDE
            for one in self.items(path)
            if (name := one["metadata"]["name"]).startswith("navicert")
        ]
        return [name for name in found if name not in ("default", "kube-root-ca.crt")]

    def logs(self, component: str) -> str:
        """What the pods of this component say, for a test that fails."""
        selector = f"app.kubernetes.io%2Fcomponent%3D{component}"
        pods = self.items(f"/api/v1/namespaces/{HOME}/pods?labelSelector={selector}")
        paths = (f"/api/v1/namespaces/{HOME}/pods/{one['metadata']['name']}/log" for one in pods)
        return "\n".join(str(self.client.get(path)[1]) for path in paths)


def pod(name: str, image: str, pull: str = "Always") -> Document:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": pull,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod_spec(container)}


def pod_spec(container: Document) -> Document:
    return {
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65535, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }


def deployment(name: str, image: str, *, pull: str = "Always") -> Document:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, image, pull)["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    }


def policy(mode: str, registry: str) -> Document:
    """What may run from acme: built at level 3 by its own workflows, from the repository of the same name."""
    sources = [{"repositories": ["https://github.com/acme/{1}"], "refs": ["refs/heads/main"]}]
    spec = {"mode": mode, "match": {"images": [f"{registry}/acme/*"]}, "require": {"buildLevel": 3, "sources": sources}}
    return _own("ClusterSLSAPolicy", "production", spec)


def trust_root(trusted_root: bytes) -> Document:
    spec = {"sigstore": {"trustedRoot": {"inline": json.dumps(json.loads(trusted_root))}}}
    return _own("TrustRoot", "sigstore", spec)


def builder() -> Document:
    signer = {
        "issuer": "https://token.actions.githubusercontent.com",
        "subjectRegExp": r"https://github\.com/acme/[^/]+/\.github/workflows/release\.yml@refs/heads/main",
    }
    return _own(
        "TrustedBuilder", "acme", {"maxLevel": 3, "signers": [{"certificate": signer}], "builderID": "SameAsSigner"}
    )


def path_of(document: Document) -> str:
    plural = {"ClusterSLSAPolicy": "clusterslsapolicies"}.get(document["kind"], f"{document['kind'].lower()}s")
    return f"{API}/{plural}/{document['metadata']['name']}"


def measure(step: str, started: float) -> None:
    """Says how long a step took, for whoever watches."""
    print(f"{step}: {time.monotonic() - started:.1f} s")


def _own(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def _taken(status: int, body: Any) -> Document:
    if status not in (200, 201):
        raise Refused(body["message"] if isinstance(body, dict) else str(body))
    taken: Document = body
    return taken


def _ready(found: Document) -> bool:
    conditions = found.get("status", {}).get("conditions", ())
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
