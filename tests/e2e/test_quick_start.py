"""The quick start, pasted block by block into a cluster where pods run, as somebody new to Navicert does it."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import HOME, WAIT_SECONDS, Cluster, measure
from tests.e2e.ground import DEFINITIONS
from tests.support.chart import CHART
from tests.support.node import Node
from tests.support.pages import Block, blocks
from tests.support.processes import wait_until
from tests.support.productimage import NAME
from tests.support.tools import Kubectl, binary

pytestmark = pytest.mark.own_node("it pulls the published image")
REMOVE = "kubectl get crd -o name | grep navicert.dev | xargs kubectl delete"


class Reader:
    """Somebody with a clone, helm and kubectl."""

    def __init__(self, folder: Path, kubectl: Kubectl) -> None:
        (folder / "charts").symlink_to(CHART.parent)
        programs = folder / "programs"
        programs.mkdir()
        (programs / "helm").symlink_to(binary("helm"))
        self._folder = folder
        self._env = kubectl.env | {"PATH": f"{programs}:{kubectl.env['PATH']}"}

    def paste(self, text: str) -> subprocess.CompletedProcess[str]:
        command = ["bash", "-euo", "pipefail", "-c", text]
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * WAIT_SECONDS,
        )

    def follow(self, block: Block) -> None:
        """Does what the block says, or writes what it shows into the file that the next one names."""
        if block.language == "yaml":
            name = yaml.safe_load(block.text)["metadata"]["name"]
            (self._folder / f"{name}.yaml").write_text(block.text)
            return
        done = self.paste(block.text)
        if block.mark == "refused":
            assert done.returncode != 0, done.stdout
            assert "denied the request" in done.stderr
        else:
            assert done.returncode == 0, f"{block.where}\n{done.stdout}{done.stderr}"


def published(chart: Path) -> str:
    """The image that the chart names where nobody says another."""
    repository = yaml.safe_load((chart / "values.yaml").read_text())["image"]["repository"]
    return f"{repository}:{yaml.safe_load((chart / 'Chart.yaml').read_text())['appVersion']}"


def test_every_block_works_as_it_is_pasted(cluster: Cluster, node: Node, kubectl: Kubectl, tmp_path: Path) -> None:
    node.ctr("images", "tag", NAME, published(CHART))
    reader = Reader(tmp_path, kubectl)
    cluster.uninstall()
    assert reader.paste(REMOVE).returncode == 0
    wait_until(lambda: not cluster.items(f"/api/v1/namespaces/{HOME}/pods"), timeout=WAIT_SECONDS)
    shown = [block for block in blocks() if block.page.name == "quick-start.md"]
    assert len(shown) > 8
    for block in shown:
        started = time.monotonic()
        reader.follow(block)
        measure(f"{block.where} {block.text.partition(chr(10))[0][:60]}", started)
    kinds = (one["spec"]["group"] for one in cluster.items(DEFINITIONS))
    assert "navicert.dev" not in kinds
