"""The two applications: admission for the API server over TLS, and status for kubelet and Prometheus in the clear.

Neither answers for the other (SVC-012): who can reach the metrics can't ask for verdicts, and the other way about.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus

from controller.telemetry import CONTENT_TYPE, Metrics
from controller.webhook.asgi import ASGIApp, Prompt, Receive, Scope, Send, send_sentence


class AdmissionApp:
    """Each path goes straight to its endpoint; every other path is 404."""

    def __init__(self, endpoints: Mapping[str, Prompt]) -> None:
        self._endpoints = endpoints

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        endpoint = self._endpoints.get(scope["path"])
        if endpoint is None:
            await send_sentence(send, HTTPStatus.NOT_FOUND, "not found")
        else:
            await endpoint(scope, receive, send)

    def at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        """As webhook.asgi.AtHand."""
        endpoint = self._endpoints.get(scope["path"])
        return None if endpoint is None else endpoint.at_hand(scope, body, came)


def status_app(*, unready: Callable[[], str | None], metrics: Metrics) -> ASGIApp:
    """/livez, /readyz and /metrics. Ready is 503 with the reason, until every policy is loaded (SVC-001) and from the
    moment the process is told to end. An API server that is gone is no reason: what is known goes on (SVC-002).

    The two probes are answered from the first moment. What else is asked waits for the framework, which is loaded
    beside the event loop once the replica was found ready, or when it is first needed: no rollout waits for it, nor
    does a scrape that comes later.
    """
    probes: Mapping[str, Callable[[], str | None]] = {"/livez": lambda: None, "/readyz": unready}

    @cache
    def framework() -> asyncio.Task[ASGIApp]:
        return asyncio.create_task(asyncio.to_thread(_exposition, metrics))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        probe = probes.get(scope["path"])
        if probe is not None:
            problem = probe()
            await _answer(send, scope["method"], problem)
            if problem is None and probe is unready:
                _ = framework()
        else:
            rest = await asyncio.shield(framework())
            await rest(scope, receive, send)

    return app


async def _answer(send: Send, method: str, problem: str | None) -> None:
    if method != "GET":
        await send_sentence(send, HTTPStatus.METHOD_NOT_ALLOWED, "get it")
    elif problem is not None:
        await send_sentence(send, HTTPStatus.SERVICE_UNAVAILABLE, problem)
    else:
        await send_sentence(send, HTTPStatus.OK, "ok")


def _exposition(metrics: Metrics) -> ASGIApp:
    """No generated documentation: the paths are few, and each open one is one more."""
    from fastapi import FastAPI, Response  # noqa: PLC0415  # a third of what the whole process imports

    app = FastAPI(title="Navicert status", openapi_url=None)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return app
