"""Warm reviews a second over TLS, beside the same server with an application that only echoes.

Warm: no registry is asked, as what it has to say was gathered before. Each measurement is a client process of its own;
rounds alternate between the two servers.
"""

import asyncio
import json
import os
import re
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from controller.demo.folder import DemoFolder
from controller.demo.reviews import Kind, render_review
from controller.demo.situations import FOREIGN_IMAGE
from controller.demo.webhook import Webhook, run_webhook
from tests.bench.load import Load
from tests.bench.manyimages import set_stage

ROUNDS, SECONDS = 3, 1.5
ATTESTED, FOREIGN, MANY = "an attested image", "an image of no policy", "1,000 attested images"
SIZES = {"6 KB": 6_000, "60 KB": 60_000}
ROWS = (
    *((ATTESTED, "6 KB", connections) for connections in (1, 32, 100)),
    (MANY, "6 KB", 32),
    (FOREIGN, "6 KB", 32),
    (ATTESTED, "60 KB", 32),
)
CPU_MILLISECONDS, RATE, P99_MILLISECONDS, OF_BARE = 0.4, 3500, 40, 0.5  # goals: any, 6 KB at 32, the same, 6 KB


@dataclass(frozen=True, kw_only=True)
class Row:
    """Images, size and number of connections: medians over the rounds, and how often the bare server's rate."""

    images: str
    size: str
    connections: int
    webhook: Load
    bare: Load
    ratio: float

    def __str__(self) -> str:
        return (
            f"{self.images:<21}, {self.size:>5}, {self.connections:>3} connections: {self.webhook.rate:7,.0f}/s,"
            f" p50 {self.webhook.p50:6.2f} ms, p99 {self.webhook.p99:6.2f} ms, {self.webhook.cpu:.2f} ms CPU each;"
            f" {self.ratio:.2f} x bare ({self.bare.rate:,.0f}/s, p99 {self.bare.p99:.2f} ms,"
            f" {self.bare.cpu:.2f} ms CPU){self._goals()}"
        )

    def _goals(self) -> str:
        """What was hoped for, and whether it is so on this machine and in this hour."""
        if self.size != "6 KB":
            return ""
        goals = {
            f"{OF_BARE} of bare": self.ratio >= OF_BARE,
            f"{CPU_MILLISECONDS} ms": self.webhook.cpu < CPU_MILLISECONDS,
        }
        if self.connections == 32:
            goals |= {
                f"{RATE}/s": self.webhook.rate > RATE,
                f"p99 {P99_MILLISECONDS} ms": self.webhook.p99 < P99_MILLISECONDS,
            }
        return "; " + ", ".join(f"{goal}: {'met' if met else 'MISSED'}" for goal, met in goals.items())


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        async with set_stage(DemoFolder(Path(folder))) as stage, _bare(stage.folder) as bare:
            images = {ATTESTED: stage.images[:1], FOREIGN: (FOREIGN_IMAGE,), MANY: stage.images}
            await _warm(stage.webhook, stage.images)
            return [
                await _measured(stage.webhook, bare, stage.folder.authority, (name, images[name]), size, connections)
                for name, size, connections in ROWS
            ]


async def _warm(webhook: Webhook, images: tuple[str, ...]) -> None:
    """Has each image looked at once, a few at a time."""
    left = iter(images)

    async def ask() -> None:
        for image in left:
            await webhook.ask(render_review(Kind.POD, "shop", {"app": image}), seconds=10)

    await asyncio.gather(*(ask() for _ in range(8)))


async def _measured(
    webhook: Webhook, bare: Webhook, authority: Path, images: tuple[str, tuple[str, ...]], size: str, connections: int
) -> Row:
    reviews = [padded(render_review(Kind.POD, "shop", {"app": image}), SIZES[size]) for image in images[1]]
    bodies = [json.dumps(review).encode() for review in reviews]
    await load(webhook, authority, connections, bodies)
    pairs = [
        (await load(webhook, authority, connections, bodies), await load(bare, authority, connections, bodies))
        for _ in range(ROUNDS)
    ]
    return Row(
        images=images[0],
        size=size,
        connections=connections,
        webhook=_median([one for one, _ in pairs]),
        bare=_median([one for _, one in pairs]),
        ratio=statistics.median(one.rate / base.rate for one, base in pairs),
    )


def padded(review: dict[str, Any], size: int) -> dict[str, Any]:
    """The review with an environment of the first container that makes it so many bytes large, about."""
    container = review["request"]["object"]["spec"]["containers"][0]
    entry = {"name": "SOME_VARIABLE", "value": "with a value of usual length"}
    missing = (size - len(json.dumps(review))) // (len(json.dumps(entry)) + 2)
    container["env"] = [entry | {"name": f"SOME_VARIABLE_{n}"} for n in range(max(0, missing))]
    return review


async def load(
    server: Webhook, authority: Path, connections: int, bodies: list[bytes], *, seconds: float = SECONDS
) -> Load:
    """What so many connections measure in a process of their own."""
    pid = listening_pid(server)
    before = cpu_seconds(pid)
    command = (sys.executable, "-m", "tests.bench.load", server.address, str(authority), str(connections), str(seconds))
    client = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await client.communicate(b"\n".join(bodies))
    measured = Load(**json.loads(printed))
    return replace(measured, cpu=(cpu_seconds(pid) - before) / measured.answers * 1000)


def cpu_seconds(pid: int) -> float:
    """What a process used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listening_pid(server: Webhook) -> int:
    """Whoever listens at the address: the processes of this bench are few."""
    port = int(server.address.rpartition(":")[2])
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and int(fields[1].partition(":")[2], 16) == port:
            return _owner(fields[9])
    raise AssertionError(f"nobody listens at {server.address}")


def _owner(inode: str) -> int:
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if re.fullmatch(rf"socket:\[{inode}\]", str(link.readlink())):
                return int(link.parts[2])
        except OSError:
            continue
    raise AssertionError("the listening process is another user's")


def _median(loads: list[Load]) -> Load:
    def of(value: Callable[[Load], float]) -> float:
        return statistics.median(value(one) for one in loads)

    middle = sorted(loads, key=lambda one: one.rate)[len(loads) // 2]
    return replace(middle, p50=of(lambda one: one.p50), p99=of(lambda one: one.p99), cpu=of(lambda one: one.cpu))


@asynccontextmanager
async def _bare(stage: DemoFolder) -> AsyncIterator[Webhook]:
    """The same server, TLS and client, and an application that only echoes."""
    with tempfile.TemporaryDirectory() as name:
        folder = DemoFolder(Path(name))
        for source, target in (
            (stage.authority, folder.authority),
            (stage.certificate, folder.certificate),
            (stage.key, folder.key),
        ):
            target.write_bytes(source.read_bytes())
        command = (sys.executable, "-m", "tests.bench.floor", str(folder.certificate), str(folder.key))
        async with run_webhook(command, folder) as bare:
            yield bare


def main() -> None:
    with asyncio.Runner() as runner:
        for row in runner.run(measure()):
            print(f"  {row}")


if __name__ == "__main__":
    main()
