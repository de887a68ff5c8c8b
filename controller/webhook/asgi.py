"""ASGI without a framework: the types, reading a bounded body, and writing an answer.

ASGI specification 3.0, HTTP connection scope.
"""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs

from controller.webhook.bodies import Bodies

MAX_BODY_BYTES = 8 * 1024 * 1024
DEFAULT_SECONDS, MAX_SECONDS = 10.0, 30.0  # timeoutSeconds of a webhook configuration: default and maximum
MARGIN, LEAST_MARGIN_SECONDS = 0.1, 0.2  # of the review's time, kept for the way back

_OK, _JSON = HTTPStatus.OK.value, (b"content-type", b"application/json")
_TIMEOUT = re.compile(r"([0-9]{1,4})s")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
AtHand = Callable[[Scope, bytes, float], bytes | None]
"""The JSON to answer 200 with to a request that is whole, and came at a time (the loop's clock), where nothing has to
be waited for. None leaves the request to the application, which may find in the state of the scope what was begun.
Must not raise."""


@runtime_checkable
class Prompt(Protocol):
    """An application that may know answers at once."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""

    def at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        """As AtHand."""


class Refused(Exception):
    """The request is no review that can be answered as one."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gone(Exception):
    """The client has hung up; nobody waits for an answer."""


@lru_cache(maxsize=64)
def answer_seconds(query: bytes) -> float:
    """How long judging may take: the review's `timeout` less a margin; the default where it says nothing usable."""
    try:
        given = parse_qs(query.decode("ascii")).get("timeout", [""])[-1]
    except ValueError:
        given = ""
    found = _TIMEOUT.fullmatch(given)
    seconds = min(float(found[1]), MAX_SECONDS) if found and int(found[1]) > 0 else DEFAULT_SECONDS
    return seconds - max(seconds * MARGIN, LEAST_MARGIN_SECONDS)


async def read_body(scope: Scope, receive: Receive, deadline: float, bodies: Bodies) -> bytes:
    """The body of a POST that arrives by `deadline` (the loop's clock) and has at most MAX_BODY_BYTES.

    It is late, too, when `bodies` gave it up for others. Raises Refused, and Gone when the client hangs up meanwhile.
    """
    if scope["method"] != "POST":
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "post an AdmissionReview")
    try:
        async with bodies.arriving(deadline) as count:
            return await _read(receive, count)
    except TimeoutError:
        raise Refused(HTTPStatus.REQUEST_TIMEOUT, "the review did not arrive in time") from None


async def send_json(send: Send, body: bytes) -> None:
    """Answer 200 with a JSON document."""
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await _send(send, _OK, headers, body)


async def send_sentence(send: Send, status: HTTPStatus, sentence: str) -> None:
    """Answer with a sentence, and close: nobody reads on in what may still arrive of such a request."""
    body = sentence.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await _send(send, status.value, headers, body)


async def _read(receive: Receive, count: Callable[[int], None]) -> bytes:
    content = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        content += message.get("body", b"")
        count(len(message.get("body", b"")))
        if len(content) > MAX_BODY_BYTES:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a review has at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return bytes(content)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
