"""A listener asks its application first for what it has at hand."""

import asyncio

from controller.settings import Address
from controller.webhook.asgi import Receive, Scope, Send
from controller.webhook.connections import Terms
from controller.webhook.server import Listener, _Server, bind


class Knowing:
    """An application that has every answer at hand."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    def at_hand(self, scope: Scope, body: bytes, came: float) -> bytes | None:
        return b"%b of %b" % (body, scope["raw_path"])


async def test_an_application_is_asked_first_for_what_it_has_at_hand() -> None:
    bound = bind(Address("127.0.0.1", 0))
    terms = Terms(client_names=frozenset(), refused=lambda _cause: None)
    server = _Server(Listener(serves="reviews", app=Knowing(), bound=bound, tls=None, terms=terms))
    server.config.load()
    await server.startup([bound])
    reader, writer = await asyncio.open_connection(*bound.getsockname())
    writer.write(b"POST /validate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nabcd")
    answer = await reader.read()
    writer.close()
    server.servers[0].close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nabcd of /validate")
