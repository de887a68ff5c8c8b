"""Objects that take long to compile: compiled beside the event loop, and found there by whoever tells of them."""

import asyncio
import threading
from typing import Any

import pytest

from controller.engine import policies
from controller.engine.policies import PolicyStore
from controller.wire.policy import KINDS
from tests.support import objects


def versioned(document: dict[str, Any], version: str) -> dict[str, Any]:
    return document | {"metadata": document["metadata"] | {"uid": "1", "resourceVersion": version}}


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In which thread each object was compiled."""
    seen: list[str] = []
    compile_object = policies.compile_object

    def compiled(source: Any) -> Any:
        seen.append(threading.current_thread().name)
        return compile_object(source)

    monkeypatch.setattr(policies, "compile_object", compiled)
    return seen


def loaded() -> PolicyStore:
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [])
    return store


async def test_what_was_prepared_is_compiled_once_and_not_in_the_thread_of_reviews(threads: list[str]) -> None:
    store, first = loaded(), versioned(objects.policy("a"), "1")
    await store.prepare(first)
    assert store.current() is not None
    assert not store.current().policies.policies  # type: ignore[union-attr]
    store.apply(first)
    store.replace("ClusterSLSAPolicy", [first])
    await store.prepare(first)
    assert len(threads) == 1
    assert threads[0] != threading.current_thread().name
    assert [one.name.name for one in store.current().policies.policies] == ["a"]  # type: ignore[union-attr]


async def test_what_was_prepared_of_another_version_is_not_taken(threads: list[str]) -> None:
    store = loaded()
    await store.prepare(versioned(objects.policy("a", mode="Audit"), "1"))
    store.apply(versioned(objects.policy("a", mode="Enforce"), "2"))
    (policy,) = store.current().policies.policies  # type: ignore[union-attr]
    assert policy.mode.value == "Enforce"
    assert len(threads) == 2
    await store.prepare(objects.policy("b", mode="Audit"))  # of no version that an API server told
    store.apply(objects.policy("b", mode="Enforce"))
    assert {one.mode.value for one in store.current().policies.policies} == {"Enforce"}  # type: ignore[union-attr]


async def test_others_go_on_while_an_object_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_object, going_on = policies.compile_object, threading.Event()

    def slow(source: Any) -> Any:
        assert going_on.wait(10)
        return compile_object(source)

    monkeypatch.setattr(policies, "compile_object", slow)
    preparing = asyncio.create_task(loaded().prepare(versioned(objects.policy("a"), "1")))
    await asyncio.sleep(0.05)
    assert not preparing.done()
    going_on.set()
    await preparing
