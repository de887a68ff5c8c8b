"""A census of a large cluster keeps what pods look like, and none of the pods."""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from controller.core.image import Digest
from controller.engine.owners import Owners
from controller.engine.population import take_census
from controller.kube.client import PAGE_OBJECTS
from tests.support.running import pod, running

PODS, DIGESTS = 5_000, 500


class Page(list[dict[str, Any]]):
    """A list that tells whether it is still there."""


def image(number: int) -> str:
    return f"ghcr.io/acme/shop@{Digest.of(str(number % DIGESTS).encode())}"


async def nobody(_path: str) -> None:
    raise AssertionError("these pods have no owners")


@pytest.mark.case("AUD-011")
async def test_no_page_is_kept_beside_the_one_that_is_read() -> None:
    pages: list[weakref.ref[Page]] = []

    async def listed() -> AsyncIterator[Sequence[dict[str, Any]]]:
        for first in range(0, PODS, PAGE_OBJECTS):
            assert sum(page() is not None for page in pages) <= 1
            page = Page(running(pod(f"p{n}", image(n)), None) for n in range(first, first + PAGE_OBJECTS))
            pages.append(weakref.ref(page))
            yield page
            del page

    population = await take_census(listed(), owners=Owners(nobody), exempt=())
    assert len(pages) == PODS // PAGE_OBJECTS
    assert len(population.workloads) == PODS
    assert (
        len({one for workload in population.workloads for shape in workload.shapes for one in shape.images}) == DIGESTS
    )
