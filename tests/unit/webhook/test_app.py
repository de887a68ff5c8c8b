"""Which path is answered at which port, and by what status."""

import asyncio
import sys

import pytest

from controller.telemetry import Metrics
from controller.webhook.app import AdmissionApp, status_app
from controller.webhook.asgi import ASGIApp, Message, Receive, Scope, Send


async def get(app: ASGIApp, path: str, method: str = "GET") -> tuple[int, bytes]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": "http",
        "query_string": b"",
        "headers": [],
        "client": None,
        "server": None,
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


class Validating:
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 299, "headers": []})

    def at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        return b"%b by %b at %d" % (body, scope["method"].encode(), came)


def status(*, ready: bool = True, metrics: Metrics | None = None) -> ASGIApp:
    return status_app(
        unready=lambda: None if ready else "policies are not loaded yet", metrics=metrics or Metrics.create()
    )


@pytest.mark.case("SVC-012")
@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/", "/docs", "/openapi.json", "/validate/", "/pin"])
async def test_the_admission_port_answers_validate_and_nothing_else(path: str) -> None:
    app = AdmissionApp({"/validate": Validating()})
    assert (await get(app, "/validate", "POST"))[0] == 299
    assert app.at_hand({"path": "/validate", "method": "POST"}, b"asked", 7) == b"asked by POST at 7"
    assert (await get(app, path))[0] == 404
    assert app.at_hand({"path": path, "method": "POST"}, b"asked", 7) is None


@pytest.mark.case("SVC-012")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/validate", "/pin", "/validate-policy", "/docs", "/redoc", "/openapi.json", "/"])
async def test_the_status_port_never_judges(path: str, method: str) -> None:
    assert (await get(status(), path, method))[0] == 404


@pytest.mark.case("SVC-001")
async def test_ready_only_once_policies_are_loaded_and_alive_all_the_while() -> None:
    assert (await get(status(ready=False), "/readyz"))[0] == 503
    assert (await get(status(ready=True), "/readyz"))[0] == 200
    assert (await get(status(ready=False), "/livez"))[0] == 200


async def test_the_probes_are_answered_without_the_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    app = status()
    assert [await get(app, path) for path in ("/livez", "/readyz")] == [(200, b"ok")] * 2
    with pytest.raises(ImportError):
        await get(app, "/metrics")


@pytest.mark.parametrize(("ready", "loading"), [(False, 0), (True, 1)])
async def test_the_framework_is_loaded_once_the_replica_was_found_ready(*, ready: bool, loading: int) -> None:
    app = status(ready=ready)
    before = asyncio.all_tasks()
    for _ in range(2):
        await get(app, "/livez")
        await get(app, "/readyz")
    assert len(asyncio.all_tasks() - before) == loading


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_the_status_port_is_only_read(path: str) -> None:
    assert (await get(status(), path, "POST"))[0] == 405


async def test_scrapes_at_the_same_moment_share_one_framework() -> None:
    app = status()
    assert [code for code, _ in await asyncio.gather(*(get(app, "/metrics") for _ in range(3)))] == [200] * 3


async def test_metrics_show_the_age_of_what_is_known_of_each_kind() -> None:
    metrics = Metrics.create()
    metrics.watch_age("TrustRoot", lambda: 12.5)
    code, exposed = await get(status(metrics=metrics), "/metrics")
    assert code == 200
    assert b'navicert_policy_age_seconds{kind="TrustRoot"} 12.5' in exposed
