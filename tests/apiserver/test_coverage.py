"""Which changes of which objects are judged: asked through a real API server, or posted as no API server would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support import objects
from tests.support.admitting import refused, register, templated
from tests.support.cluster import (
    API,
    NAMESPACE,
    apply,
    install_kinds,
    plain_registries,
    policy,
    provenance,
    service_account,
    trust,
)
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reviews import Document, container, encoded, pod, review
from tests.support.rights import Right, allowed
from tests.support.webhook import Webhook

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
RBAC = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
NODE, NODES = "system:node:n1", "system:nodes"
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "hash"}}

_names = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A control plane with Navicert in it, two attested images and one that nobody signed."""

    client: Client
    webhook: Webhook
    good: str
    other: str
    unsigned: str

    def create_pod(self, *containers: Document, **metadata: Any) -> Answer:
        return self.client.create(PODS, named_pod({"containers": [*containers]}, **metadata))

    def posted(self, document: Document) -> tuple[int, bytes]:
        """What the webhook answers to a review that comes from no API server."""
        return self.webhook.ask("POST", "/validate?timeout=30s", encoded(document))


def named_pod(spec: Document, **metadata: Any) -> Document:
    named = {"name": f"pod-{next(_names)}", **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("coverage")
    with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
        client = plane.client()
        install_kinds(client)
        good, other, unsigned = (registry.push_image("acme/shop", content=one) for one in (b"good", b"other", b"bare"))
        for image in (good, other):
            cosign.sign(image)
            cosign.attest(image, provenance())
        for document in (*trust(cosign.public_key.read_text()), policy()):
            apply(client, document)
        plane.create_namespace(NAMESPACE)
        with webhook(plane, registry, folder) as running:
            register(client, running.admission, running.ca)
            found = Cluster(client=client, webhook=running, **_references(good=good, other=other, unsigned=unsigned))
            wait_until(lambda: refused(found.create_pod(container(found.unsigned))))
            yield found


def webhook(plane: ControlPlane, registry: Registry, folder: Path) -> Webhook:
    registries = plain_registries(folder, registry.host)
    running = Webhook(folder / "webhook", "--kubeconfig", service_account(plane), "--registries", registries)
    running.wait_synced()
    return running


def _references(**images: Pushed) -> dict[str, str]:
    return {name: image.reference for name, image in images.items()}


def made(answer: Answer) -> str:
    """The name of what was created."""
    status, body = answer
    assert status == HTTPStatus.CREATED, body
    return str(body["metadata"]["name"])


@pytest.mark.case("COV-007")
def test_an_image_that_is_changed_beside_fewer_replicas_is_judged(cluster: Cluster) -> None:
    spec = templated("Deployment", cluster.good) | {"replicas": 2}
    document = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}
    path = f"{DEPLOYMENTS}/{made(cluster.client.create(DEPLOYMENTS, document))}"

    def change(image: str, replicas: int) -> Answer:
        template = {"spec": {"containers": [container(image)]}}
        return cluster.client.patch(path, {"spec": {"replicas": replicas, "template": template}})

    assert refused(change(cluster.unsigned, 1))
    assert change(cluster.other, 1)[0] == HTTPStatus.OK


@pytest.mark.case("COV-008")
@pytest.mark.case("COV-026")
@pytest.mark.parametrize("terminating", [False, True])
def test_an_image_that_is_changed_in_a_pod_is_judged_even_while_it_ends(cluster: Cluster, *, terminating: bool) -> None:
    both = container(cluster.good), container(cluster.good, "second")
    path = f"{PODS}/{made(cluster.create_pod(*both, finalizers=['example.com/hold']))}"
    if terminating:
        cluster.client.delete(path)
        assert "deletionTimestamp" in cluster.client.get(path)[1]["metadata"]

    def change(image: str) -> Answer:
        first, second = cluster.client.get(path)[1]["spec"]["containers"]
        return cluster.client.patch(path, {"spec": {"containers": [first, second | {"image": image}]}})

    assert refused(change(cluster.unsigned))
    assert change(cluster.other)[0] == HTTPStatus.OK
    assert cluster.client.patch(path, {"metadata": {"finalizers": None}})[0] == HTTPStatus.OK


@pytest.mark.case("COV-013")
def test_what_a_pod_claims_of_itself_is_nothing(cluster: Cluster) -> None:
    claims = {"navicert.dev/verdict": "admitted", "navicert.dev/verified": "true"}
    assert refused(cluster.create_pod(container(cluster.unsigned), annotations=claims, labels={"verified": "true"}))


@pytest.mark.case("COV-016")
def test_a_pod_whose_own_images_have_become_bad_can_be_debugged_with_a_good_one(cluster: Cluster) -> None:
    path = f"{PODS}/{made(cluster.create_pod(container(cluster.good)))}/ephemeralcontainers"
    denying = objects.document(
        "ClusterSLSAPolicy",
        "incident",
        {"mode": "Enforce", "deny": {"digests": [cluster.good.partition("@")[2]]}},
    )
    apply(cluster.client, denying)
    try:
        wait_until(lambda: refused(cluster.create_pod(container(cluster.good)), "Denied"))

        def debug(image: str) -> Answer:
            return cluster.client.patch(path, {"spec": {"ephemeralContainers": [container(image, "debug")]}})

        assert refused(debug(cluster.good), "Denied")
        assert debug(cluster.other)[0] == HTTPStatus.OK
    finally:
        cluster.client.delete(f"{API}/clusterslsapolicies/incident")
        wait_until(lambda: cluster.create_pod(container(cluster.good))[0] == HTTPStatus.CREATED)


@pytest.mark.case("COV-018")
@pytest.mark.case("COV-027")
def test_only_what_a_node_itself_mirrors_is_let_in_and_told(cluster: Cluster) -> None:
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "nodes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": NODES}],
    }
    assert cluster.client.create(RBAC, binding)[0] == HTTPStatus.CREATED
    may_create = Right(role="cluster-admin", group="", resource="pods", verb="create")
    wait_until(lambda: allowed(cluster.client, NODE, may_create, NAMESPACE, (NODES,)))
    spec = {"containers": [container(cluster.unsigned)], "nodeName": "n1"}

    def create(user: str, group: str, **metadata: Any) -> Answer:
        return cluster.client.acting(user, group=group).create(PODS, named_pod(spec, **metadata))

    assert refused(cluster.client.create(PODS, named_pod(spec, **MIRROR)))
    assert refused(create(NODE, NODES))
    assert refused(create("mallory", NODES, **MIRROR))
    assert refused(create(NODE, "system:masters", **MIRROR))
    name = made(create(NODE, NODES, **MIRROR))
    wait_until(lambda: bool(lines(cluster, name)))
    (line,) = lines(cluster, name)
    assert line["allowed"]
    told = line["images"][0]["findings"]
    assert [(one["mode"], one["reason"]) for one in told if "policy" in one] == [("Audit", "NoProvenance")]


def lines(cluster: Cluster, name: str) -> list[Document]:
    """What the webhook has written so far of reviews of this object."""
    return [line for line in cluster.webhook.reviews() if line["name"] == name]


@pytest.mark.case("COV-009")
def test_a_deletion_that_a_new_object_claims_is_no_reason_to_skip(cluster: Cluster) -> None:
    ending = pod(container(cluster.unsigned), metadata={"deletionTimestamp": "2026-06-01T00:00:00Z"})
    status, body = cluster.posted(review(ending))
    assert status == HTTPStatus.OK
    assert b'"allowed":false' in body
    assert b"NoProvenance" in body


@pytest.mark.case("COV-015")
def test_a_pod_without_containers_is_never_admitted(cluster: Cluster) -> None:
    assert cluster.posted(review(pod()))[0] == HTTPStatus.BAD_REQUEST
