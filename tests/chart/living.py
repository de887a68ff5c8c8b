"""A cluster in which both programs do everything they know to do, under the accounts and roles of the chart."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from controller.reconcile.certificates import AUTHORITY_LIFETIME, RENEWED_AFTER
from controller.trust.issuing import KeyPair, issue_authority, issue_server
from controller.trust.root import PUBLIC_GOOD
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.chart import Document
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, MUTATING, NAME, ROOT, SECRETS, VALIDATING, Operator, make_ready, put
from tests.support.pki import Authority
from tests.support.processes import wait_until
from tests.support.reviews import container, encoded, review, templated
from tests.support.reviews import pod as reviewed_pod
from tests.support.running import create, delete, pod, running, workload
from tests.support.secrets import put_secret
from tests.support.tufrepository import TufRepository
from tests.support.webhook import Webhook

SECONDS = 60.0
DIGEST = f"sha256:{'a' * 64}"
IMAGE, STRANGER = (f"127.0.0.1:1/{name}/web@{DIGEST}" for name in ("acme", "strangers"))  # nobody answers there
SHOP, GHOST = "shop", "ghost"
TOPS = ("ReplicationController", "StatefulSet", "DaemonSet", "CronJob", "Deployment")
PULLED = [{"name": "pull"}]  # a Secret that nobody made: asking for it takes the right to
BETWEEN = {"CronJob": "Job", "Deployment": "ReplicaSet"}
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

    @property
    def client(self) -> Client:
        return self.plane.client()

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
    assert _ended(life, "install-kinds", "navicert-kinds", life.setting("reports")) == 0


def try_gate(life: Life) -> None:
    """What `helm test` runs. No Service leads to the webhook here, so it says that nobody answers."""
    assert _ended(life, "try-gate", "navicert-test", f"--namespace={HOME}", "--wait=0") == 1


def people(life: Life) -> None:
    """Who may view looks, and who may edit writes, each in every way there is."""
    viewer, editor = (_person(life, *one) for one in PEOPLE.items())
    for kind in KINDS.values():
        collection = f"{API}/namespaces/default/{kind.plural}" if kind.namespaced else f"{API}/{kind.plural}"
        for path in (collection, f"{collection}?watch=true&timeoutSeconds=1", f"{collection}/nothing"):
            viewer.get(path)
    collection = f"{API}/namespaces/default/slsapolicies"
    document = objects.policy("own", namespace="default")
    status, created = editor.create(collection, document)
    assert status == HTTPStatus.CREATED, created
    assert editor.request("PUT", f"{collection}/own", created)[0] == HTTPStatus.OK
    assert editor.patch(f"{collection}/own", {"spec": {"mode": "Audit"}})[0] == HTTPStatus.OK
    assert editor.delete(f"{collection}/own")[0] == HTTPStatus.OK
    assert editor.delete(collection)[0] == HTTPStatus.OK


def live(life: Life) -> None:
    """From nothing to nothing: certificates, webhooks, statuses, roots, and reports on what runs."""
    pods = _populate(life)
    _hold_certificates(life)
    environment = {**os.environ, "SSL_CERT_FILE": str(life.repository.authority)}
    options = (life.setting("certificates"), life.setting("reports"), *life.pulling)
    kubeconfig = life.plane.service_account_kubeconfig(HOME, "navicert-webhook")
    callers = Authority("callers")
    (life.folder / "callers.crt").write_bytes(callers.certificate)
    asked_by: tuple[str | Path, ...] = ("--client-ca", life.folder / "callers.crt", *life.pulling)
    with (
        Webhook(life.folder / "webhook", "--kubeconfig", kubeconfig, "--namespace", HOME, *asked_by) as webhook,
        Operator(life.plane, life.folder / "operator", *options, account="navicert-operator", env=environment),
    ):
        webhook.tls.load_cert_chain(*callers.client("apiserver").write(life.folder, "caller"))
        webhook.wait_synced()
        subject = reviewed_pod(container(IMAGE), imagePullSecrets=PULLED)
        for asked in (
            review(subject, namespace="nobody-heard-of-it"),
            review(subject, namespace=SHOP),
            review(templated("Deployment", reviewed_pod(container(IMAGE))), kind="Deployment", namespace=SHOP),
        ):
            assert webhook.ask("POST", "/validate?timeout=5s", encoded(asked))[0] == HTTPStatus.OK
        _register(life)
        _refresh_root(life)
        _report(life, pods)


def _ended(life: Life, name: str, account: str, *options: str) -> int:
    kubeconfig = life.plane.service_account_kubeconfig(HOME, account)
    command = [sys.executable, "-m", "controller.cli.main", name, f"--kubeconfig={kubeconfig}", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=SECONDS).returncode


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


def _populate(life: Life) -> list[Document]:
    """Something of each kind runs, one in a namespace that is gone; objects of all five kinds are there."""
    client = life.client
    for name in (SHOP, GHOST):
        life.plane.create_namespace(name)
    pods = [running(pod("stray", STRANGER, namespace=GHOST), STRANGER)]
    owners = {kind: create(client, workload(kind, kind.lower(), IMAGE)) for kind in TOPS}
    for kind, owner in owners.items():
        between = BETWEEN.get(kind)
        made = create(client, workload(between, f"{kind.lower()}-1", IMAGE, owner=owner)) if between else owner
        pods.append(running(pod(f"{kind.lower()}-0", IMAGE, owner=made), IMAGE))
    for one in pods:
        one["spec"]["imagePullSecrets"] = PULLED
        create(client, one)
    _, ghost = client.delete(f"/api/v1/namespaces/{GHOST}")
    client.request("PUT", f"/api/v1/namespaces/{GHOST}/finalize", {**ghost, "spec": {}})
    assert client.get(f"/api/v1/namespaces/{GHOST}")[0] == HTTPStatus.NOT_FOUND
    if life.form:
        _report_of_nobody(life, f"/namespaces/{SHOP}", f"navicert-{owners['Deployment']['metadata']['uid']}")
        _report_of_nobody(life, "", "navicert-coverage")
    life.repository.publish((files("controller.trust") / "data" / PUBLIC_GOOD).read_bytes())
    soon = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    excepted = [{"kind": "ClusterSLSAPolicy", "name": "production"}]
    for document in (
        _policy(),
        objects.policy("own", namespace=SHOP),
        objects.builder(),
        objects.root(),
        objects.exception(policies=excepted, images=["ghcr.io/acme/old"], expires=soon),
        objects.document("TrustRoot", "refreshed", life.repository.spec()),
    ):
        life.put(document)
    return pods


def _policy(**spec: Any) -> Document:
    everywhere = {"selector": {"matchExpressions": [{"key": "unlabelled", "operator": "DoesNotExist"}]}}
    return objects.policy(match={"namespaces": everywhere, "images": ["127.0.0.1:1/acme/*"]}, **spec)


def _report_of_nobody(life: Life, place: str, name: str) -> None:
    """One of the name that the operator's will have, without its label: it stands in the way."""
    version, kind = life.form or ("", "")
    kind = kind if place else f"Cluster{kind}"
    document = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "results": []}
    status, body = life.client.create(f"/apis/{version}{place}/{kind.lower()}s", document)
    assert status == HTTPStatus.CREATED, body


def _hold_certificates(life: Life) -> None:
    """An authority that is due to be renewed, or one that somebody else keeps."""
    now = datetime.now(UTC)
    age = AUTHORITY_LIFETIME * RENEWED_AFTER + timedelta(days=1) if life.own_certificates else timedelta(0)
    authority = issue_authority("test", now=now - age, lifetime=AUTHORITY_LIFETIME)
    served = issue_server(authority, [f"{NAME}.{HOME}.svc"], now=now - timedelta(days=1), lifetime=timedelta(days=90))
    put_secret(
        life.client, f"{NAME}-tls", KeyPair(certificate=served.certificate, key=served.key), authority.certificate
    )
    if life.own_certificates:
        put_secret(life.client, f"{NAME}-authority", authority, authority.certificate)


def _register(life: Life) -> None:
    """The webhooks are filled in, put back when they are changed, and keep what they need."""
    client = life.client
    make_ready(client)
    life.until(lambda: all(client.get(path)[1].get("webhooks") for path in (VALIDATING, MUTATING)))
    changed = client.get(VALIDATING)[1]["webhooks"]
    changed[0]["timeoutSeconds"] = 1
    assert client.patch(VALIDATING, {"webhooks": changed})[0] == HTTPStatus.OK
    life.until(lambda: life.told("WebhooksRestored"))
    if life.own_certificates:
        assert client.delete(f"{SECRETS}/{NAME}-tls")[0] == HTTPStatus.OK
        life.until(lambda: client.get(f"{SECRETS}/{NAME}-tls")[0] == HTTPStatus.OK)


def _refresh_root(life: Life) -> None:
    """Fetched, and fetched again when it changes; meanwhile everything is told how it stands."""
    path = f"{API}/trustroots/refreshed"

    def stale() -> str | None:
        status: dict[str, str] = life.client.get(path)[1].get("status", {})
        return status.get("staleAt")

    life.until(stale)
    first = stale()
    assert life.client.patch(path, {"spec": {"staleAfter": "240h"}})[0] == HTTPStatus.OK
    life.until(lambda: stale() not in (None, first))
    life.until(lambda: all("status" in one for kind in KINDS.values() for one in life.all_of(kind.plural)))


def _report(life: Life, pods: list[Document]) -> None:
    """Reports come, change with a policy, and go with what they are about; an Event tells of the change."""
    if life.form:
        life.until(lambda: len(life.reports()) == len(pods) - 1 and life.reports("cluster"))
    life.put(_policy(deny={"digests": [DIGEST]}))
    life.until(lambda: life.told("OutcomeChanged"))
    for one in pods:
        delete(life.client, one)
    if life.form:
        life.put(_policy(mode="Warn"))
        life.until(lambda: life.reports() == life.reports("cluster") == [])
