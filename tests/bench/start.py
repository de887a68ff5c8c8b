"""From the start of the webhook's process until /readyz is 200, with policies from files and from a real API server."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.cli.files import read_policies
from controller.cli.known import from_objects
from tests.bench.manyimages import NAMESPACE
from tests.bench.service import cpu_seconds
from tests.support import objects
from tests.support.cluster import apply, install_kinds, service_account
from tests.support.controlplane import ControlPlane
from tests.support.processes import POLL_SECONDS, wait_until
from tests.support.webhook import Webhook

POLICIES = (20, 1000)
STARTS = 5
READY_SECONDS = 1.0  # goal


@dataclass(frozen=True, kw_only=True)
class Start:
    """From the start of the process until /readyz is 200, in seconds: the least and the middle of several.

    `cpu` is what of that the process itself used: what it takes on a machine that nobody else uses.
    """

    policies: int
    source: str
    least: float
    middle: float
    cpu: float

    def __str__(self) -> str:
        met = "met" if self.middle < READY_SECONDS else "MISSED"
        return (
            f"ready with {self.policies:>5,} policies of {self.source} in {self.middle:.2f} s (the fastest of {STARTS}:"
            f" {self.least:.2f} s, {self.cpu:.2f} s of CPU), goal under {READY_SECONDS:.0f} s: {met}"
        )


def measure() -> Iterator[Start]:
    """A kubeconfig takes a library that a pod does without, a quarter of a second of it: said, and not taken off."""
    with tempfile.TemporaryDirectory() as name, compiled(Path(name) / "compiled"):
        for number in POLICIES:
            written = _written(Path(name) / f"policies-{number}", number)
            yield _start(number, "files", Path(name) / f"files-{number}", "--policies", written)
        with ControlPlane(Path(name) / "plane") as plane:
            install_kinds(plane.client())
            account, made = service_account(plane), 0
            for number in POLICIES:
                for one in range(made, number):
                    apply(plane.client(), usual(one))
                made = number
                yield _start(number, "a cluster", Path(name) / f"cluster-{number}", "--kubeconfig", account)


def usual(number: int) -> objects.Document:
    """One that compiles patterns, and an expression of its own."""
    condition = {"name": "few", "expression": f"size(provenance.dependencies) < {number + 100}"}
    images = [f"registry-{number}.example/team/*"]
    require = {"buildLevel": 3, "build": {"conditions": [condition]}}
    return objects.policy(f"policy-{number}", match={"images": images}, require=require)


@contextmanager
def compiled(folder: Path) -> Iterator[None]:
    """Meanwhile processes find their modules compiled, as in the image, once one of them has compiled them."""
    settings = {name: os.environ.pop(name, None) for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    try:
        yield
    finally:
        del os.environ["PYTHONPYCACHEPREFIX"]
        os.environ.update({name: value for name, value in settings.items() if value is not None})


def _written(folder: Path, policies: int) -> Path:
    folder.mkdir()
    (folder / "namespace.json").write_text(json.dumps(NAMESPACE))
    for number in range(policies):
        (folder / f"{number}.json").write_text(json.dumps(usual(number)))
    snapshot = from_objects(read_policies(folder)).store.current()
    if snapshot is None or snapshot.problems:
        raise AssertionError("the benchmark must measure policies that compile")
    return folder


def _start(policies: int, source: str, folder: Path, *arguments: str | Path) -> Start:
    _started(folder / "first", *arguments)
    starts = sorted(_started(folder / f"start-{number}", *arguments) for number in range(STARTS))
    least, middle, cpu = starts[0][0], starts[STARTS // 2][0], min(used for _, used in starts)
    return Start(policies=policies, source=source, least=least, middle=middle, cpu=cpu)


def _started(folder: Path, *arguments: str | Path) -> tuple[float, float]:
    """The seconds that passed, and of CPU that it used, until it was ready. Asking takes up to POLL_SECONDS."""
    started = time.monotonic()
    with Webhook(folder, *arguments) as webhook:
        wait_until(lambda: webhook.ask_status("/readyz")[0] == 200)
        return time.monotonic() - started - POLL_SECONDS / 2, cpu_seconds(webhook.process.pid)


def main() -> None:
    for row in measure():
        sys.stdout.write(f"  {row}\n")


if __name__ == "__main__":
    main()
