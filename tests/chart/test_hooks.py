"""Releases with their hooks: the real helm, and in place of a node a thread that runs what the Job's pod would."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.chart.test_release import pod, webhooks
from tests.support.chart import CHART, NAMESPACE
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, ROOT
from tests.support.processes import wait_until
from tests.support.rights import wait_granted
from tests.support.tools import Helm

JOB = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs/navicert-kinds"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
RIGHTS = (f"{RBAC}/clusterroles/navicert-kinds", f"{RBAC}/clusterrolebindings/navicert-kinds")
PODS = "/api/v1/namespaces/default/pods"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
LOOK_SECONDS = 0.3
IN_VAIN = "10s"  # how long helm waits for what never comes, and no longer for what does

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Nothing of Navicert is in it, its kinds included."""
    with ControlPlane(tmp_path_factory.mktemp("hooks")) as running:
        running.create_namespace(NAMESPACE)
        running.create_namespace("default")
        yield running


@pytest.fixture
def client(plane: ControlPlane) -> Client:
    return plane.client()


@pytest.fixture
def release(plane: ControlPlane, tmp_path: Path) -> Callable[..., str]:
    helm = Helm(tmp_path, plane.admin_kubeconfig)
    return lambda *arguments: helm.run(*arguments, "--namespace", NAMESPACE)


@contextmanager
def jobs_run(plane: ControlPlane) -> Iterator[list[list[str]]]:
    """Runs each Job's arguments under its account, and gives them."""
    ran: list[list[str]] = []
    ended = threading.Event()
    thread = threading.Thread(target=_run_jobs, args=(plane, ended, ran))
    thread.start()
    try:
        yield ran
    finally:
        ended.set()
        thread.join()


def _run_jobs(plane: ControlPlane, ended: threading.Event, ran: list[list[str]]) -> None:
    client, done = plane.client(), set[str]()
    while not ended.wait(LOOK_SECONDS):
        status, job = client.get(JOB)
        if status != 200 or job["metadata"]["uid"] in done:
            continue
        done.add(job["metadata"]["uid"])
        spec = job["spec"]["template"]["spec"]
        ran.append(spec["containers"][0]["args"])
        kubeconfig = plane.service_account_kubeconfig(NAMESPACE, spec["serviceAccountName"])
        command = [sys.executable, "-m", "controller.cli.main", *ran[-1], f"--kubeconfig={kubeconfig}"]
        wait_granted(client, [client.get(path)[1] for path in RIGHTS])
        starts = 1 + job["spec"]["backoffLimit"]  # as often as the Job's pod would be
        assert any(_succeeds(command) for _ in range(starts))
        assert client.patch(f"{JOB}/status", {"status": _succeeded()})[0] == 200


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=300).returncode == 0


def _succeeded() -> dict[str, object]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    conditions = [{"type": kind, "status": "True"} for kind in ("SuccessCriteriaMet", "Complete")]
    return {"succeeded": 1, "startTime": now, "completionTime": now, "conditions": conditions}


@pytest.mark.case("OPS-015")
def test_an_image_that_can_not_be_pulled_holds_up_no_pod_of_the_cluster(
    client: Client, release: Callable[..., str]
) -> None:
    """With its hook, whose Job never ends, and without: the programs are there and never start."""
    absent = ("--set", "image.repository=registry.invalid/navicert")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        release("install", "navicert", CHART, *absent, "--timeout", IN_VAIN)
    assert "pre-install" in "".join(failed.value.__notes__)
    assert client.create(PODS, pod("while-the-hook-waits"))[0] == 201
    release("uninstall", "navicert", "--no-hooks")
    client.delete(f"{JOB}?propagationPolicy=Background")
    release("install", "navicert", CHART, *absent, "--no-hooks")
    assert client.get("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/navicert")[0] == 200
    assert webhooks(client) == []
    assert client.create(PODS, pod("while-nothing-answers"))[0] == 201
    release("uninstall", "navicert", "--no-hooks")


@pytest.mark.case("OPS-017")
def test_one_install_brings_the_kinds_and_the_objects_of_these_kinds(
    plane: ControlPlane, client: Client, release: Callable[..., str]
) -> None:
    wait_until(lambda: deleted(client))
    with jobs_run(plane) as ran:
        release("install", "navicert", CHART)
    assert ran == [["install-kinds", "--reports=policyreport"]]
    for path in (
        "clusterslsapolicies/starter",
        "trustroots/sigstore",
        "trustedbuilders/github-generator-container",
        "trustedbuilders/github-attestations",
        "trustedbuilders/gitlab",
    ):
        assert client.get(f"{API}/{path}")[0] == 200, path
    wait_until(lambda: client.get("/apis/wgpolicyk8s.io/v1alpha2/policyreports")[0] == 200)
    assert gone(client)


def test_upgrade_and_rollback_bring_the_kinds_to_their_version_first(
    plane: ControlPlane, client: Client, release: Callable[..., str]
) -> None:
    with jobs_run(plane) as ran:
        release("upgrade", "navicert", CHART, "--set", "reports=openreports")
        release("rollback", "navicert")
    assert ran == [["install-kinds", "--reports=openreports"], ["install-kinds", "--reports=policyreport"]]
    wait_until(lambda: client.get("/apis/openreports.io/v1alpha1/reports")[0] == 200)
    assert gone(client)


def deleted(client: Client) -> bool:
    """Whether no kind is left; deletes, once more, those that are."""
    left = client.get(DEFINITIONS)[1]["items"]
    for one in left:
        client.delete(f"{DEFINITIONS}/{one['metadata']['name']}")
    return not left


def gone(client: Client) -> bool:
    """Whether the Job went with the rights that it had."""
    return {client.get(path)[0] for path in (JOB, *RIGHTS)} == {404}
