"""A cluster where pods run, Navicert's image in it, a registry, and one image that the private Sigstore signed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.ground import Ground, given_ground, is_given, own_ground
from tests.support.keyless import sign_keyless
from tests.support.node import Node, missing, pause_image
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.tools import Helm, Kubectl

OWN_NODE = "own_node(why): can't be done to a cluster that E2E_KUBECONFIG names"
SECONDS = 900  # of one test, which has several things to wait for


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", OWN_NODE)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a cluster of somebody else's can't be used for is left out, and said."""
    ours = [item for item in items if "e2e" in item.path.parts]
    for item in ours:
        item.add_marker(pytest.mark.timeout(SECONDS))
    left_out = [(item, mark.args[0]) for item in ours for mark in item.iter_markers("own_node") if is_given()]
    items[:] = [item for item in items if item not in dict(left_out)]
    config.hook.pytest_deselected(items=[item for item, _ in left_out])
    for item, why in left_out:
        print(f"\nleft out on a given cluster: {item.name}: {why}")


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    if is_given():
        with given_ground() as ground:
            yield ground
        return
    if lacks := missing():
        pytest.skip(f"no node can run on this machine: {'; '.join(lacks)}")
    with own_ground(tmp_path_factory.mktemp("registry")) as ground:
        yield ground


@pytest.fixture(scope="session")
def node(ground: Ground) -> Node:
    """For tests that are marked own_node."""
    assert ground.node is not None
    return ground.node


@pytest.fixture(scope="session")
def registry(ground: Ground) -> Registry:
    """Where nodes and pods find it, without TLS."""
    return ground.registry


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
def cluster(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder: Path = tmp_path_factory.mktemp("helm")
    with Cluster(ground, Helm(folder, ground.kubeconfig), folder) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubectl(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(tmp_path_factory.mktemp("kubectl"), ground.kubeconfig)


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
