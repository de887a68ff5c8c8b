"""What one process takes: resident memory when idle and scraped, and after so many warm reviews."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from controller.demo.folder import DemoFolder
from controller.demo.reviews import Kind, render_review
from controller.demo.webhook import Webhook
from tests.bench.manyimages import set_stage
from tests.bench.service import listening_pid, load, padded
from tests.bench.start import compiled, usual

CONNECTIONS, SECONDS, WARM, POLICIES = 32, 8.0, 100, 20
MARKS = (10_000, 100_000, 200_000)
# Goals. Python and malloc fill up what they once took, for some hundred thousand reviews: a leak of 32 bytes a review
# would show in the last stretch.
IDLE_MIB, LOADED_MIB, GROWTH_MIB = 90, 150, 3
SETTLED_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What is resident after so many reviews, in MiB, and what of it came since the mark before."""

    reviews: int
    resident: float
    grown: float
    goal: float

    def __str__(self) -> str:
        met = "met" if self.resident < self.goal else "MISSED"
        told = f"after {self.reviews:>7,} reviews {self.resident:6.1f} MiB resident, goal under {self.goal:.0f}: {met}"
        if self.reviews < MARKS[-1]:
            return told
        level = "met" if self.grown < GROWTH_MIB else "MISSED"
        return f"{told}; {self.grown:+.1f} MiB since the mark before, goal under {GROWTH_MIB}: {level}"


async def measure() -> list[Memory]:
    with tempfile.TemporaryDirectory() as folder, compiled(Path(folder) / "compiled"):
        (stage := Path(folder) / "stage").mkdir()
        return [one async for one in _marks(DemoFolder(stage))]


async def _marks(folder: DemoFolder) -> AsyncIterator[Memory]:
    async with set_stage(folder, images=WARM, besides=map(usual, range(POLICIES))) as stage:
        reviews = [padded(render_review(Kind.POD, "shop", {"app": image}), 6000) for image in stage.images]
        bodies, pid, answered = [json.dumps(review).encode() for review in reviews], listening_pid(stage.webhook), 0
        await asyncio.to_thread(_scrape, stage.webhook)  # a replica that nobody scrapes would take less
        await asyncio.sleep(SETTLED_SECONDS)
        last = _resident(pid)
        yield Memory(reviews=answered, resident=last, grown=0, goal=IDLE_MIB)
        for mark in MARKS:
            while answered < mark:
                answered += (await load(stage.webhook, folder.authority, CONNECTIONS, bodies, seconds=SECONDS)).answers
            now = _resident(pid)
            yield Memory(reviews=answered, resident=now, grown=now - last, goal=LOADED_MIB)
            last = now


def _scrape(webhook: Webhook) -> None:
    with urllib.request.urlopen(f"http://{webhook.status}/metrics") as answer:
        answer.read()


def _resident(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def main() -> None:
    with asyncio.Runner() as runner:
        for row in runner.run(measure()):
            sys.stdout.write(f"  {row}\n")


if __name__ == "__main__":
    main()
