"""Bodies that had arrived when their request was handed on: bounded as all others, and read without a timer."""

import asyncio
from http import HTTPStatus

import pytest

from controller.webhook.asgi import MAX_BODY_BYTES, WHOLE, Gone, Message, Refused, Scope, read_body
from controller.webhook.bodies import Bodies

SCOPE: Scope = {"type": "http", "method": "POST", "state": {WHOLE: True}}


class Client:
    """Sends these messages, one at a time."""

    def __init__(self, *messages: Message) -> None:
        self._messages = list(messages)

    async def receive(self) -> Message:
        return self._messages.pop(0)


def chunk(content: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": content, "more_body": more}


async def read(*messages: Message, scope: Scope = SCOPE) -> bytes:
    return await read_body(scope, Client(*messages).receive, asyncio.get_running_loop().time() + 10, Bodies())


async def test_a_whole_body_is_read_at_once() -> None:
    reading = read(chunk(b"{}"))
    with pytest.raises(StopIteration) as ended:
        reading.send(None)
    assert ended.value.value == b"{}"


async def test_what_calls_itself_whole_and_is_not_is_read_to_its_end() -> None:
    assert await read(chunk(b"{", more=True), chunk(b"}")) == b"{}"


async def test_a_whole_body_has_the_bound_of_all_others() -> None:
    with pytest.raises(Refused) as refused:
        await read(chunk(b"x" * (MAX_BODY_BYTES + 1)))
    assert refused.value.status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    with pytest.raises(Refused):
        await read(chunk(b"{}"), scope={**SCOPE, "method": "PUT"})


async def test_who_hangs_up_is_gone() -> None:
    with pytest.raises(Gone):
        await read({"type": "http.disconnect"})
