"""Reviews a second of the real webhook over TLS, beside a server of the same make that admits everything unread.

The registry is the demo's, in this process, on the same cores: what an attested image costs includes its work.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from controller.demo.folder import DemoFolder
from controller.demo.reviews import Kind, render_review
from controller.demo.run import Stage, set_stage
from controller.demo.situations import FOREIGN_IMAGE
from controller.demo.webhook import Webhook, run_webhook
from tests.bench.measure import Ratio, ratio

ROUNDS, SECONDS = 5, 1.0


async def measure() -> list[Ratio]:
    with tempfile.TemporaryDirectory() as folder:
        async with set_stage(DemoFolder(Path(folder))) as stage, _admit_all(stage) as floor:
            reviews = {
                "an image that no policy is about": FOREIGN_IMAGE,
                "an attested image, gathered anew each time": stage.reference("attested"),
            }
            return [
                await _measured(f"{name}, {clients} at a time", stage.webhook, floor, image, clients)
                for name, image in reviews.items()
                for clients in (1, 16)
            ]


async def _measured(name: str, webhook: Webhook, floor: Webhook, image: str, clients: int) -> Ratio:
    review = render_review(Kind.POD, "shop", {"app": image})
    await _reviews_a_second(webhook, review, clients)
    pairs = [
        (await _reviews_a_second(webhook, review, clients), await _reviews_a_second(floor, review, clients))
        for _ in range(ROUNDS)
    ]
    return ratio(name, "/s", "admit-all", pairs)


async def _reviews_a_second(webhook: Webhook, review: dict[str, Any], clients: int) -> float:
    started = time.perf_counter()
    answered = 0

    async def client() -> None:
        nonlocal answered
        while time.perf_counter() - started < SECONDS:
            response = await webhook.ask(review, seconds=10)
            if not response["allowed"]:
                raise AssertionError("the benchmark must measure what is admitted")
            answered += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return answered / (time.perf_counter() - started)


@asynccontextmanager
async def _admit_all(stage: Stage) -> AsyncIterator[Webhook]:
    """The floor: the same server, TLS and client; an answer that reads nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = _same_identity(stage.folder, Path(name))
        command = (sys.executable, "-m", "tests.bench.floor", str(folder.certificate), str(folder.key))
        async with run_webhook(command, folder) as floor:
            yield floor


def _same_identity(origin: DemoFolder, root: Path) -> DemoFolder:
    folder = DemoFolder(root)
    for source, target in (
        (origin.authority, folder.authority),
        (origin.certificate, folder.certificate),
        (origin.key, folder.key),
    ):
        target.write_bytes(source.read_bytes())
    return folder
