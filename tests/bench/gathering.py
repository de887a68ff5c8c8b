"""What gathering costs: requests, round trips and CPU, from a registry that is as far away as told."""

from __future__ import annotations

import asyncio
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from controller.core.evidence import Evidence
from controller.core.image import Digest, ImageReference, Repository
from controller.core.predicates import PROVENANCE
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.gathering import Gather, GatherRequest
from controller.registry.client import RegistryClient
from controller.wire.registries import parse_registries
from tests.bench.measure import Ratio, ratio
from tests.support.foundry import Foundry
from tests.support.shelf import Shelf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROUNDS = 7
TRIP = 0.02
TRIPS = {".att": 2, "bundle": 3}  # one after another, goals; one more by tag
GATHER_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One thing that was counted or timed."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name:<52} {self.value}"


class Bench:
    """A distant registry, and what reviews of one process gather from it."""

    def __init__(self, host: str, foundry: Foundry, session: aiohttp.ClientSession) -> None:
        self._host = host
        self._foundry = foundry
        self._session = session
        self._images = 0
        self.gather: Gather  # of the gatherer that is open

    async def steer(self, order: str) -> dict[str, int]:
        async with self._session.get(f"http://{self._host}/-/{order}") as answer:
            found: dict[str, int] = json.loads(await answer.read())
            return found

    async def trip(self) -> float:
        """Seconds of one bare GET."""
        started = time.perf_counter()
        async with self._session.get(f"http://{self._host}/v2/acme/app/manifests/v1") as answer:
            await answer.read()
        return time.perf_counter() - started

    def repository(self) -> Repository:
        """One that nobody asked about before; all hold the same."""
        self._images += 1
        return Repository.parse(f"{self._host}/acme/app-{self._images}")

    async def look(
        self, digest: Digest | None, repository: Repository | None = None, *, statements: int | None = 1
    ) -> float:
        """Seconds until the evidence is there."""
        started = time.perf_counter()
        evidence = await self.evidence(digest, repository or self.repository())
        if statements is not None and (len(evidence.statements), bool(evidence.gaps)) != (statements, False):
            raise AssertionError("the benchmark must measure what verifies")
        return time.perf_counter() - started

    async def evidence(self, digest: Digest | None, repository: Repository) -> Evidence:
        tag = None if digest else "v1"
        return await self.gather(
            GatherRequest(
                reference=ImageReference(repository=repository, tag=tag, digest=digest),
                wanted=PROVENANCE,
                roots=self._foundry.roots,
                now=NOW,
                deadline=asyncio.get_running_loop().time() + GATHER_SECONDS,
            )
        )


@asynccontextmanager
async def bench_of(shelf: Shelf, foundry: Foundry) -> AsyncIterator[Bench]:
    with _serving(pickle.dumps(shelf.pages)) as host:
        async with _client(host, foundry) as bench:
            yield bench


@contextmanager
def _serving(pages: bytes) -> Iterator[str]:
    """The registry in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "port"
        command = (sys.executable, "-m", "tests.bench.distant", str(port))
        with subprocess.Popen(command, stdin=subprocess.PIPE) as server:
            assert server.stdin is not None
            server.stdin.write(pages)
            server.stdin.close()
            while not port.exists():
                time.sleep(0.05)
            try:
                yield f"127.0.0.1:{port.read_text()}"
            finally:
                server.terminate()


@asynccontextmanager
async def _client(host: str, foundry: Foundry) -> AsyncIterator[Bench]:
    registries = parse_registries([{"host": host, "plainHTTP": True}])
    clock = asyncio.get_running_loop().time
    with ThreadPoolExecutor(2) as executor:
        async with (
            aiohttp.ClientSession() as session,
            RegistryClient(registries, named_hosts=frozenset) as client,
            CachingGatherer(Gatherer(registry=client, executor=executor), clock=clock) as gather,
        ):
            bench = Bench(host, foundry, session)
            bench.gather = gather
            yield bench


def _attested(foundry: Foundry, way: str) -> Shelf:
    shelf = Shelf()
    payload = foundry.provenance(shelf.subject)
    if way == ".att":
        shelf.put_tagged(".att", foundry.envelope_layer(payload))
    else:
        shelf.list_referrers(shelf.put_bundle(foundry.bundle_layer(payload)))
    return shelf


async def measure() -> list[Ratio | Figure]:
    foundry = Foundry()
    rows: list[Ratio | Figure] = []
    for way in (".att", "bundle"):
        shelf = _attested(foundry, way)
        async with bench_of(shelf, foundry) as bench:
            rows += await _cold(bench, shelf.subject, way)
            if way == "bundle":
                rows += await _many(bench, shelf.subject)
                rows += await _failing(bench, shelf.subject)
                rows += [await _cpu(bench, shelf.subject)]
    return rows


async def _cold(bench: Bench, digest: Digest, way: str) -> list[Ratio | Figure]:
    rows: list[Ratio | Figure] = []
    for name, reference in ((f"cold image, {way}", digest), (f"cold image, {way}, by tag", None)):
        await bench.look(reference)  # opens connections
        await bench.steer(f"delay/{TRIP}")
        await bench.steer("counts")
        await bench.look(reference)
        (trips,) = (await bench.steer("trips")).values()
        requests = sum((await bench.steer("counts")).values())
        most = TRIPS[way] + (reference is None)
        met = "met" if trips <= most else "MISSED"
        told = f"{requests}, {trips} one after another, goal at most {most}: {met}"
        rows.append(Figure(name=f"{name}: requests", value=told))
        for delay in (0.0, TRIP):
            await bench.steer(f"delay/{delay}")
            pairs = [(await bench.look(reference) * 1e3, await bench.trip() * 1e3) for _ in range(ROUNDS)]
            rows.append(ratio(f"{name}, {delay * 1e3:.0f} ms away", "ms", "one GET", pairs))
        await bench.steer("delay/0")
    return rows


async def _many(bench: Bench, digest: Digest) -> list[Ratio | Figure]:
    await bench.steer(f"delay/{TRIP}")
    await bench.steer("counts")
    repository = bench.repository()
    seconds = await _at_once(200, lambda: bench.look(digest, repository))
    counts = await bench.steer("counts")
    told = f"{seconds * 1e3:.0f} ms, {sum(counts.values())} requests, each object {max(counts.values())} time(s)"
    rows: list[Ratio | Figure] = [Figure(name="200 reviews of one new image, 20 ms away", value=told)]
    pairs = [(await _at_once(64, lambda: bench.look(digest)) * 1e3, await bench.look(digest) * 1e3) for _ in range(3)]
    rows.append(ratio("64 new images at once, 20 ms away", "ms", "one of them", pairs))
    await bench.steer("delay/0")
    return rows


async def _failing(bench: Bench, digest: Digest) -> list[Ratio | Figure]:
    await bench.steer("status/503")
    await bench.steer("counts")
    repository = bench.repository()
    seconds = await _at_once(50, lambda: bench.look(digest, repository, statements=None))
    counts = await bench.steer("counts")
    await bench.steer("status/0")
    told = f"{seconds * 1e3:.0f} ms, {sum(counts.values())} requests, each object {max(counts.values())} time(s)"
    return [Figure(name="50 reviews while the registry answers 503", value=told)]


async def _cpu(bench: Bench, digest: Digest) -> Ratio:
    """CPU of this process, verification included, by request: the registry runs in another process."""
    pairs = []
    for _ in range(ROUNDS):
        await bench.steer("counts")
        started = time.process_time()
        for _ in range(40):
            await bench.look(digest)
        spent = time.process_time() - started
        requests = sum((await bench.steer("counts")).values())
        started = time.process_time()
        for _ in range(240):
            await bench.trip()
        pairs.append((spent / requests * 1e6, (time.process_time() - started) / 240 * 1e6))
    return ratio("CPU for each request of a cold image", "us", "one GET", pairs)


async def _at_once(count: int, work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(count)))
    return time.perf_counter() - started
