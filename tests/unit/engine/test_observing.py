"""What is counted of calls to registries, and that nobody can make series by naming hosts."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Self

import pytest

from controller.core.errors import NavicertError, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.engine.observing import KnownHosts, ObservedRegistry
from controller.engine.policies import PolicyStore
from controller.registry.client import Deadline, Fetched
from controller.wire.policy import KINDS
from tests.support import objects

CONTENT = Digest.of(b"content")


class Answering:
    def __init__(self, error: NavicertError | None = None, *, pages: int = 2) -> None:
        self._error, self._pages = error, pages
        self.held = False

    def within(self, _deadline: Deadline) -> Self:
        return self

    async def manifest(self, _repository: Repository, reference: Digest | str) -> Fetched | None:
        if self._error is not None:
            raise self._error
        return None if reference == "absent" else page()

    async def blob(self, *_asked: object) -> bytes:
        return b"content"

    async def referrers(self, *_asked: object) -> AsyncGenerator[Fetched, None]:
        if self.held:
            await asyncio.Event().wait()
        for _ in range(self._pages):
            yield page()
        if self._error is not None:
            raise self._error


def page() -> Fetched:
    return Fetched(content=b"content", content_type="", digest=CONTENT)


def observed(registry: Answering) -> tuple[ObservedRegistry, Counter[tuple[str, str]]]:
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [])
    store.apply(objects.policy(match={"images": ["ghcr.io/acme/*", "*.example/**"]}))
    store.apply(objects.policy("own", namespace="shop", match={"images": ["tenant.example/*"]}))
    counted: Counter[tuple[str, str]] = Counter()
    hosts = KnownHosts(frozenset({"registry.internal:5000"}), store.current)
    return ObservedRegistry(registry, hosts=hosts, count=lambda *pair: counted.update([pair])), counted


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("ghcr.io", "ghcr.io"),
        ("registry.internal:5000", "registry.internal:5000"),
        ("tenant.example", "other"),
        ("quay.io", "other"),
    ],
)
async def test_only_hosts_that_administrators_name_have_a_series(host: str, shown: str) -> None:
    registry, counted = observed(Answering())
    await registry.manifest(Repository(host, "acme/shop"), "v1")
    assert counted == {(shown, "200"): 1}


async def test_a_list_that_nobody_waits_for_any_more_is_not_told_to_be_absent() -> None:
    answering = Answering()
    answering.held = True
    registry, counted = observed(answering)
    asking = asyncio.create_task(anext(registry.referrers(Repository("ghcr.io", "acme/shop"), CONTENT)))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert counted == {("ghcr.io", "abandoned"): 1}


async def test_absence_is_no_error_and_errors_stay_what_they_are() -> None:
    repository = Repository("ghcr.io", "acme/shop")
    registry, counted = observed(Answering())
    assert await registry.manifest(repository, "absent") is None
    for error in (RegistryDenied("no"), RegistryUnavailable("down")):
        failing, errors = observed(Answering(error))
        with pytest.raises(type(error)):
            await failing.manifest(repository, "v1")
        counted += errors
    assert counted == {("ghcr.io", "404"): 1, ("ghcr.io", "denied"): 1, ("ghcr.io", "unavailable"): 1}


@pytest.mark.parametrize(
    ("registry", "code"),
    [
        (Answering(), "200"),
        (Answering(pages=0), "404"),
        (Answering(RegistryUnavailable("down")), "unavailable"),
    ],
    ids=["pages", "no list", "breaks off"],
)
async def test_a_list_counts_once_however_many_pages_it_has(registry: Answering, code: str) -> None:
    watched, counted = observed(registry)
    try:
        async for _ in watched.referrers(Repository("ghcr.io", "acme/shop"), CONTENT):
            pass
    except RegistryUnavailable:
        assert code == "unavailable"
    assert counted == {("ghcr.io", code): 1}
