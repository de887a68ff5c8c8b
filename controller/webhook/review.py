"""POST /validate: the hot path, a plain ASGI handler. HTTP is 200 once the review parsed, so Navicert decides and not
the failurePolicy of the webhook configuration.

Kubernetes documentation, "Dynamic Admission Control": request `?timeout=10s`, response by HTTP 200 and AdmissionReview.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from controller.core.errors import MalformedReview
from controller.core.policy import Uncovered
from controller.core.verdict import Verdict
from controller.core.workload import Workload
from controller.engine.decision import Circumstances, decide
from controller.engine.gathering import Gather
from controller.engine.policies import Snapshot
from controller.telemetry import Metrics
from controller.webhook.line import render_bug_line, render_line
from controller.wire.admission import AdmissionRequest, parse_review, render, render_bug
from controller.wire.workload import parse_workload

MAX_BODY_BYTES = 8 * 1024 * 1024
DEFAULT_SECONDS, MAX_SECONDS = 10.0, 30.0  # timeoutSeconds of a webhook configuration: default and maximum
MARGIN, LEAST_MARGIN_SECONDS = 0.1, 0.2  # of the review's time, kept for the way back

_TIMEOUT = re.compile(r"([0-9]{1,4})s")
_log = logging.getLogger("navicert.decision")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Labels = Callable[[str, float], Awaitable[Mapping[str, str] | None]]
"""The labels of a namespace, or None when they can't be found out by a time of the loop's clock."""


class _Refused(Exception):
    """The request is no review that can be answered as one."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class _Gone(Exception):
    """The client has hung up; nobody waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Everything a review is judged by. The callables are asked anew for each review; `now` is aware, UTC."""

    snapshot: Callable[[], Snapshot | None]
    gather: Gather
    namespace_labels: Labels
    uncovered: Uncovered
    now: Callable[[], datetime]

    async def verdict(self, workload: Workload, *, deadline: float) -> Verdict:
        """The verdict on a workload by `deadline`, on the snapshot of this moment (POL-012)."""
        snapshot, now = self.snapshot(), self.now()
        if workload.images:
            labels = await self.namespace_labels(workload.namespace, _halfway(deadline))
            workload = replace(workload, namespace_labels=labels)
        circumstances = Circumstances(now=now, deadline=deadline, uncovered=self.uncovered)
        return await decide(workload, snapshot=snapshot, gather=self.gather, circumstances=circumstances)


class ReviewEndpoint:
    """An ASGI application for the one path /validate."""

    def __init__(self, judge: Judge, metrics: Metrics) -> None:
        self._judge = judge
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 200 with a verdict; 400, 405, 408 or 413 with a sentence for what is no review."""
        started = _clock()
        deadline = started + answer_seconds(scope.get("query_string", b""))
        try:
            request = parse_review(await _body(scope, receive, deadline))
            answer = await self._answer(request, started=started, deadline=deadline)
        except MalformedReview as error:
            await _send(send, HTTPStatus.BAD_REQUEST, str(error).encode(), b"text/plain; charset=utf-8")
        except _Refused as error:
            await _send(send, error.status, str(error).encode(), b"text/plain; charset=utf-8")
        except _Gone:
            return
        else:
            await _send(send, HTTPStatus.OK, answer, b"application/json")

    async def _answer(self, request: AdmissionRequest, *, started: float, deadline: float) -> bytes:
        """The answer to a review; whatever breaks while judging refuses (SVC-007)."""
        try:
            workload = parse_workload(request)
            verdict = await self._judge.verdict(workload, deadline=deadline)
            answer = render(request, verdict)
            seconds = _clock() - started
            self._metrics.count(verdict, seconds)
            _log.info("review", extra={"review": render_line(request, workload, verdict, seconds)})
        except MalformedReview:
            raise
        except Exception:  # noqa: BLE001 (the last resort: a bug refuses, is seen, and tells the client nothing)
            seconds = _clock() - started
            self._metrics.count_bug(seconds)
            _log.exception("review", extra={"review": render_bug_line(request, seconds)})
            return render_bug(request)
        return answer


def answer_seconds(query: bytes) -> float:
    """How long judging may take: the review's `timeout` less a margin; the default where it says nothing usable."""
    try:
        given = parse_qs(query.decode("ascii")).get("timeout", [""])[-1]
    except ValueError:
        given = ""
    found = _TIMEOUT.fullmatch(given)
    seconds = min(float(found[1]), MAX_SECONDS) if found and int(found[1]) > 0 else DEFAULT_SECONDS
    return seconds - max(seconds * MARGIN, LEAST_MARGIN_SECONDS)


async def _body(scope: Scope, receive: Receive, deadline: float) -> bytes:
    if scope["method"] != "POST":
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "post an AdmissionReview")
    try:
        async with asyncio.timeout_at(deadline):
            return await _read(receive)
    except TimeoutError:
        raise _Refused(HTTPStatus.REQUEST_TIMEOUT, "the review did not arrive in time") from None


async def _read(receive: Receive) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        content += message.get("body", b"")
        if len(content) > MAX_BODY_BYTES:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a review has at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return bytes(content)


async def _send(send: Send, status: HTTPStatus, body: bytes, content_type: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _halfway(deadline: float) -> float:
    """Looking up a namespace may not use up the time that judging needs."""
    now = _clock()
    return now + (deadline - now) / 2


def _clock() -> float:
    return asyncio.get_running_loop().time()
