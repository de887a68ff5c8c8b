"""The proxy of the tests breaks what it is told to, and nothing else: else the matrix would prove nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.faultproxy import Call, FaultProxy
from tests.support.proxyfaults import OPEN_ENDED, SLOW, Fault
from tests.support.registries import ACCEPT, Pushed, Registry

HEX = "0" * 64
PATIENT, HURRIED = aiohttp.ClientTimeout(total=60.0), aiohttp.ClientTimeout(total=1.5, sock_read=0.5)
HELD_TURNS = 50  # of 10 ms


@pytest.fixture
async def proxy(referrers_registry: Registry) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(referrers_registry.host).running() as running:
        yield running


@pytest.fixture
def image(referrers_registry: Registry) -> Pushed:
    return referrers_registry.push_image("faultproxy/shop", "v1")


async def asked(proxy: FaultProxy, path: str, patience: aiohttp.ClientTimeout = PATIENT) -> tuple[int, bytes]:
    async with aiohttp.ClientSession(timeout=patience, auto_decompress=False) as session:
        url = f"http://{proxy.host}/v2/faultproxy/shop/{path}"
        async with session.get(url, headers={"Accept": ACCEPT}, allow_redirects=False) as answer:
            return answer.status, await answer.read()


@pytest.mark.parametrize(
    ("path", "call"),
    [
        (f"manifests/sha256-{HEX}.sig", Call.SIG),
        (f"manifests/sha256-{HEX}.att", Call.ATT),
        (f"manifests/sha256-{HEX}", Call.FALLBACK),
        (f"manifests/sha256:{HEX}", Call.MANIFEST),
        ("manifests/v1", Call.TAG),
        (f"blobs/sha256:{HEX}", Call.BLOB),
        (f"referrers/sha256:{HEX}?artifactType=x", Call.REFERRERS),
        ("tags/list", Call.OTHER),
    ],
)
def test_calls_are_told_by_their_path(path: str, call: Call) -> None:
    assert Call.of(f"/v2/team/app/{path}") is call
    assert Call.of("/token?service=x") is Call.TOKEN


async def test_what_is_not_broken_passes_as_it_is(
    proxy: FaultProxy, image: Pushed, referrers_registry: Registry
) -> None:
    path = f"manifests/{image.digest}"
    direct = referrers_registry.request("GET", f"/v2/faultproxy/shop/{path}")
    proxy.faults[Call.BLOB] = Fault.RESET
    assert await asked(proxy, path) == (200, direct.body)
    assert (await asked(proxy, "manifests/missing"))[0] == 404
    assert [request.call for request in proxy.requests] == [Call.MANIFEST, Call.TAG]


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
async def test_every_fault_is_seen_by_a_plain_client(proxy: FaultProxy, image: Pushed, fault: Fault) -> None:
    path = f"manifests/{image.digest}"
    right = await asked(proxy, path)
    proxy.paths[path] = fault
    about_headers = {Fault.LYING_TYPE, Fault.LYING_DIGEST, Fault.NEXT_ELSEWHERE, Fault.NEXT_FOR_EVER, Fault.LATENCY}
    try:
        seen = await asked(proxy, path, HURRIED if fault in SLOW else PATIENT)
    except (aiohttp.ClientError, TimeoutError):
        return
    assert (seen == right) is (fault in about_headers)
    assert fault not in OPEN_ENDED or len(seen[1]) > len(right[1])


async def test_trips_are_counted_one_after_another_and_made_longer(referrers_registry: Registry, image: Pushed) -> None:
    loop = asyncio.get_running_loop()
    async with FaultProxy(referrers_registry.host, trip_seconds=0.05).running() as proxy:
        proxy.held_turns = HELD_TURNS
        started = loop.time()
        await asyncio.gather(*(asked(proxy, f"manifests/{image.digest}") for _ in range(3)))
        await asked(proxy, "manifests/v1")
        took = loop.time() - started
        assert (len(proxy.requests), proxy.round_trips, proxy.connections) == (4, 2, 4)
        assert took >= 2 * (0.05 + 0.05)  # each call makes a connection of its own
        proxy.forget()
        assert (len(proxy.requests), proxy.round_trips, proxy.connections) == (0, 0, 0)


async def test_what_a_client_sends_reaches_the_registry_and_is_told(
    proxy: FaultProxy, image: Pushed, referrers_registry: Registry
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://{proxy.host}/v2/faultproxy/shop/manifests/v1"
        async with session.get(url, headers={"Accept": ACCEPT, "Authorization": "Bearer token"}) as answer:
            assert answer.status == 200
    assert proxy.requests[0].authorization == "Bearer token"
