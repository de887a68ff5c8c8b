"""The quick start, pasted block by block into a cluster where pods run, as somebody new to Navicert does it.

What is left to the reader is filled in: `acme` is an organisation in the tests' registry, whose lack of TLS helm is
told of, and the private Sigstore that signed its image stands in for the public one, for which nobody here can sign.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import API, HOME, WAIT_SECONDS, Cluster, measure
from tests.e2e.ground import DEFINITIONS
from tests.support.node import Node, pause_image
from tests.support.pages import Block, blocks
from tests.support.processes import wait_until
from tests.support.productimage import NAME
from tests.support.reader import Reader
from tests.support.registries import Pushed, Registry
from tests.support.tools import Kubectl

pytestmark = pytest.mark.own_node("it has the image that the page builds")
IMAGE = "registry.example/navicert:dev"
STEPS = [block for block in blocks() if block.page.name == "quick-start.md" and block.mark != "engine"]
ELSEWHERE = [block for block in blocks() if block.mark == "node"]
TOTAL_SECONDS = 300.0  # of the quick start's own five minutes; making the image comes on top


class Newcomer:
    """Follows the page, and sees that each step does what the page says of it."""

    def __init__(self, reader: Reader, cluster: Cluster, signed: Pushed, trusted_root: bytes) -> None:
        self._reader, self._cluster, self._signed = reader, cluster, signed
        self._trusted_root = trusted_root

    def follow(self, block: Block) -> None:
        if block.mark == "refused":
            self._refused(block)
            return
        if block.text.startswith("helm uninstall"):
            self._look_elsewhere()
        said = self._reader.follow(block)
        if block.mark == "helm":
            self._stand_in()
        elif "logs" in block.text:
            assert '"reason":"Satisfied"' in said
        elif "run proven" in block.text:
            assert said.endswith(f"{self._signed.host}/{self._signed.repository}:v1.2.3@{self._signed.digest}")
            self._cluster.wait_running("proven", "default")

    def _refused(self, block: Block) -> None:
        """For the facts, and not because something could not be found out. The API server heard of the policy first."""
        image = block.text.partition("--image=")[2].strip()
        wait_until(lambda: "denied the request" in self._reader.paste(block.text).stderr, timeout=WAIT_SECONDS)
        done = self._reader.paste(block.text)
        assert done.returncode != 0, image
        assert "NoProvenance" in done.stderr

    def _look_elsewhere(self) -> None:
        """What other pages say to run where pods run; to find no line of an error is as it should be."""
        for block in ELSEWHERE:
            done = self._reader.paste(block.text)
            healthy = 1 if '"level":"error"' in block.text else 0
            assert done.returncode == healthy, f"{block.where}\n{done.stdout}{done.stderr}"

    def _stand_in(self) -> None:
        inline = json.dumps(json.loads(self._trusted_root))
        believed = {"publicGood": None, "trustedRoot": {"inline": inline}}
        status, _ = self._cluster.client.patch(f"{API}/trustroots/sigstore", {"spec": {"sigstore": believed}})
        assert status == 200


@pytest.fixture
def reader(cluster: Cluster, registry: Registry, signed: Pushed, kubectl: Kubectl, tmp_path: Path) -> Reader:
    """Of a cluster without Navicert, whatever was there before, and with two images in acme."""
    registry.tag(signed, "v1.2.3")
    registry.push("acme/not-attested", pause_image(tmp_path / "not-attested"), "v1")
    plain = {"registries": [{"host": registry.host, "plainHTTP": True}]}
    (tmp_path / "registries.yaml").write_text(yaml.safe_dump(plain))
    instead = {
        "ghcr.io/acme/": f"{registry.host}/acme/",
        "--set image.tag=dev": "--set image.tag=dev --values registries.yaml",
        "-n shop": "-n default",
    }
    reader = Reader(tmp_path, kubectl, instead=instead, jobs=True)
    if cluster.is_installed():
        cluster.uninstall()
    for kind in own_kinds(cluster):
        cluster.delete(f"{DEFINITIONS}/{kind}")
    wait_until(lambda: not cluster.items(f"/api/v1/namespaces/{HOME}/pods"), timeout=WAIT_SECONDS)
    return reader


@pytest.fixture
def newcomer(cluster: Cluster, reader: Reader, signed: Pushed, trusted: list[bytes]) -> Newcomer:
    return Newcomer(reader, cluster, signed, trusted[0])


def test_every_block_works_as_it_is_pasted(cluster: Cluster, node: Node, reader: Reader, newcomer: Newcomer) -> None:
    (install,) = (block for block in STEPS if block.mark == "helm")
    too_early = reader.paste(f"{install.text.rstrip()} --timeout 10s")
    assert "Job/navicert-system/navicert-kinds not ready" in too_early.stderr
    node.ctr("images", "tag", NAME, IMAGE)  # what `kind load docker-image` does
    assert len(STEPS) > 9
    began = time.monotonic()
    for block in STEPS:
        started = time.monotonic()
        newcomer.follow(block)
        measure(f"{block.where} {block.text.partition(chr(10))[0][:60]}", started)
    measure("the quick start", began)
    assert time.monotonic() - began < TOTAL_SECONDS
    assert own_kinds(cluster) == []


def own_kinds(cluster: Cluster) -> list[str]:
    definitions = cluster.items(DEFINITIONS)
    return [one["metadata"]["name"] for one in definitions if one["spec"]["group"] == "navicert.dev"]
