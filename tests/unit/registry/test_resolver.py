"""Lookups: one name's troubles are not another's, and nobody waits for a lookup longer than for an answer."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from controller.registry import resolver as module
from controller.registry.resolver import ADDRESSES, LOOKUPS, SystemResolver

SLACK_SECONDS = 20.0


class System:
    """The system's resolver, of which names that begin with `stall` never come back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.release = threading.Event()
        self.addresses: tuple[str, ...] = ("192.0.2.1",)
        self.stalling = True

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("stall") and self.stalling:
            self.release.wait(30)
        if host.startswith("nowhere"):
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        if host.startswith("empty"):
            raise UnicodeError("label too long")
        if host.startswith("broken"):
            raise MemoryError
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in self.addresses]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    made = System()
    monkeypatch.setattr("socket.getaddrinfo", made)
    yield made
    made.release.set()


async def test_requests_for_one_name_share_a_lookup_and_its_answer_for_a_while(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = SystemResolver()
    found = await asyncio.gather(*(resolver.addresses("a.example") for _ in range(20)))
    assert set(found) == {("192.0.2.1",)}
    assert await resolver.addresses("a.example") == ("192.0.2.1",)
    assert system.asked == ["a.example"]
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", 0.0)
    await resolver.close()
    await resolver.addresses("a.example")
    system.addresses = ("192.0.2.2",)
    assert await resolver.addresses("a.example") == ("192.0.2.2",)


async def test_names_that_stall_do_not_hold_up_those_that_have_resolved(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.3)
    resolver = SystemResolver()
    await resolver.addresses("a.example")
    stalled = [asyncio.create_task(resolver.addresses(f"stall{number}.example")) for number in range(200)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(SLACK_SECONDS):
        assert await resolver.addresses("a.example") == ("192.0.2.1",)
    outcomes = await asyncio.gather(*stalled, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TimeoutError}
    assert sum(name.startswith("stall") for name in system.asked) == module.LOOKUPS


async def test_a_name_that_resolved_and_then_stalls_is_as_good_as_a_new_one(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.2)
    monkeypatch.setattr(module, "LOOKUPS_KNOWN", 2)
    system.stalling = False
    resolver = SystemResolver()
    for name in ("a.example", "stall1.example", "stall2.example"):
        await resolver.addresses(name)
    system.stalling = True
    with pytest.raises(TimeoutError):
        await resolver.addresses("stall1.example")
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await resolver.addresses("stall1.example")
    assert await resolver.addresses("a.example")


async def test_who_gives_up_leaves_the_lookup_to_the_others(system: System) -> None:
    resolver = SystemResolver()
    first = asyncio.create_task(resolver.addresses("stall.example"))
    second = asyncio.create_task(resolver.addresses("stall.example"))
    await asyncio.sleep(0.05)
    first.cancel()
    system.release.set()
    assert await second == ("192.0.2.1",)
    assert system.asked == ["stall.example"]


@pytest.mark.parametrize("name", ["nowhere.example", "empty..example"])
async def test_a_name_that_does_not_resolve_is_an_os_error(system: System, name: str) -> None:
    resolver = SystemResolver()
    for _ in range(2):
        with pytest.raises(OSError, match=r"unknown|no name"):
            await resolver.addresses(name)
    assert len(system.asked) == 2


async def test_of_many_addresses_only_the_first_are_connected_to(system: System) -> None:
    system.addresses = tuple(f"192.0.2.{number}" for number in range(50))
    found = await SystemResolver().resolve("a.example", 443)
    assert [result["host"] for result in found] == list(system.addresses[:ADDRESSES])
    assert await SystemResolver().resolve("a.example", 443, socket.AF_INET6) == []


async def test_a_lookup_that_gets_no_thread_is_told_and_takes_nothing_from_the_next(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = SystemResolver()
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", no_thread)
        for _ in range(LOOKUPS + 1):
            with pytest.raises(OSError, match="can't start new thread"):
                await resolver.addresses("a.example")
    assert await resolver.addresses("a.example") == ("192.0.2.1",)


def no_thread(_thread: threading.Thread) -> None:
    """What Python says where the system has none left."""
    raise RuntimeError("can't start new thread")


async def test_a_lookup_that_breaks_is_told_and_takes_nothing_from_the_next(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: seen.append(told.exc_type.__name__))
    resolver = SystemResolver()
    for _ in range(LOOKUPS + 1):
        with pytest.raises(OSError, match="broke off"):
            await resolver.addresses("broken.example")
    assert await resolver.addresses("a.example") == ("192.0.2.1",)
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(SLACK_SECONDS)
    assert seen == ["MemoryError"] * (LOOKUPS + 1)
