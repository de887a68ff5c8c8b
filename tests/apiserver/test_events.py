"""What people see of a refusal that happened to a controller: the Event that the controller writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import (
    HOME,
    NAMESPACE,
    apply,
    install_kinds,
    plain_registries,
    policy,
    provenance,
    service_account,
    trust,
)
from tests.support.controlplane import Client, ControlPlane
from tests.support.fakenode import run_controllers
from tests.support.processes import wait_until
from tests.support.registered import ServiceAuthority, register
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.reviews import container
from tests.support.webhook import Webhook

DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
REPLICA_SETS = DEPLOYMENTS.replace("deployments", "replicasets")

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster with controllers whose pods are judged, and the tag that a Deployment there names."""

    plane: ControlPlane
    client: Client
    tag: str
    unsigned: Pushed

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/api/v1/events")[1]["items"]
        return found


@pytest.fixture
def cluster(
    new_controlplane: Callable[[], ControlPlane], referrers_registry: Registry, cosign: Cosign, tmp_path: Path
) -> Iterator[Cluster]:
    plane, registry = new_controlplane(), referrers_registry
    client = plane.client()
    install_kinds(client)
    for document in (*trust(cosign.public_key.read_text()), policy()):
        apply(client, document)
    plane.create_namespace(NAMESPACE)
    good = registry.push_image("events/web", "v1", content=b"good")
    cosign.sign(good)
    cosign.attest(good, provenance())
    registries = plain_registries(tmp_path, registry.host)
    issuer, arguments = ServiceAuthority(), ("--kubeconfig", service_account(plane), "--registries", registries)
    with Webhook(tmp_path / "webhook", *arguments, authority=issuer) as webhook, run_controllers(plane):
        webhook.wait_synced()
        register(client, webhook.admission, issuer.certificate)
        unsigned = registry.push_image("events/web", content=b"unsigned")
        wait_until(lambda: create(client, "probe", unsigned.reference, query="?dryRun=All") == 403)
        wait_until(lambda: pinned(client, f"{registry.host}/events/web:v1"))
        assert create(client, "web", f"{registry.host}/events/web:v1") == HTTPStatus.CREATED
        wait_until(lambda: bool(client.get(REPLICA_SETS)[1]["items"]))  # judged by what the tag was
        registry.tag(unsigned, "v1")
        yield Cluster(plane=plane, client=client, tag=f"{registry.host}/events/web:v1", unsigned=unsigned)


def create(client: Client, name: str, image: str, *, query: str = "") -> int:
    """A Deployment that asks for no pod yet."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container(image)]}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    return client.create(f"{DEPLOYMENTS}{query}", document)[0]


def pinned(client: Client, tag: str) -> bool:
    """Whether a pod with this tag is admitted, and so the webhook that pins is asked, too."""
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "probe"},
        "spec": {"containers": [container(tag)]},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All"
    return client.create(path, document)[0] == HTTPStatus.CREATED


@pytest.mark.case("SVC-016")
@pytest.mark.case("COV-006")
def test_a_refusal_is_told_by_the_controller_in_our_words_and_not_by_the_webhook(cluster: Cluster) -> None:
    cluster.client.patch(f"{DEPLOYMENTS}/web", {"spec": {"replicas": 1}})

    def repeated() -> bool:
        return any(one["reason"] == "FailedCreate" and one["count"] > 2 for one in cluster.events())

    wait_until(repeated)
    assert cluster.client.get(f"/api/v1/namespaces/{NAMESPACE}/pods")[1]["items"] == []
    events = cluster.events()
    (told,) = {one["message"] for one in events if one["reason"] == "FailedCreate"}
    for word in ('container "app"', cluster.unsigned.digest, "production", "NoProvenance"):
        assert word in told
    writers = {one["source"]["component"] for one in events}
    assert writers <= {"replicaset-controller", "deployment-controller"}
    webhook = Client(cluster.plane.service_account(HOME, "navicert"))
    for namespace in (NAMESPACE, HOME, "default"):
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "ours"}, "involvedObject": {}}
        assert webhook.create(f"/api/v1/namespaces/{namespace}/events", event)[0] == HTTPStatus.FORBIDDEN
