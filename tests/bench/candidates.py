"""What the candidates of images take of this process's memory, up to the bounds of one image and over them."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from controller.core.evidence import Evidence
from controller.engine.budget import MAX_FETCHED_BYTES
from controller.registry.client import MAX_BLOB_BYTES
from controller.registry.discovery import MAX_FETCHED
from tests.bench.gathering import Figure, bench_of
from tests.support.foundry import BUNDLE_V03, Foundry, Layer
from tests.support.shelf import Json, Shelf

MIB = 1024 * 1024
MANIFEST_BYTES = 1024  # more than the manifest of one candidate here takes
LEAST_BYTES = 22  # of one candidate here


async def measure() -> list[Figure]:
    foundry = Foundry()
    rows: list[Figure] = []
    rows += [await _memory("256 candidates of 10 KiB", foundry, [10_000] * MAX_FETCHED, Left(refused=MAX_FETCHED))]
    most = _most()
    rows += [await _memory("128 MiB of candidates, to the byte", foundry, most, Left(refused=len(most)))]
    over = Left(refused=len(most), told=f"the candidates are larger than {MAX_FETCHED_BYTES} bytes in all")
    rows += [await _memory("128 MiB of candidates, and one more", foundry, [*most, LEAST_BYTES], over)]
    rows += [await _memory("32 images with 128 MiB each", foundry, most, Left(), images=32)]
    return rows


@dataclass(frozen=True, kw_only=True)
class Left:
    """What must be there afterwards: so many candidates that were read and prove nothing, and the bound that was hit.
    None: whatever there was time for."""

    refused: int | None = None
    told: str | None = None

    def require(self, evidence: Evidence) -> None:
        gaps = {gap.detail for gap in evidence.gaps}
        if self.refused is not None and (len(evidence.refused), gaps) != (self.refused, {self.told} - {None}):
            raise AssertionError(f"{len(evidence.refused)} candidates were read, and {gaps} told")


def _most() -> list[int]:
    """Sizes of candidates that with their manifests are as much as one image's may be in all, to the byte."""
    sizes = [MAX_BLOB_BYTES] * (MAX_FETCHED_BYTES // MAX_BLOB_BYTES)
    rest = MAX_FETCHED_BYTES - sum(sizes) - MANIFEST_BYTES * (len(sizes) + 1)
    manifests = sum(entry["size"] for entry in _listed(Shelf(), [*sizes, rest]))
    return [*sizes, MAX_FETCHED_BYTES - sum(sizes) - manifests]


def _listed(shelf: Shelf, sizes: Sequence[int]) -> list[Json]:
    """Nothing of what they hold verifies, so each is read."""
    contents = (b'{"filler":"%09d' % number + b" " * (size - LEAST_BYTES) + b'"}' for number, size in enumerate(sizes))
    return [shelf.put_bundle(Layer(media_type=BUNDLE_V03, content=content)) for content in contents]


async def _memory(name: str, foundry: Foundry, sizes: Sequence[int], left: Left, *, images: int = 1) -> Figure:
    """How far the resident set of this process rises."""
    shelf = Shelf()
    shelf.list_referrers(*_listed(shelf, sizes))
    digest = shelf.subject
    async with bench_of(shelf, foundry) as bench:
        shelf.pages.clear()

        async def gathered() -> None:
            left.require(await bench.evidence(digest, bench.repository()))

        before = _peak_from_now()
        started = time.perf_counter()
        await asyncio.gather(*(gathered() for _ in range(images)))
        seconds = time.perf_counter() - started
        return Figure(name=f"memory, {name}", value=f"{(_peak() - before) / MIB:.0f} MiB more, {seconds:.1f} s")


def _peak_from_now() -> int:
    """Forget the peak so far (proc(5), clear_refs), and give back what was taken for it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """The largest resident set, in bytes (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
