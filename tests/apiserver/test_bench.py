"""The control plane the other tests stand on: real, separate, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.controlplane import Client, ControlPlane
from tests.support.processes import Process, ProcessFailed, free_port, wait_until
from tests.support.tools import Helm

ROOT = Path(__file__).resolve().parent.parent.parent
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web"},
    "spec": {"containers": [{"name": "web", "image": "registry.example/web"}]},
}
STARTS_A_CHILD_AND_DIES = """
import os, signal, sys
from pathlib import Path
from tests.support.processes import Process
print(Process(["/bin/sh", "-c", "sleep 600 & wait"], log=Path(sys.argv[1])).pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def group_is_gone(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_pod_is_stored(controlplane: ControlPlane) -> None:
    controlplane.create_namespace("stored")
    client = controlplane.client()
    assert client.create("/api/v1/namespaces/stored/pods", POD)[0] == 201
    status, pod = client.get("/api/v1/namespaces/stored/pods/web")
    assert (status, pod["spec"]["serviceAccountName"]) == (200, "default")
    assert client.patch("/api/v1/namespaces/stored/pods/web", {"metadata": {"labels": {"a": "b"}}})[0] == 200
    assert client.delete("/api/v1/namespaces/stored/pods/web?gracePeriodSeconds=0")[0] == 200


def test_the_server_knows_its_version(controlplane: ControlPlane) -> None:
    assert controlplane.client().get("/version")[1]["gitVersion"].startswith("v1.")


def test_an_account_without_a_role_is_refused(controlplane: ControlPlane) -> None:
    controlplane.create_namespace("refused")
    controlplane.create_service_account("refused", "nobody")
    nobody = Client(controlplane.service_account("refused", "nobody"))
    status, answer = nobody.get("/api/v1/namespaces/refused/pods")
    assert (status, answer["reason"]) == (403, "Forbidden")
    assert "system:serviceaccount:refused:nobody" in answer["message"]


def test_a_token_for_nobody_is_an_error(controlplane: ControlPlane) -> None:
    with pytest.raises(KeyError, match="404"):
        controlplane.service_account("default", "absent")


def test_helm_acts_as_the_account_of_its_kubeconfig(controlplane: ControlPlane, helm: Helm, tmp_path: Path) -> None:
    assert helm.run("list", "--all-namespaces", "--short") == ""
    kubeconfig = controlplane.service_account_kubeconfig("default", "default")
    with pytest.raises(subprocess.CalledProcessError) as refusal:
        Helm(tmp_path, kubeconfig).run("list", "--all-namespaces")
    assert "system:serviceaccount:default:default" in refusal.value.__notes__[0]


@pytest.mark.slow
def test_two_run_at_once_and_share_nothing(new_controlplane: Callable[[], ControlPlane]) -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = (started.result() for started in [pool.submit(new_controlplane) for _ in range(2)])
    one.create_namespace("only-here")
    assert one.client().get("/api/v1/namespaces/only-here")[0] == 200
    assert two.client().get("/api/v1/namespaces/only-here")[0] == 404


@pytest.mark.slow
def test_stop_leaves_no_process(new_controlplane: Callable[[], ControlPlane]) -> None:
    private = new_controlplane()
    private.stop()
    assert len(private.pids) == 2
    assert all(group_is_gone(pid) for pid in private.pids)


def test_children_die_with_a_killed_test_process(tmp_path: Path) -> None:
    starter = subprocess.run(
        [sys.executable, "-c", STARTS_A_CHILD_AND_DIES, tmp_path / "log"], cwd=ROOT, stdout=subprocess.PIPE, check=False
    )
    assert starter.returncode == -signal.SIGKILL
    wait_until(lambda: group_is_gone(int(starter.stdout)))


def test_a_child_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    child = Process(["/bin/sh", "-c", "echo out of luck; exit 3"], log=tmp_path / "log")
    with pytest.raises(ProcessFailed, match="ended with 3\nout of luck"):
        child.wait_ready(lambda: False)


def test_terminate_returns_the_exit_status(tmp_path: Path) -> None:
    script = "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"
    with Process(["/bin/sh", "-c", script], log=tmp_path / "log") as child:
        child.wait_ready(lambda: "up" in child.output())
        assert child.terminate() == 7
    assert not child.running


def test_no_port_is_given_out_twice() -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50
