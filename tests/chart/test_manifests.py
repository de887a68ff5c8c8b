"""manifests/install.yaml, applied by the real kubectl to a cluster that has nothing, as the page says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.chart import NAMESPACE, Document
from tests.support.controlplane import Client, ControlPlane
from tests.support.fakenode import run_controllers
from tests.support.pages import ROOT, marked
from tests.support.plainyaml import read_documents
from tests.support.processes import wait_until
from tests.support.tools import Kubectl, binary
from tests.tools.render import render

INSTALL = ROOT / "manifests" / "install.yaml"
API = "/apis/navicert.dev/v1alpha1"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
THEIRS = f"{DEFINITIONS}/policyreports.wgpolicyk8s.io"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("bare")) as running:
        controllers = run_controllers(running, "namespace-controller")
        yield running
        controllers.stop()


@pytest.fixture(scope="module")
def shell(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    return Kubectl(tmp_path_factory.mktemp("kubectl"), plane.admin_kubeconfig)


@pytest.fixture
def client(plane: ControlPlane) -> Client:
    return plane.client()


def pasted(shell: Kubectl, text: str) -> subprocess.CompletedProcess[str]:
    """Into a shell at the root of the project, which ends at the first command that fails."""
    return subprocess.run(
        ["/bin/sh", "-e"], input=text, cwd=ROOT, env=shell.env, capture_output=True, text=True, check=False, timeout=300
    )


def documents() -> list[Document]:
    return read_documents(INSTALL.read_text())


def test_it_is_what_the_chart_renders() -> None:
    assert INSTALL.read_text() == render(binary("helm")), "run make manifests"


def test_its_namespace_asks_of_pods_what_the_programs_meet() -> None:
    (namespace,) = (one for one in documents() if one["kind"] == "Namespace")
    assert namespace["metadata"]["name"] == NAMESPACE
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_every_object_is_there_after_the_pages_commands(client: Client, shell: Kubectl) -> None:
    install, _ = marked("kubectl", "operations.md")
    done = pasted(shell, install.text)
    assert done.returncode == 0, done.stderr
    listed = shell.run("get", "--filename", INSTALL, "--output", "name")
    assert listed.returncode == 0, listed.stderr
    assert len(listed.stdout.splitlines()) == len(documents())
    assert client.get(f"{API}/clusterslsapolicies/starter")[0] == 200
    wait_until(lambda: client.get("/apis/wgpolicyk8s.io/v1alpha2/policyreports")[0] == 200)
    deployments = client.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments")[1]["items"]
    assert {one["metadata"]["name"] for one in deployments} == {"navicert-operator", "navicert-webhook"}


def test_it_can_be_applied_again_and_leaves_report_kinds_of_somebody_else_alone(client: Client, shell: Kubectl) -> None:
    install, _ = marked("kubectl", "operations.md")
    assert pasted(shell, install.text).returncode == 0
    client.delete(THEIRS)
    wait_until(lambda: client.get(THEIRS)[0] == 404)
    (ours,) = (one for one in documents() if one["metadata"]["name"] == "policyreports.wgpolicyk8s.io")
    theirs = {**ours, "spec": {**ours["spec"], "names": {**ours["spec"]["names"], "shortNames": ["theirs"]}}}
    assert client.create(DEFINITIONS, theirs)[0] == 201
    done = pasted(shell, install.text)
    assert done.returncode == 1
    assert done.stderr.count("conflict") >= 1
    assert client.get(THEIRS)[1]["spec"]["names"]["shortNames"] == ["theirs"]


def test_nothing_of_it_is_left_after_the_pages_commands(client: Client, shell: Kubectl) -> None:
    install, leave = marked("kubectl", "operations.md")
    pasted(shell, install.text)
    done = pasted(shell, leave.text)
    assert done.returncode == 0, done.stderr
    wait_until(lambda: client.get(f"{API}/clusterslsapolicies")[0] == 404)
    assert client.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/navicert-webhook")[0] == 404
