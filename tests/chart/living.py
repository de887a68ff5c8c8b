"""Both programs do everything they know to do, under the accounts and roles of the chart."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

from controller.reconcile.certificates import AUTHORITY_LIFETIME, RENEWED_AFTER
from controller.trust.issuing import KeyPair, issue_authority, issue_server
from controller.trust.root import PUBLIC_GOOD
from controller.wire.policy import KINDS
from tests.chart.life import Life
from tests.support import objects
from tests.support.chart import Document
from tests.support.controlplane import Client
from tests.support.operator import API, HOME, MUTATING, NAME, SECRETS, VALIDATING, Operator, make_ready
from tests.support.pki import Authority
from tests.support.reviews import container, encoded, review, templated
from tests.support.reviews import pod as reviewed_pod
from tests.support.running import create, delete, pod, running, workload
from tests.support.secrets import put_secret
from tests.support.webhook import Webhook

REVIEW_SECONDS = 30  # the most that an API server gives a webhook
DIGEST = f"sha256:{'a' * 64}"
IMAGE, STRANGER = (f"127.0.0.1:1/{name}/web@{DIGEST}" for name in ("acme", "strangers"))  # nobody answers there
SHOP, GHOST = "shop", "ghost"
TOPS = ("ReplicationController", "StatefulSet", "DaemonSet", "CronJob", "Deployment")
PULLED = [{"name": "pull"}]  # a Secret that nobody made: asking for it takes the right to
BETWEEN = {"CronJob": "Job", "Deployment": "ReplicaSet"}


def live(life: Life) -> None:
    """From nothing to nothing: certificates, webhooks, statuses, roots, and reports on what runs.

    Ends once every right is used, which is awaited in vain where one is not.
    """
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
        Operator(
            life.plane, life.folder / "operator", *options, account="navicert-operator", env=environment
        ) as operator,
    ):
        webhook.tls.load_cert_chain(*callers.client("apiserver").write(life.folder, "caller"))
        webhook.wait_synced()
        subject = reviewed_pod(container(IMAGE), imagePullSecrets=PULLED)
        for asked in (
            review(subject, namespace="nobody-heard-of-it"),
            review(subject, namespace=SHOP),
            review(templated("Deployment", reviewed_pod(container(IMAGE))), kind="Deployment", namespace=SHOP),
        ):
            assert webhook.ask("POST", f"/validate?timeout={REVIEW_SECONDS}s", encoded(asked))[0] == HTTPStatus.OK
        _register(life)
        _refresh_root(life)
        life.until(lambda: operator.told("scanned"))
        _report(life, pods)
        with suppress(TimeoutError):
            life.until(lambda: not life.unused)


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
    life.until(lambda: _disturbed(client) and life.told("WebhooksRestored"))
    if life.own_certificates:
        assert client.delete(f"{SECRETS}/{NAME}-tls")[0] == HTTPStatus.OK
        life.until(lambda: client.get(f"{SECRETS}/{NAME}-tls")[0] == HTTPStatus.OK)


def _disturbed(client: Client) -> bool:
    """Changes a webhook unless it is changed: one put back as another authority is announced tells nobody."""
    changed = client.get(VALIDATING)[1]["webhooks"]
    if changed[0]["timeoutSeconds"] == 1:
        return True
    changed[0]["timeoutSeconds"] = 1
    return client.patch(VALIDATING, {"webhooks": changed})[0] == HTTPStatus.OK


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
