"""A webhook that admits everything without reading it: what TLS, HTTP and the client cost on their own."""

import asyncio
import sys
from pathlib import Path

import uvloop

from controller.settings import Address
from controller.telemetry import configure_logging
from controller.webhook.review import Receive, Scope, Send
from controller.webhook.server import Listener, bind, load_certificate, serve

ANSWER = b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"","allowed":true}}'


async def admit(_scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": ANSWER})


async def main(certificate: Path, key: Path) -> None:
    configure_logging("info")
    tls, bound = load_certificate(certificate, key), bind(Address("127.0.0.1", 0))
    await serve(Listener(serves="admission", app=admit, bound=bound, tls=tls))


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
