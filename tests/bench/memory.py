"""What one process takes: resident memory when idle and after so many warm reviews, and its time to be ready."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.demo.folder import DemoFolder
from controller.demo.reviews import Kind, render_review
from tests.bench.manyimages import NAMESPACE, set_stage
from tests.bench.service import cpu_seconds, listening_pid, load, padded
from tests.support import objects
from tests.support.processes import wait_until
from tests.support.webhook import Webhook

CONNECTIONS, SECONDS, WARM = 32, 8.0, 100
MARKS = (10_000, 100_000)
POLICIES = (20, 1000)
STARTS = 5
IDLE_MIB, LOADED_MIB, READY_SECONDS = 90, 150, 1.0  # goals
SETTLED_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is resident after so many reviews, in MiB."""

    reviews: int
    resident: float
    goal: float

    def __str__(self) -> str:
        met = "met" if self.resident < self.goal else "MISSED"
        return f"after {self.reviews:>7,} reviews {self.resident:6.1f} MiB resident, goal under {self.goal:.0f}: {met}"


@dataclass(frozen=True, kw_only=True)
class Start:
    """From the start of the process until /readyz is 200, in seconds: the least and the middle of several.

    `cpu` is what of that the process itself used: what it takes on a machine that nobody else uses.
    """

    policies: int
    least: float
    middle: float
    cpu: float

    def __str__(self) -> str:
        met = "met" if self.middle < READY_SECONDS else "MISSED"
        return (
            f"ready with {self.policies:>5,} policies in {self.middle:.2f} s (the fastest of {STARTS}:"
            f" {self.least:.2f} s, {self.cpu:.2f} s of CPU), goal under {READY_SECONDS:.0f} s: {met}"
        )


async def measure() -> list[Memory | Start]:
    with tempfile.TemporaryDirectory() as folder, _compiled(Path(folder) / "compiled"):
        starts = [await asyncio.to_thread(_start, number, Path(folder) / str(number)) for number in POLICIES]
        (stage := Path(folder) / "stage").mkdir()
        return [*starts, *[one async for one in _marks(DemoFolder(stage))]]


@contextmanager
def _compiled(folder: Path) -> Iterator[None]:
    """Meanwhile processes find their modules compiled, as in the image, once one of them has compiled them."""
    settings = {name: os.environ.pop(name, None) for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX")}
    os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
    try:
        yield
    finally:
        del os.environ["PYTHONPYCACHEPREFIX"]
        os.environ.update({name: value for name, value in settings.items() if value is not None})


async def _marks(folder: DemoFolder) -> AsyncIterator[Memory]:
    async with set_stage(folder, images=WARM, besides=map(_policy, range(POLICIES[0]))) as stage:
        reviews = [padded(render_review(Kind.POD, "shop", {"app": image}), 6000) for image in stage.images]
        bodies, pid, answered = [json.dumps(review).encode() for review in reviews], listening_pid(stage.webhook), 0
        await asyncio.sleep(SETTLED_SECONDS)
        yield Memory(reviews=answered, resident=_resident(pid), goal=IDLE_MIB)
        for mark in MARKS:
            while answered < mark:
                answered += (await load(stage.webhook, folder.authority, CONNECTIONS, bodies, seconds=SECONDS)).answers
            yield Memory(reviews=answered, resident=_resident(pid), goal=LOADED_MIB)


def _start(policies: int, folder: Path) -> Start:
    """Of files: what a cluster takes to list them is its own affair."""
    written = folder / "policies"
    written.mkdir(parents=True)
    (written / "namespace.json").write_text(json.dumps(NAMESPACE))
    for number in range(policies):
        (written / f"{number}.json").write_text(json.dumps(_policy(number)))
    _started(folder / "first", written)
    starts = sorted(_started(folder / f"start-{number}", written) for number in range(STARTS))
    least, middle, cpu = starts[0][0], starts[STARTS // 2][0], min(used for _, used in starts)
    return Start(policies=policies, least=least, middle=middle, cpu=cpu)


def _started(folder: Path, policies: Path) -> tuple[float, float]:
    """The seconds that passed, and of CPU that it used, until it was ready."""
    started = time.monotonic()
    with Webhook(folder, "--policies", policies) as webhook:
        wait_until(lambda: webhook.ask_status("/readyz")[0] == 200)
        return time.monotonic() - started, cpu_seconds(webhook.process.pid)


def _policy(number: int) -> objects.Document:
    """One that compiles patterns, and an expression."""
    condition = {"name": "no-debug", "expression": "!has(provenance.debug)"}
    images = [f"registry-{number}.example/team/*"]
    require = {"buildLevel": 3, "build": {"conditions": [condition]}}
    return objects.policy(f"policy-{number}", match={"images": images}, require=require)


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    with asyncio.Runner() as runner:
        for row in runner.run(measure()):
            sys.stdout.write(f"  {row}\n")


if __name__ == "__main__":
    main()
