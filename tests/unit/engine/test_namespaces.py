"""What is known of namespaces, and what is ignorance."""

import asyncio
from typing import Any

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.engine.namespaces import NAME_LABEL, Namespaces, Object


def namespace(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels}}


class Server:
    """Answers one GET, or fails, or stalls."""

    def __init__(self, answer: Object | Exception | None = None, *, seconds: float = 0) -> None:
        self.asked: list[str] = []
        self._answer = answer
        self._seconds = seconds

    async def __call__(self, name: str) -> Object | None:
        self.asked.append(name)
        await asyncio.sleep(self._seconds)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def soon(seconds: float = 5) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_watched_labels_need_no_request() -> None:
    server = Server()
    known = Namespaces(server)
    known.replace([namespace("shop", tier="production")])
    assert await known.labels("shop", soon()) == {"tier": "production", NAME_LABEL: "shop"}
    known.apply(namespace("shop", tier="test"))
    assert await known.labels("shop", soon()) == {"tier": "test", NAME_LABEL: "shop"}
    assert server.asked == []


@pytest.mark.case("POL-011")
async def test_a_namespace_the_watch_has_not_told_of_is_fetched() -> None:
    server = Server(namespace("fresh", tier="production"))
    assert await Namespaces(server).labels("fresh", soon()) == {"tier": "production", NAME_LABEL: "fresh"}
    assert server.asked == ["fresh"]


@pytest.mark.case("POL-011")
@pytest.mark.parametrize(
    "answer",
    [None, ApiServerUnavailable("gone"), namespace("another", tier="production")],
    ids=["404", "error", "other"],
)
async def test_what_can_not_be_found_out_is_none(answer: Object | Exception | None) -> None:
    assert await Namespaces(Server(answer)).labels("fresh", soon()) is None


@pytest.mark.case("POL-011")
async def test_looking_up_ends_at_the_deadline() -> None:
    server = Server(namespace("fresh"), seconds=60)
    assert await Namespaces(server).labels("fresh", soon(0.05)) is None


async def test_a_namespace_that_went_is_looked_up_again() -> None:
    server = Server()
    known = Namespaces(server)
    known.replace([namespace("shop")])
    known.remove("shop")
    known.remove("never-there")
    assert await known.labels("shop", soon()) is None
    assert server.asked == ["shop"]


@pytest.mark.parametrize("labels", [None, "text", []])
async def test_a_namespace_without_labels_still_has_its_name(labels: object) -> None:
    known = Namespaces(Server())
    known.apply({"metadata": {"name": "shop", "labels": labels}})
    assert await known.labels("shop", soon()) == {NAME_LABEL: "shop"}


async def test_only_what_the_watch_told_is_at_hand() -> None:
    server = Server(namespace("new"))
    known = Namespaces(server)
    known.replace([namespace("shop", tier="production")])
    assert known.at_hand("shop") == {"tier": "production", NAME_LABEL: "shop"}
    assert known.at_hand("new") is None
    assert server.asked == []
