"""`make bench`: what things cost, as ratios measured side by side in one run.

Absolute figures depend on the machine and who else is using it; the ratios hold. Nothing here passes or fails.
"""

import asyncio
import platform
import sys
from collections.abc import Iterable

import uvloop

from tests.bench import (
    candidates,
    compiling,
    deployments,
    gathering,
    judgement,
    memory,
    oracle,
    reviews,
    scanning,
    service,
    start,
    verification,
)
from tests.bench.interpreter import go_on_as_the_image_does
from tests.bench.measure import Cost, Ratio


def report(
    title: str,
    rows: Iterable[
        Ratio
        | Cost
        | compiling.Held
        | gathering.Figure
        | service.Row
        | scanning.Pass
        | memory.Memory
        | start.Start
        | deployments.Burst
    ],
) -> None:
    print(f"\n{title}")
    for row in rows:
        print(f"  {row}")


def main() -> None:
    print(f"Python {platform.python_version()} ({sys.executable}) on {platform.machine()}")
    report("Verification of one candidate", verification.measure())
    report("Verification of one bundle", oracle.measure())
    report("Judging one image", judgement.measure())
    report("Having policies in force", compiling.measure())
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        report("Gathering the evidence of one image", runner.run(gathering.measure()))
        report("Memory of what is gathered", runner.run(candidates.measure()))
        report("Reviews over TLS, one process", runner.run(reviews.measure()))
        report(f"The scan of {scanning.PODS:,} pods", runner.run(scanning.measure()))
        report("Warm reviews over kept TLS connections", runner.run(service.measure()))
        report("One process of the webhook", runner.run(memory.measure()))
    report("One process of the webhook until it is ready", start.measure())
    report("A Deployment through the real API server", deployments.measure())


if __name__ == "__main__":
    go_on_as_the_image_does("tests.bench.run")
    main()
