"""`navicert install-kinds` on a real API server, with the rights that the chart gives its Job and no others."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.kube.client import ApiClient
from controller.kube.connection import from_kubeconfig
from controller.reconcile.watching import wait_listed
from tests.support.chart import rules
from tests.support.controlplane import Client, ControlPlane
from tests.support.plainyaml import kinds
from tests.support.processes import wait_until
from tests.support.rights import grant

ROOT = Path(__file__).resolve().parents[2]
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
HOME, ACCOUNT = "navicert-system", "navicert-kinds"
OWN = {f"{plural}.navicert.dev" for plural in ("clusterslsapolicies", "slsapolicies", "trustedbuilders", "trustroots")}
REPORTS = {"policyreports.wgpolicyk8s.io", "clusterpolicyreports.wgpolicyk8s.io"}
OPEN_REPORTS = {"reports.openreports.io", "clusterreports.openreports.io"}


@pytest.fixture
def plane(new_controlplane: Callable[[], ControlPlane]) -> ControlPlane:
    plane = new_controlplane()
    plane.create_namespace(HOME)
    plane.create_service_account(HOME, ACCOUNT)
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": HOME}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT}
    base = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": ACCOUNT}}
    role = {**base, "kind": "ClusterRole", "rules": rules("ClusterRole", ACCOUNT)}
    binding = {**base, "kind": "ClusterRoleBinding", "subjects": [subject], "roleRef": reference}
    grant(plane.client(), role, binding)
    return plane


def install_kinds(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    kubeconfig = plane.service_account_kubeconfig(HOME, ACCOUNT)
    command = [
        sys.executable,
        "-m",
        "controller.cli.main",
        "install-kinds",
        "--kubeconfig",
        str(kubeconfig),
        *arguments,
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def installed(client: Client) -> set[str]:
    return {one["metadata"]["name"] for one in client.get(DEFINITIONS)[1]["items"]}


def wait_served(client: Client, plural: str) -> None:
    """An API server serves a kind a moment after it has established it."""
    wait_until(lambda: client.get(f"/apis/wgpolicyk8s.io/v1alpha2/{plural}")[0] == 200)


def test_all_kinds_are_served_when_it_ends_and_an_older_one_is_brought_up_to_date(plane: ControlPlane) -> None:
    client = plane.client()
    assert install_kinds(plane).returncode == 0
    assert installed(client) == OWN | REPORTS | {"slsaexceptions.navicert.dev"}
    wait_served(client, "clusterpolicyreports")
    path = f"{DEFINITIONS}/trustroots.navicert.dev"
    names = client.get(path)[1]["spec"]["names"]
    assert client.patch(path, {"spec": {"names": {**names, "shortNames": ["older"]}}})[0] == 200
    again = install_kinds(plane)
    assert again.returncode == 0, again.stderr
    assert client.get(path)[1]["spec"]["names"]["shortNames"] == names["shortNames"]


def test_report_kinds_of_somebody_else_are_left_alone(plane: ControlPlane) -> None:
    client = plane.client()
    assert install_kinds(plane).returncode == 0
    path = f"{DEFINITIONS}/policyreports.wgpolicyk8s.io"
    assert client.patch(path, {"spec": {"names": {"shortNames": ["theirs"]}}})[0] == 200
    assert install_kinds(plane).returncode == 0
    assert client.get(path)[1]["spec"]["names"]["shortNames"] == ["theirs"]


def test_a_report_is_kept_as_it_was_written(plane: ControlPlane) -> None:
    client = plane.client()
    assert install_kinds(plane).returncode == 0
    result = {
        "source": "navicert",
        "policy": "ClusterSLSAPolicy/production",
        "result": "fail",
        "severity": "high",
        "scored": True,
        "message": "no provenance",
        "timestamp": {"seconds": 1, "nanos": 0},
        "properties": {"digest": f"sha256:{'a' * 64}"},
        "resources": [{"apiVersion": "v1", "kind": "Pod", "name": "x", "namespace": "default", "uid": "1"}],
    }
    report = {
        "apiVersion": "wgpolicyk8s.io/v1alpha2",
        "kind": "PolicyReport",
        "metadata": {"name": "navicert-1", "namespace": "default"},
        "scope": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"},
        "summary": {"pass": 0, "fail": 1},
        "results": [result],
    }
    path = "/apis/wgpolicyk8s.io/v1alpha2/namespaces/default/policyreports"
    wait_served(client, "policyreports")
    status, stored = client.request("POST", f"{path}?fieldValidation=Strict", report)
    assert status == 201, stored
    assert stored["results"] == [result]
    assert stored["scope"] == report["scope"]
    wrong = {
        **report,
        "metadata": {"name": "wrong", "namespace": "default"},
        "results": [{**result, "result": "maybe"}],
    }
    assert client.create(path, wrong)[0] == 422


def test_a_right_that_is_lacking_is_told_and_ends_with_ignorance(plane: ControlPlane) -> None:
    """Asking for the other reports needs a chart that was told so: the rights name each kind."""
    told = install_kinds(plane, "--reports", "openreports")
    assert told.returncode == 3
    assert "reports.openreports.io" in told.stderr
    assert "403" in told.stderr
    assert not installed(plane.client()) & OPEN_REPORTS


async def test_kinds_are_looked_for_until_every_one_is_listed(
    plane: ControlPlane, caplog: pytest.LogCaptureFixture
) -> None:
    """What is not there when the framework looks would not be watched for as long as the operator runs."""
    client = plane.client()

    def install(definition: dict[str, Any]) -> None:
        assert client.apply(f"{DEFINITIONS}/{definition['metadata']['name']}", definition)[0] == 201

    *most, last = kinds()
    for definition in most:
        install(definition)
    wait_until(lambda: listed(client) == names_of(most))
    async with ApiClient(from_kubeconfig(plane.admin_kubeconfig)) as api:
        caplog.set_level("INFO")
        waiting = asyncio.create_task(wait_listed(api))
        while not waiting.done() and "kinds not listed yet" not in caplog.messages:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not waiting.done()
        install(last)
        await waiting
    assert listed(client) == names_of([*most, last])
    assert "navicert.dev" in {one["name"] for one in client.get("/apis")[1]["groups"]}


def names_of(definitions: list[dict[str, Any]]) -> set[str]:
    return {one["spec"]["names"]["plural"] for one in definitions}


def listed(client: Client) -> set[str]:
    status, body = client.get("/apis/navicert.dev/v1alpha1")
    return {one["name"] for one in body["resources"] if "/" not in one["name"]} if status == 200 else set()
