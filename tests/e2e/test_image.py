"""The image itself, as a node runs it: as nobody, and as large as its page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.cluster import NAMESPACE, WAIT_SECONDS, Cluster, pod
from tests.e2e.ground import Ground
from tests.support.processes import wait_until
from tests.support.productimage import roots

PAGE = Path(__file__).resolve().parents[2] / "image" / "README.md"
SLACK = 0.1  # packages grow with every version of them
MEGABYTE = 1_000_000


def test_it_is_nobody_where_a_pod_says_nothing_of_users(cluster: Cluster, ground: Ground) -> None:
    """Whom the kubelet would not start if the image's user were root, or a name that it can't look into."""
    document = pod("nobody", ground.image, "IfNotPresent")
    spec = document["spec"] | {"restartPolicy": "Never"}
    del spec["securityContext"]["runAsUser"]
    spec["containers"][0]["command"] = ["/usr/bin/python3", "-c", "import os; print(os.getuid(), os.getgid())"]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    assert cluster.client.create(path, document | {"spec": spec})[0] == 201
    wait_until(lambda: cluster.client.get(f"{path}/nobody")[1]["status"]["phase"] == "Succeeded", timeout=WAIT_SECONDS)
    assert cluster.client.get(f"{path}/nobody/log")[1].split() == ["65532", "65532"]
    cluster.delete(f"{path}/nobody")


@pytest.mark.own_node("its layers are folders here")
def test_it_is_as_large_as_its_page_says() -> None:
    said = re.search(
        r"([\d.]+) MB unpacked, of which\s+([\d.]+) MB packages.*?,\s+([\d.]+) MB base\s+and\s+([\d.]+) MB Navicert",
        PAGE.read_text(),
        re.DOTALL,
    )
    assert said is not None
    whole, packages, base, own = map(float, said.groups())
    found = [size(root) for root in roots()]
    assert found == [pytest.approx(one, rel=SLACK) for one in (base, packages, own)]
    assert whole == pytest.approx(base + packages + own, abs=5)


def size(folder: Path) -> float:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files) / MEGABYTE
