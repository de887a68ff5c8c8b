"""A cluster with the accounts and roles of a release, where the kinds are installed, and people look and write."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from http import HTTPStatus
from pathlib import Path

from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.chart import Document
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, MUTATING, ROOT, VALIDATING, put
from tests.support.processes import wait_until
from tests.support.rights import Right, granted, used, wait_granted, within_a_wider_one
from tests.support.tufrepository import TufRepository

SECONDS = 180.0
STARTS = 4  # of a Job's pod that fails: as the chart has it, with the first
RBAC = "/apis/rbac.authorization.k8s.io/v1"
PLACES = {
    "ServiceAccount": f"/api/v1/namespaces/{HOME}/serviceaccounts",
    "Role": f"{RBAC}/namespaces/{HOME}/roles",
    "RoleBinding": f"{RBAC}/namespaces/{HOME}/rolebindings",
    "ClusterRole": f"{RBAC}/clusterroles",
    "ClusterRoleBinding": f"{RBAC}/clusterrolebindings",
    "ValidatingWebhookConfiguration": VALIDATING.rpartition("/")[0],
    "MutatingWebhookConfiguration": MUTATING.rpartition("/")[0],
}
REPORTS = {
    "policyreport": ("wgpolicyk8s.io/v1alpha2", "PolicyReport"),
    "openreports": ("openreports.io/v1alpha1", "Report"),
}
PEOPLE = {"viewer": "navicert-view", "editor": "navicert-edit"}


@dataclass(frozen=True, kw_only=True)
class Life:
    """What the chart rendered, and a cluster of which its accounts and roles become part."""

    plane: ControlPlane
    folder: Path
    documents: tuple[Document, ...]
    repository: TufRepository

    def __post_init__(self) -> None:
        self.plane.create_namespace(HOME)
        for kind, place in PLACES.items():
            for one in (one for one in self.documents if one["kind"] == kind):
                put(self.client, f"{place}/{one['metadata']['name']}", one)
        wait_granted(self.client, self.documents)

    @property
    def client(self) -> Client:
        return self.plane.client()

    @property
    def log(self) -> Path:
        """The API server's audit log."""
        return self.folder / "audit.log"

    @property
    def unused(self) -> list[Right]:
        """The rights of its roles that nothing was allowed by so far, but those that a wider one stands in for."""
        given = granted(self.documents)
        return sorted(one for one in {*given} - used(self.log, given) if not within_a_wider_one(one, given))

    @property
    def arguments(self) -> list[str]:
        """What the chart tells the operator."""
        (operator,) = (
            one for one in self.documents if one["kind"] == "Deployment" and "operator" in str(one["metadata"])
        )
        (program,) = operator["spec"]["template"]["spec"]["containers"]
        return list(program["args"])

    def setting(self, option: str) -> str:
        return next(one for one in self.arguments if one.startswith(f"--{option}="))

    @cached_property
    def form(self) -> tuple[str, str] | None:
        """API version and kind of the reports."""
        return REPORTS.get(self.setting("reports").partition("=")[2])

    @property
    def pulling(self) -> tuple[str, ...]:
        """The option that has images read by their pods' own Secrets, where it is given."""
        return tuple(one for one in self.arguments if one == "--pod-pull-secrets")

    @property
    def own_certificates(self) -> bool:
        return self.setting("certificates") == "--certificates=self"

    def put(self, document: Document) -> None:
        put(self.client, self.path_of(document), document)

    def path_of(self, document: Document) -> str:
        metadata = document["metadata"]
        inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        return f"{API}{inside}/{KINDS[document['kind']].plural}/{metadata['name']}"

    def all_of(self, plural: str) -> list[Document]:
        listed: list[Document] = self.client.get(f"{API}/{plural}")[1]["items"]
        assert listed
        return listed

    def until(self, holds: Callable[[], object]) -> None:
        wait_until(lambda: bool(holds()), timeout=SECONDS)

    def told(self, reason: str) -> bool:
        """Whether there is an Event for this reason."""
        return any(one["reason"] == reason for one in self.client.get("/api/v1/events")[1]["items"])

    def reports(self, prefix: str = "") -> list[Document]:
        """Those that say who wrote them."""
        version, kind = self.form or ("", "")
        path = f"/apis/{version}/{prefix}{kind.lower()}s?labelSelector=app.kubernetes.io/managed-by%3Dnavicert"
        return list(self.client.get(path)[1]["items"])


def install_kinds(life: Life) -> None:
    """A Job does: what fails, as a write that a busy API server takes long to answer, is started again."""
    told: list[str] = []
    while len(told) < STARTS:
        ended = _ended(life, "install-kinds", "navicert-kinds", life.setting("reports"))
        told.append(ended.stderr)
        if ended.returncode == 0:
            break
    else:
        raise AssertionError("\n".join(told))
    version, report = life.form or ("", "")
    reports = [f"/apis/{version}/{prefix}{report.lower()}s" for prefix in ("", "cluster") if report]
    for path in (*(f"{API}/{kind.plural}" for kind in KINDS.values()), *reports):
        life.until(partial(_served, life, path))


def _served(life: Life, path: str) -> bool:
    return life.client.get(path)[0] == HTTPStatus.OK


def try_gate(life: Life) -> None:
    """What `helm test` runs. No Service leads to the webhook here, so it says that nobody answers."""
    ended = _ended(life, "try-gate", "navicert-test", f"--namespace={HOME}", "--wait=0")
    assert ended.returncode == 1, ended.stderr


def people(life: Life) -> None:
    """Who may view looks, and who may edit writes, each in every way there is."""
    viewer, editor = (_person(life, *one) for one in PEOPLE.items())
    looks: list[str] = []
    for kind in KINDS.values():
        collection = f"{API}/namespaces/default/{kind.plural}" if kind.namespaced else f"{API}/{kind.plural}"
        looks += (collection, f"{collection}?watch=true&timeoutSeconds=1", f"{collection}/nothing")
    with ThreadPoolExecutor(len(looks)) as pool:
        [*pool.map(viewer.get, looks)]
    collection = f"{API}/namespaces/default/slsapolicies"
    document = objects.policy("own", namespace="default")
    status, created = editor.create(collection, document)
    assert status == HTTPStatus.CREATED, created
    assert editor.request("PUT", f"{collection}/own", created)[0] == HTTPStatus.OK
    assert editor.patch(f"{collection}/own", {"spec": {"mode": "Audit"}})[0] == HTTPStatus.OK
    assert editor.delete(f"{collection}/own")[0] == HTTPStatus.OK
    assert editor.delete(collection)[0] == HTTPStatus.OK


def _ended(life: Life, name: str, account: str, *options: str) -> subprocess.CompletedProcess[str]:
    kubeconfig = life.plane.service_account_kubeconfig(HOME, account)
    command = [sys.executable, "-m", "controller.cli.main", name, f"--kubeconfig={kubeconfig}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS)


def _person(life: Life, name: str, role: str) -> Client:
    client = life.client
    life.plane.create_service_account(HOME, name)
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": HOME}],
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
    }
    put(client, f"{RBAC}/clusterrolebindings/{name}", binding)
    asked = {"verb": "list" if name == "viewer" else "patch", "group": "navicert.dev", "resource": "slsapolicies"}
    spec = {"user": f"system:serviceaccount:{HOME}:{name}", "resourceAttributes": asked}
    question = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
    access = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    life.until(lambda: client.create(access, question)[1]["status"]["allowed"])
    return Client(life.plane.service_account(HOME, name))
