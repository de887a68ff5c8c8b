"""The hot path of every review, a plain ASGI handler. HTTP is 200 once the review parsed, so Navicert decides and not
the failurePolicy of the webhook configuration.

Kubernetes documentation, "Dynamic Admission Control": request `?timeout=10s`, response by HTTP 200 and AdmissionReview.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

from controller.core.errors import MalformedReview
from controller.core.verdict import Finding
from controller.telemetry import Metrics
from controller.webhook.asgi import Gone, Receive, Refused, Scope, Send, answer_seconds, read_body, send_json
from controller.webhook.asgi import send_sentence as refuse
from controller.webhook.bodies import Bodies
from controller.webhook.line import render_question
from controller.wire.admission import AdmissionRequest, parse_review

# Larger bodies are decoded in a thread: what one of several MiB costs must not stand between others and their answers.
MAX_BYTES_ON_LOOP = 256 * 1024

_BEGUN = "navicert.begun"  # in the state of a request: the answer that is being waited for

LOGGER, MESSAGE = "navicert.decision", "review"  # of the decision lines

Tell = Callable[[Mapping[str, Any]], None]
"""Is given the fields of a decision line; neither blocks nor raises."""

_log = logging.getLogger(LOGGER)


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

    def answer(self, request: AdmissionRequest, *, deadline: float) -> Answered | Awaitable[Answered]:
        """The answer by `deadline`, in seconds of the loop's clock; at once where nothing has to be waited for.

        Raises MalformedReview, then or when it is awaited; the rest is a bug.
        """

    def answer_bug(self, request: AdmissionRequest) -> bytes:
        """The answer when answering broke. Says nothing about what happened."""


def _tell(fields: Mapping[str, Any]) -> None:
    _log.info(MESSAGE, extra=fields)


class ReviewEndpoint:
    """An ASGI application for the one path of its reviewer."""

    def __init__(self, reviewer: Reviewer, metrics: Metrics, bodies: Bodies, tell: Tell = _tell) -> None:
        """`bodies` is shared by all endpoints of a listener."""
        self._tell = tell
        self._reviewer = reviewer
        self._bodies = bodies
        self._metrics = metrics
        self._name = reviewer.path.strip("/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 200 with an answer; 400, 405, 408 or 413 with a sentence for what is no review."""
        try:
            begun = scope.get("state", {}).pop(_BEGUN, None)
            if begun is None:
                begun = self._read(scope, receive)
            else:
                await receive()  # lets go of the body, which was read
            answer = await begun
            await asyncio.sleep(0)  # no answer leaves before its line
        except (MalformedReview, Refused) as error:
            self._metrics.count_malformed(self._name)
            await refuse(send, error.status if isinstance(error, Refused) else HTTPStatus.BAD_REQUEST, str(error))
        except Gone:
            return
        else:
            await send_json(send, answer)

    def at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        """As webhook.asgi.AtHand: reviews that are judged by what is known, and what is no review is for `__call__`."""
        if scope["method"] != "POST" or len(body) > MAX_BYTES_ON_LOOP:
            return None
        try:
            begun = self._begin(parse_review(body), scope, came)
        except Exception:  # noqa: BLE001 (others wait for answers, too: what breaks here breaks for itself in `__call__`)
            return None
        if isinstance(begun, bytes):
            return begun
        scope["state"][_BEGUN] = begun
        return None

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        started = _clock()
        body = await read_body(scope, receive, started + _seconds(scope), self._bodies)
        begun = self._begin(await _parse(body), scope, started)
        return begun if isinstance(begun, bytes) else await begun

    def _begin(self, request: AdmissionRequest, scope: Scope, started: float) -> bytes | Coroutine[Any, Any, bytes]:
        """The answer to a review, or what waits for it; whatever breaks while judging refuses (SVC-007)."""
        try:
            answered = self._reviewer.answer(request, deadline=started + _seconds(scope))
            if isinstance(answered, Answered):
                return self._told(request, answered, started)
        except MalformedReview:
            raise
        except Exception:  # noqa: BLE001 (the last resort: a bug refuses, is seen, and tells the client nothing)
            return self._bug(request, started)
        return self._awaited(request, answered, started)

    async def _awaited(self, request: AdmissionRequest, answered: Awaitable[Answered], started: float) -> bytes:
        try:
            return self._told(request, await answered, started)
        except MalformedReview:
            raise
        except Exception:  # noqa: BLE001 (as in `_begin`)
            return self._bug(request, started)

    def _told(self, request: AdmissionRequest, answered: Answered, started: float) -> bytes:
        seconds = _clock() - started
        self._metrics.count_review(self._name, request.operation, answered.outcome, seconds)
        self._metrics.count_findings(answered.findings)
        line = {**self._question(request), **answered.line, "verdict": answered.outcome, "ms": _milliseconds(seconds)}
        self._tell({"review": line})
        return answered.body

    def _bug(self, request: AdmissionRequest, started: float) -> bytes:
        """While an exception is handled, which is logged."""
        seconds = _clock() - started
        self._metrics.count_bug(self._name, request.operation, seconds)
        line = {**self._question(request), "verdict": "bug", "ms": _milliseconds(seconds)}
        _log.exception(MESSAGE, extra={"review": line})
        return self._reviewer.answer_bug(request)

    def _question(self, request: AdmissionRequest) -> dict[str, Any]:
        return {"endpoint": self._name, **render_question(request)}


async def _parse(body: bytes) -> AdmissionRequest:
    if len(body) <= MAX_BYTES_ON_LOOP:
        return parse_review(body)
    return await asyncio.to_thread(parse_review, body)


def _seconds(scope: Scope) -> float:
    return answer_seconds(scope.get("query_string", b""))


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _clock() -> float:
    return asyncio.get_running_loop().time()
