"""What the tests stand on: a node of their own, or a cluster that the environment names.

    E2E_KUBECONFIG   a cluster without Navicert, where the file's user may do everything
    E2E_IMAGE        Navicert's image, which the cluster has or can pull
    E2E_REGISTRY     host:port of a registry that this machine, the nodes and pods reach by plain HTTP, open to all

What the tests make in such a cluster they remove again, and they start nothing where Navicert is there already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controller.kube.connection import Connection, from_kubeconfig
from tests.support.controlplane import Answer, Client
from tests.support.node import ADDRESS, Node
from tests.support.processes import wait_until
from tests.support.productimage import NAME, product_image
from tests.support.registries import ACCEPT, Kind, Registry

KUBECONFIG, IMAGE, REGISTRY = "E2E_KUBECONFIG", "E2E_IMAGE", "E2E_REGISTRY"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUPS = ("navicert.dev", "wgpolicyk8s.io")
OWN_KINDS = f"{DEFINITIONS}/clusterslsapolicies.navicert.dev"
GONE_SECONDS = 60.0


class Unusable(Exception):
    """The environment names a cluster that the tests can't, or must not, use; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A cluster, Navicert's image in it, and a registry; `node` is what it is made of where that is our own."""

    client: Client
    kubeconfig: Path
    image: str
    registry: Registry
    node: Node | None


def is_given(environment: Mapping[str, str] = os.environ) -> bool:
    return KUBECONFIG in environment


@contextmanager
def own_ground(folder: Path) -> Iterator[Ground]:
    """Everything inside happens in the node's network, where nothing can be downloaded."""
    image, host = product_image(), f"{ADDRESS}:5000"
    with Node() as node, node.entered():
        node.trust_plain(host)
        node.load(image, NAME)
        with Registry(Kind.REFERRERS, folder, listen=host) as registry:
            yield Ground(client=node.client(), kubeconfig=node.kubeconfig, image=NAME, registry=registry, node=node)


@contextmanager
def given_ground(environment: Mapping[str, str] = os.environ) -> Iterator[Ground]:
    """The cluster that the environment names, as it was when the context ends. Raises Unusable."""
    lacking = [name for name in (KUBECONFIG, IMAGE, REGISTRY) if not environment.get(name)]
    if lacking:
        raise Unusable(f"with {KUBECONFIG} there has to be {' and '.join(lacking)}: see tests/README.md")
    kubeconfig = Path(environment[KUBECONFIG]).resolve()
    client = _GivenClient(from_kubeconfig(kubeconfig))
    if client.get(OWN_KINDS)[0] != 404:
        raise Unusable("the cluster has Navicert's kinds, or does not answer: it is left alone")
    before = _definitions(client)
    registry = _GivenRegistry(environment[REGISTRY])
    try:
        yield Ground(client=client, kubeconfig=kubeconfig, image=environment[IMAGE], registry=registry, node=None)
    finally:
        for name in _definitions(client) - before:
            client.delete(f"{DEFINITIONS}/{name}")
        wait_until(lambda: _definitions(client) == before, timeout=GONE_SECONDS)


class _GivenClient(Client):
    """Somebody else's cluster, as a kubeconfig says."""

    def __init__(self, connection: Connection) -> None:
        self._address = urlsplit(connection.server).netloc
        self._tls = connection.tls
        self._authorization = connection.authorization
        self._headers = {}

    def request(self, method: str, path: str, *rest: Any) -> Answer:
        authorization = self._authorization()
        self._headers = {"Authorization": authorization} if authorization else {}
        return super().request(method, path, *rest)


class _GivenRegistry(Registry):
    """Somebody else's server, by plain HTTP."""

    def __init__(self, host: str) -> None:
        self.host, self.url = host, f"http://{host}"
        self._headers, self._tls = {"Accept": ACCEPT}, None

    def stop(self) -> None:
        """It is not ours to stop."""


def _definitions(client: Client) -> set[str]:
    listed = client.get(DEFINITIONS)[1]["items"]
    return {one["metadata"]["name"] for one in listed if one["spec"]["group"] in GROUPS}
