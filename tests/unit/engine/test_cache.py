"""Evidence that is kept: bounded by bytes, and estimated honestly."""

from __future__ import annotations

import tracemalloc

import pytest

from controller.core.evidence import Evidence, Gap
from controller.core.image import Digest
from controller.core.reasons import Reason
from controller.engine.cache import EvidenceCache, Key
from controller.engine.look import Found
from controller.engine.weight import weigh
from tests.support.shelves import REPOSITORY

MIB = 1024 * 1024


def key(number: int) -> Key:
    return Key(
        repository=REPOSITORY,
        evidence_repository=None,
        digest=Digest.of(str(number).encode()),
        within=None,
        wanted=frozenset({"type"}),
        kept=frozenset(),
        roots="revision",
        windows=(0, 0),
        scope="",
    )


def found(size: int, *, gap: bool = False) -> Found:
    gaps = (Gap(reason=Reason.LimitExceeded, detail="x" * size),) if gap or size else ()
    evidence = Evidence(digest=Digest.of(b"image"), gaps=gaps)
    return Found(evidence=evidence, weight=weigh(evidence))


@pytest.mark.case("CACHE-010")
@pytest.mark.slow
def test_ten_thousand_digests_of_a_mebibyte_stay_within_the_bound() -> None:
    cache = EvidenceCache(max_bytes=64 * MIB, clock=lambda: 0.0)
    for number in range(10_000):
        cache.put(key(number), Found(evidence=found(0).evidence, weight=MIB))
    assert cache.counts.bytes <= 64 * MIB
    assert (cache.counts.entries, cache.counts.evicted) == (63, 10_000 - 63)


@pytest.mark.case("CACHE-010")
def test_what_is_in_memory_is_what_the_bound_says() -> None:
    cache = EvidenceCache(max_bytes=4 * MIB, clock=lambda: 0.0)
    tracemalloc.start()
    for number in range(500):
        cache.put(key(number), found(100_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 3 * MIB < peak < 5 * MIB


@pytest.mark.case("CACHE-010")
def test_the_least_recently_used_leaves_first() -> None:
    cache = EvidenceCache(max_bytes=3 * MIB, clock=lambda: 0.0)
    for number in (1, 2):
        cache.put(key(number), found(MIB))
    assert cache.get(key(1), max_age=1)
    cache.put(key(3), found(MIB))
    assert [cache.get(key(number), max_age=1) is not None for number in (1, 2, 3)] == [True, False, True]


def test_what_is_larger_than_the_cache_is_not_kept_and_drives_nothing_out() -> None:
    cache = EvidenceCache(max_bytes=MIB, clock=lambda: 0.0)
    cache.put(key(1), found(0))
    cache.put(key(2), found(2 * MIB))
    assert (cache.counts.entries, cache.counts.evicted) == (1, 0)
    assert cache.get(key(2), max_age=1) is None


def test_what_is_put_again_counts_once() -> None:
    cache = EvidenceCache(max_bytes=MIB, clock=lambda: 0.0)
    cache.put(key(1), found(0))
    once = cache.counts.bytes
    cache.put(key(1), found(0))
    assert (cache.counts.bytes, cache.counts.entries) == (once, 1)
