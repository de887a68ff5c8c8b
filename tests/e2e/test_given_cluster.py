"""A cluster that E2E_KUBECONFIG names: used as one's own is, left as it was, and left alone where Navicert is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from tests.e2e.ground import DEFINITIONS, IMAGE, KUBECONFIG, OWN_KINDS, REGISTRY, Ground, Unusable, given_ground
from tests.support.chart import CHART
from tests.support.node import Node
from tests.support.processes import wait_until

pytestmark = pytest.mark.own_node("it is what is given")
TOLD = ("tests/e2e/test_node.py", "tests/e2e/test_restart.py")
STORY = (*TOLD, "-k", "both_programs_are_ready or nobody_and_writes or second_release or restarts")


def environment(ground: Ground) -> dict[str, str]:
    return {KUBECONFIG: str(ground.kubeconfig), IMAGE: ground.image, REGISTRY: ground.registry.host}


def test_story_is_told_there_and_leaves_nothing(ground: Ground, node: Node) -> None:
    command = [sys.executable, "-m", "pytest", "--e2e", "--no-skips", "-s", "-p", "no:cacheprovider", *STORY]
    told = subprocess.run(
        command, env=os.environ | environment(ground), cwd=CHART.parents[1], capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "3 passed" in told.stdout
    assert "left out on a given cluster: test_cluster_that_restarts" in told.stdout
    definitions = ground.client.get(DEFINITIONS)[1]["items"]
    assert [one["metadata"]["name"] for one in definitions] == []
    namespaces = {one["metadata"]["name"] for one in ground.client.get("/api/v1/namespaces")[1]["items"]}
    assert namespaces == {"default", "kube-node-lease", "kube-public", "kube-system"}


def test_cluster_that_has_the_kinds_is_left_alone(ground: Ground) -> None:
    definition = yaml.safe_load((CHART / "crds" / "navicert.dev_clusterslsapolicies.yaml").read_text())
    assert ground.client.apply(OWN_KINDS, definition)[0] == 201
    with pytest.raises(Unusable, match="left alone"), given_ground(environment(ground)):
        pass
    assert ground.client.get(OWN_KINDS)[0] == 200
    ground.client.delete(OWN_KINDS)
    wait_until(lambda: ground.client.get(OWN_KINDS)[0] == 404, timeout=60)


@pytest.mark.parametrize("lacking", [IMAGE, REGISTRY])
def test_what_else_has_to_be_said_is_asked_for(ground: Ground, lacking: str) -> None:
    given = {name: value for name, value in environment(ground).items() if name != lacking}
    with pytest.raises(Unusable, match=f"there has to be {lacking}"), given_ground(given):
        pass
