"""Pods that become Running without a kubelet: the real controller-manager and scheduler, and kwok for a node."""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self

from tests.support.controlplane import ADDRESS, ControlPlane
from tests.support.processes import Process, free_port, wait_until
from tests.support.tools import binary

NODE = "fake"
QPS, BURST = 1000, 2000  # the defaults, 20 and 50 a second, would be all that is measured
PODS = 1000
# Whatever has a node and no status of its own runs at once.
RUNS = """
{{ $now := Now }}
phase: Running
startTime: {{ $now | Quote }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: ContainersReady, status: "True", lastTransitionTime: {{ $now | Quote }}}
- {type: Ready, status: "True", lastTransitionTime: {{ $now | Quote }}}
containerStatuses:
{{ range .spec.containers }}
- name: {{ .name | Quote }}
  image: {{ .image | Quote }}
  imageID: ""
  ready: true
  restartCount: 0
  state: {running: {startedAt: {{ $now | Quote }}}}
{{ end }}
"""
# Pods are looked after only on a node that a stage was for.
READY = """
phase: Running
conditions:
- type: Ready
  status: "True"
  reason: Fake
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ Now | Quote }}
"""


CONTROLLERS = ("deployment-controller", "replicaset-controller", "serviceaccount-controller")


def run_controllers(plane: ControlPlane, *more: str) -> Process:
    """Those that make pods of Deployments, and more by name, beside a control plane whose folder they log to."""
    flags = (
        f"--kubeconfig={plane.admin_kubeconfig}",
        "--leader-elect=false",
        "--secure-port=0",
        f"--controllers={','.join((*CONTROLLERS, *more))}",
        f"--kube-api-qps={QPS}",
        f"--kube-api-burst={BURST}",
    )
    program = "kube-controller-manager"
    return Process([binary(program), *flags], log=plane.folder / f"{program}.log")


class FakeNode:
    """Runs beside a control plane, whose folder it writes to."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._processes: list[Process] = []
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        for process in self._processes:
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        kubeconfig = self._plane.admin_kubeconfig
        self._create_node()
        self._processes.append(run_controllers(self._plane))
        self._run("kube-scheduler", f"--config={self._scheduler(kubeconfig)}", "--secure-port=0")
        port = free_port()
        self._run(
            "kwok",
            f"--kubeconfig={kubeconfig}",
            "--manage-all-nodes=true",
            f"--node-ip={ADDRESS}",
            f"--server-address={ADDRESS}:{port}",
            f"--node-port={port}",
            f"--config={self._stages()}",
        )

    def _run(self, program: str, *flags: str) -> None:
        process = Process([binary(program), *flags], log=self._plane.folder / f"{program}.log")
        self._processes.append(process)

    def _create_node(self) -> None:
        client = self._plane.client()
        status, body = client.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        assert status == HTTPStatus.CREATED, body
        size = {"cpu": "1000", "memory": "1000Gi", "pods": str(PODS)}
        client.patch(f"/api/v1/nodes/{NODE}/status", {"status": {"allocatable": size, "capacity": size}})
        client.patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})
        wait_until(lambda: "taints" not in client.get(f"/api/v1/nodes/{NODE}")[1]["spec"])

    def _scheduler(self, kubeconfig: Path) -> Path:
        path = self._plane.folder / "scheduler.json"
        configuration = {
            "apiVersion": "kubescheduler.config.k8s.io/v1",
            "kind": "KubeSchedulerConfiguration",
            "clientConnection": {"kubeconfig": str(kubeconfig), "qps": QPS, "burst": BURST},
            "leaderElection": {"leaderElect": False},
        }
        path.write_text(json.dumps(configuration))
        return path

    def _stages(self) -> Path:
        waiting = {"key": ".status.startTime", "operator": "DoesNotExist"}
        stages = [
            _stage("Node", "ready", [{"key": ".status.phase", "operator": "DoesNotExist"}], {"statusTemplate": READY}),
            _stage("Pod", "runs", [waiting], {"statusTemplate": RUNS}),
        ]
        path = self._plane.folder / "stages.yaml"
        path.write_text("\n---\n".join(json.dumps(stage) for stage in stages))
        return path


def _stage(kind: str, name: str, when: list[dict[str, str]], then: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": f"{kind.lower()}-{name}"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": when},
            "next": then,
        },
    }
