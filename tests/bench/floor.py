"""A webhook that answers with what it was asked: what TLS, HTTP and the client cost on their own."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from controller.settings import Address
from controller.telemetry import configure_logging
from controller.webhook.asgi import Receive, Scope, Send
from controller.webhook.connections import Terms
from controller.webhook.server import Listener, bind, serve
from controller.webhook.tls import CertificateFiles, load_certificate


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    content, more = bytearray(), True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": bytes(content)})


async def main(certificate: Path, key: Path) -> None:
    configure_logging("info")
    loaded = load_certificate(CertificateFiles(certificate=certificate, key=key), now=datetime.now(UTC))
    terms = Terms(client_names=frozenset(), refused=lambda _cause: None)
    listeners = (  # whoever starts a webhook waits for both
        Listener(serves=serves, app=echo, bound=bind(Address("127.0.0.1", 0)), tls=tls, terms=terms)
        for serves, tls in (("admission", loaded.context), ("status", None))
    )
    await serve(*listeners, drain_seconds=0)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
