"""A cluster that loses its power while the gate is closed comes back by itself, and so does what runs in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.e2e.cluster import (
    HOME,
    NAMESPACE,
    WAIT_SECONDS,
    Cluster,
    Document,
    builder,
    deployment,
    measure,
    path_of,
    policy,
    trust_root,
)
from tests.support.node import Node, pause_image
from tests.support.processes import wait_until
from tests.support.registries import Pushed

pytestmark = [pytest.mark.own_node("all of it is killed"), pytest.mark.case("OPS-001")]
# What a node needs first, such as its network, and everybody else's; of an image that no policy is about.
IMAGE = "navicert.test/uncovered:1"
FIRST, REST = ("kube-system", "network"), (NAMESPACE, "rest")


def path(place: tuple[str, str]) -> str:
    namespace, name = place
    return f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


@pytest.fixture(scope="module")
def local(node: Node, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image that is on the node alone; the kubelet pulls anew what it pulled under another name before."""
    node.load(pause_image(tmp_path_factory.mktemp("uncovered") / "image", named="uncovered"), IMAGE)
    return IMAGE


@pytest.fixture(scope="module")
def guarded(cluster: Cluster, local: str, signed: Pushed, unsigned: Pushed, trusted: list[bytes]) -> Iterator[Cluster]:
    """Navicert judges under Enforce, and two Deployments run, one of them where it is not asked."""
    if not cluster.is_installed():
        cluster.install()
    for document in (trust_root(trusted[0]), builder(), policy("Enforce", cluster.registry)):
        cluster.apply(path_of(document), document)
    for place in (FIRST, REST):
        cluster.apply(path(place), deployment(place[1], local, pull="IfNotPresent"))
    cluster.wait_judging(unsigned.reference)
    wait_until(lambda: all(running(cluster, place) == 1 for place in (FIRST, REST)), timeout=WAIT_SECONDS)
    yield cluster
    cluster.delete(path(FIRST))


def running(cluster: Cluster, place: tuple[str, str], since: str = "") -> int:
    namespace, name = place
    return len(started(cluster, namespace, f"app={name}", since))


def started(cluster: Cluster, namespace: str, label: str, since: str) -> set[str]:
    """The pods with this label that are ready, and whose container was started after that time."""
    ready = cluster.running(label, namespace)
    pods = cluster.items(f"/api/v1/namespaces/{namespace}/pods")
    return {one["metadata"]["name"] for one in pods if one["metadata"]["name"] in ready and _start(one) > since}


def _start(pod: Document) -> str:
    """RFC 3339 in seconds and UTC, as the API server writes it; empty while it does not run."""
    (container,) = pod["status"]["containerStatuses"]
    return str(container["state"].get("running", {}).get("startedAt", ""))


def test_cluster_that_restarts_from_nothing_comes_back_without_help(guarded: Cluster, node: Node) -> None:
    """Kept is what is on disk. Nobody deletes, changes or starts anything of Navicert's; its pods are the same ones."""
    own = "app.kubernetes.io/name=navicert"
    wait_until(lambda: len(started(guarded, HOME, own, "")) == 4, timeout=WAIT_SECONDS)
    before = started(guarded, HOME, own, "")
    lost = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    began = time.monotonic()
    node.restart()
    measure("restart of everything", began)
    assert len(guarded.webhooks()) == 5
    assert "failed calling webhook" in (guarded.refusal(IMAGE) or "")
    for place in (FIRST, REST):
        assert guarded.client.patch(path(place), {"spec": {"replicas": 2}})[0] == 200
    wait_until(lambda: running(guarded, FIRST, lost) == 2, timeout=WAIT_SECONDS)
    measure("kube-system runs again, with one pod more", began)
    wait_until(lambda: started(guarded, HOME, own, lost) == before, timeout=WAIT_SECONDS)
    measure("Navicert runs again", began)
    wait_until(lambda: running(guarded, REST, lost) == 2, timeout=WAIT_SECONDS)
    measure("the rest runs again, with one pod more", began)
    unknown = guarded.refusal(f"{guarded.registry}/acme/shop@sha256:{'0' * 64}")
    assert "RegistryUnavailable" in (unknown or "")  # it was in the network that is gone


def test_replicas_that_are_lost_are_made_anew_behind_the_closed_gate(guarded: Cluster) -> None:
    """As when their nodes do not come back: all at once, and nobody who answers is left."""
    own = "app.kubernetes.io/name=navicert"
    wait_until(lambda: len(started(guarded, HOME, own, "")) == 4, timeout=WAIT_SECONDS)
    before = started(guarded, HOME, own, "")
    for one in before:
        guarded.client.delete(f"/api/v1/namespaces/{HOME}/pods/{one}?gracePeriodSeconds=0")
    assert len(guarded.webhooks()) == 5
    wait_until(lambda: len(started(guarded, HOME, own, "") - before) == 4, timeout=WAIT_SECONDS)
    wait_until(lambda: guarded.refusal(IMAGE) is None, timeout=WAIT_SECONDS)
