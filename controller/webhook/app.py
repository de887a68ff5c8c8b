"""The two applications: admission for the API server over TLS, and status for kubelet and Prometheus in the clear.

Neither answers for the other (SVC-012): who can reach the metrics can't ask for verdicts, and the other way about.
"""

from collections.abc import Callable, Mapping

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse

from controller.telemetry import CONTENT_TYPE, Metrics
from controller.webhook.asgi import ASGIApp, Receive, Scope, Send


def admission_app(endpoints: Mapping[str, ASGIApp]) -> ASGIApp:
    """Each path goes straight to its endpoint, past the framework's routing; every other path is 404."""
    rest = _bare("Navicert admission")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoints.get(scope["path"], rest)(scope, receive, send)

    return app


def status_app(*, unready: Callable[[], str | None], metrics: Metrics) -> ASGIApp:
    """/livez, /readyz and /metrics. Ready is 503 with the reason, until every policy is loaded (SVC-001) and from the
    moment the process is told to end. An API server that is gone is no reason: what is known goes on (SVC-002)."""
    app = _bare("Navicert status")

    @app.get("/livez", response_class=PlainTextResponse)
    async def livez() -> str:
        return "ok"

    @app.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> PlainTextResponse:
        reason = unready()
        return PlainTextResponse(reason or "ok", status_code=503 if reason else 200)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.render(), media_type=CONTENT_TYPE)

    return app


def _bare(title: str) -> FastAPI:
    """No generated documentation: the paths are few, and each open one is one more."""
    return FastAPI(title=title, openapi_url=None)
