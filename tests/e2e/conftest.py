"""A node where pods run, Navicert's image on it, a registry, and one image that the private Sigstore signed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import REGISTRY, Cluster
from tests.support.keyless import sign_keyless
from tests.support.node import Node, missing, pause_image
from tests.support.productimage import NAME, product_image
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.tools import Helm


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """Everything that follows happens inside its network, where nothing can be downloaded."""
    if lacks := missing():
        pytest.skip(f"no node can run on this machine: {'; '.join(lacks)}")
    image = product_image()
    with Node() as node, node.entered():
        node.trust_plain(REGISTRY)
        node.load(image, NAME)
        yield node


@pytest.fixture(scope="session")
def registry(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Where the node and its pods find it, without TLS."""
    with Registry(Kind.REFERRERS, tmp_path_factory.mktemp("registry"), listen=REGISTRY) as running:
        yield running


@pytest.fixture(scope="session")
def unsigned(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Pushed:
    return registry.push("acme/unsigned", pause_image(tmp_path_factory.mktemp("unsigned") / "image"), "v1")


@pytest.fixture(scope="session")
def signed(registry: Registry, tmp_path_factory: pytest.TempPathFactory, trusted: list[bytes]) -> Pushed:
    """Built and signed as a GitHub workflow of acme/shop would; its trusted root is put into `trusted`."""
    folder = tmp_path_factory.mktemp("signed")
    image = registry.push("acme/shop", pause_image(folder / "image"), "v1")
    trusted.append(sign_keyless(folder, registry, Cosign(folder / "cosign"), image))
    return image


@pytest.fixture(scope="session")
def trusted() -> list[bytes]:
    return []


@pytest.fixture(scope="session")
def cluster(node: Node, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder: Path = tmp_path_factory.mktemp("helm")
    return Cluster(node.client(), Helm(folder, node.kubeconfig), folder)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What both programs complained of stands beside a failure."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, Cluster):
        said = (line for component in ("webhook", "operator") for line in cluster.logs(component).splitlines())
        complaints = [line for line in said if '"level":"info"' not in line]
        report.sections.append(("both programs", "\n".join(complaints[-40:])))
    return report
