"""The hot path of every review, a plain ASGI handler. HTTP is 200 once the review parsed, so Navicert decides and not
the failurePolicy of the webhook configuration.

Kubernetes documentation, "Dynamic Admission Control": request `?timeout=10s`, response by HTTP 200 and AdmissionReview.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from controller.core.errors import MalformedReview
from controller.core.verdict import Finding
from controller.telemetry import Metrics, tell
from controller.webhook.asgi import Gone, Receive, Refused, Scope, Send, answer_seconds, read_body, send_json
from controller.webhook.asgi import send_sentence as refuse
from controller.webhook.bodies import Bodies
from controller.webhook.line import render_question
from controller.wire.admission import AdmissionRequest, parse_review

# Larger bodies are decoded in a thread: what one of several MiB costs must not stand between others and their answers.
MAX_BYTES_ON_LOOP = 256 * 1024

_log = logging.getLogger("navicert.decision")


class Answered(NamedTuple):
    """The answer to a review, and what is told of it: one word for the metrics, and the decision line."""

    body: bytes
    outcome: str
    line: Mapping[str, Any]
    findings: Sequence[Finding] = ()


class Reviewer(Protocol):
    """What an endpoint asks: one for each path."""

    @property
    def path(self) -> str:
        """Where it is asked, with its slash."""

    async def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered:
        """The answer by `deadline`, in seconds of the loop's clock. Raises MalformedReview; the rest is a bug."""

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """The answer when answering broke. Says nothing about what happened."""


class ReviewEndpoint:
    """An ASGI application for the one path of its reviewer."""

    def __init__(self, reviewer: Reviewer, metrics: Metrics, bodies: Bodies) -> None:
        """`bodies` is shared by all endpoints of a listener."""
        self._reviewer = reviewer
        self._bodies = bodies
        self._metrics = metrics
        self._name = reviewer.path.strip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 200 with an answer; 400, 405, 408 or 413 with a sentence for what is no review."""
        started = _clock()
        deadline = started + answer_seconds(scope.get("query_string", b""))
        try:
            request = await _parse(await read_body(scope, receive, deadline, self._bodies))
            answer = await self._answer(request, started=started, deadline=deadline)
        except (MalformedReview, Refused) as error:
            self._metrics.count_malformed(self._name)
            await refuse(send, error.status if isinstance(error, Refused) else HTTPStatus.BAD_REQUEST, str(error))
        except Gone:
            return
        else:
            await send_json(send, answer)

    async def _answer(self, request: AdmissionRequest, *, started: float, deadline: float) -> bytes:
        """The answer to a review; whatever breaks while judging refuses (SVC-007)."""
        line = {"endpoint": self._name, **render_question(request)}
        try:
            answered = await self._reviewer.answer(request, deadline=deadline)
            seconds = _clock() - started
            self._metrics.count_review(self._name, request.operation, answered.outcome, seconds)
            self._metrics.count_findings(answered.findings)
            line |= {**answered.line, "verdict": answered.outcome, "ms": _milliseconds(seconds)}
            tell(_log, "review", review=line)
        except MalformedReview:
            raise
        except Exception:  # noqa: BLE001 (the last resort: a bug refuses, is seen, and tells the client nothing)
            seconds = _clock() - started
            self._metrics.count_bug(self._name, request.operation, seconds)
            line |= {"verdict": "bug", "ms": _milliseconds(seconds)}
            _log.exception("review", extra={"review": line})
            return self._reviewer.answer_bug(request)
        return answered.body


async def _parse(body: bytes) -> AdmissionRequest:
    if len(body) <= MAX_BYTES_ON_LOOP:
        return parse_review(body)
    return await asyncio.to_thread(parse_review, body)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _clock() -> float:
    return asyncio.get_running_loop().time()
