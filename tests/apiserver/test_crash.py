"""A replica that crashes in the middle of a review: what the API server makes of it, in Enforce and in Audit."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path

import pytest

from tests.support.admitting import register
from tests.support.cluster import NAMESPACE, apply, install_kinds, plain_registries, policy, service_account
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.pki import Authority
from tests.support.reviews import container
from tests.support.webhook import Webhook

_names = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A replica, how it is started once more at its address, and a registry that never answers."""

    client: Client
    replica: Webhook
    again: Callable[[], Webhook]
    stalling: socket.socket
    admits: bool

    def create_pod(self) -> Answer:
        host = f"127.0.0.1:{self.stalling.getsockname()[1]}"
        image = f"{host}/acme/shop@sha256:{'a' * 64}"
        document = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"pod-{next(_names)}"},
            "spec": {"containers": [container(image)]},
        }
        return self.client.create(f"/api/v1/namespaces/{NAMESPACE}/pods", document)


@pytest.fixture(params=["Enforce", "Audit"])
def cluster(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cluster]:
    authority = Authority("replicas")
    with ControlPlane(tmp_path / "plane") as plane, socket.create_server(("127.0.0.1", 0)) as stalling:
        client = plane.client()
        install_kinds(client)
        plane.create_namespace(NAMESPACE)
        asked = {**policy(request.param), "spec": {"mode": request.param, "match": {"images": ["*/acme/*"]}}}
        asked["spec"]["require"] = {"buildLevel": 1}
        apply(client, asked)
        registries = plain_registries(tmp_path, f"127.0.0.1:{stalling.getsockname()[1]}")
        arguments = ("--kubeconfig", service_account(plane), "--registries", registries)
        with Webhook(tmp_path / "first", *arguments, authority=authority) as replica:
            replica.wait_synced()
            register(client, replica.admission, authority.certificate)
            at = ("--listen", replica.admission)
            yield Cluster(
                client=client,
                replica=replica,
                again=lambda: Webhook(tmp_path / "again", *arguments, *at, authority=authority),
                stalling=stalling,
                admits=request.param == "Audit",
            )


def under_way(cluster: Cluster, pool: ThreadPoolExecutor) -> Future[Answer]:
    """A review that waits for the registry. The API server knows of the webhooks some time after they are there."""
    cluster.stalling.settimeout(1)
    while True:
        creating = pool.submit(cluster.create_pod)
        try:
            connection, _ = cluster.stalling.accept()
        except TimeoutError:
            assert creating.result()[0] == HTTPStatus.CREATED
            continue
        connection.close()
        return creating


@pytest.mark.slow
def test_what_it_was_answering_is_refused_in_every_mode_until_it_is_back(cluster: Cluster) -> None:
    with ThreadPoolExecutor(1) as pool:
        creating = under_way(cluster, pool)
        cluster.replica.process.signal(signal.SIGSEGV)
        assert not_called(creating.result())
    assert cluster.replica.process.wait() == -signal.SIGSEGV
    assert not_called(cluster.create_pod())
    with cluster.again() as replica:
        replica.wait_synced()
        status, body = cluster.create_pod()
        assert status == (HTTPStatus.CREATED if cluster.admits else HTTPStatus.SERVICE_UNAVAILABLE), body


def not_called(answer: Answer) -> bool:
    status, body = answer
    return status == HTTPStatus.INTERNAL_SERVER_ERROR and "failed calling webhook" in body["message"]
