"""Installing the kinds where the API server does not answer every write."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from aiohttp import web

from controller.core.errors import ApiServerUnavailable
from controller.kube.client import ApiClient
from controller.kube.connection import Connection
from controller.reconcile import kinds
from controller.reconcile.kinds import WRITES, install_kinds
from controller.wire.policy import GROUP, KINDS, VERSION

ESTABLISHED = {"conditions": [{"type": "Established", "status": "True"}]}


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "_LOOK_SECONDS", 0.01)


class Definitions:
    """Keeps what is applied; each is answered so often by a failure before, and then, as long as they are `served` at
    all, served at the second look, and listed at the third where they are `listed` at all."""

    def __init__(self, failures: int, status: HTTPStatus, *, served: bool = True, listed: bool = True) -> None:
        self.writes = Counter[str]()
        self.looked_at: set[str] = set()
        self.lists = 0
        self._failures, self._status, self._served, self._listed = failures, status, served, listed

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if request.method == "PATCH":
            self.writes[name] += 1
            if self.writes[name] <= self._failures:
                return web.json_response({"kind": "Status"}, status=self._status)
        if self.writes[name] <= self._failures:
            return web.json_response({"kind": "Status"}, status=HTTPStatus.NOT_FOUND)
        if name not in self.looked_at or not self._served:
            self.looked_at.add(name)
            return web.json_response({"metadata": {"name": name}, "status": {"conditions": None}})
        return web.json_response({"metadata": {"name": name}, "status": ESTABLISHED})

    async def groups(self, _request: web.Request) -> web.StreamResponse:
        self.lists += 1
        names = [{"name": GROUP}] if self.lists > 1 else []
        return web.json_response({"kind": "APIGroupList", "groups": names})

    async def resources(self, _request: web.Request) -> web.StreamResponse:
        self.lists += 1
        names = [{"name": name.partition(".")[0]} for name in self.writes] if self.lists > 3 and self._listed else []
        return web.json_response({"kind": "APIResourceList", "resources": names})


@asynccontextmanager
async def served(definitions: Definitions) -> AsyncIterator[ApiClient]:
    app = web.Application(client_max_size=2**24)
    app.router.add_route("*", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definitions.answer)
    app.router.add_get("/apis", definitions.groups)
    app.router.add_get(f"/apis/{GROUP}/{VERSION}", definitions.resources)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        connection = Connection(server=f"http://{host}:{port}", tls=ssl.create_default_context())
        async with ApiClient(connection) as client:
            yield client
    finally:
        await runner.cleanup()


async def test_a_write_that_is_not_answered_is_made_again() -> None:
    definitions = Definitions(WRITES - 1, HTTPStatus.SERVICE_UNAVAILABLE)
    async with served(definitions) as client:
        await install_kinds(client, reports="none")
    assert [*definitions.writes.values()] == [WRITES] * len(KINDS)


@pytest.mark.parametrize(
    ("status", "writes"),
    [(HTTPStatus.SERVICE_UNAVAILABLE, WRITES), (HTTPStatus.FORBIDDEN, 1), (HTTPStatus.UNPROCESSABLE_ENTITY, 1)],
)
async def test_what_is_refused_or_never_answered_ends_it(status: HTTPStatus, writes: int) -> None:
    definitions = Definitions(WRITES, status)
    async with served(definitions) as client:
        with pytest.raises(ApiServerUnavailable):
            await install_kinds(client, reports="none")
    assert [*definitions.writes.values()] == [writes]


@pytest.mark.parametrize("lacking", ["served", "listed"])
async def test_a_kind_that_is_never_served_or_listed_ends_it_with_an_error_of_ours(
    monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    monkeypatch.setattr(kinds, "SERVED_SECONDS", 0.1)
    async with served(Definitions(0, HTTPStatus.OK, **{lacking: False})) as client:
        with pytest.raises(ApiServerUnavailable, match="not served after"):
            await install_kinds(client, reports="none")
