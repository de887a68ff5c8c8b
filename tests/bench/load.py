"""The client's side of many reviews: connections that are kept, one request at a time on each, in a process of its own.

    python -m tests.bench.load HOST:PORT AUTHORITY CONNECTIONS SECONDS < bodies

sends the bodies, a line each, in turn, and prints one JSON object: answers, seconds, and the latencies in milliseconds
that half and 99 in 100 stay below.
"""

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

ADMITTED = b'"allowed":true'


@dataclass(frozen=True, kw_only=True)
class Load:
    """What was measured. `cpu` is what a review cost the server, in milliseconds; filled in by who knows the server."""

    answers: int
    seconds: float
    p50: float
    p99: float
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        return self.answers / self.seconds


class Client(asyncio.Protocol):
    """Sends the next request as soon as one is answered, until it is told to stop."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float]) -> None:
        self._requests, self._latencies = requests, latencies
        self._received, self._sent, self._asked = bytearray(), 0.0, b""
        self._transport: asyncio.Transport | None = None
        self.running = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, complete, body = self._received.partition(b"\r\n\r\n")
        if not complete or not _whole(bytes(head), bytes(body)):
            return
        self._latencies.append(time.perf_counter() - self._sent)
        if ADMITTED not in body and not (body and self._asked.endswith(body)):  # neither answered nor echoed
            raise AssertionError(f"the benchmark must measure what is admitted: {bytes(self._received)!r}")
        self._received.clear()
        if self.running:
            self.ask()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def ask(self) -> None:
        assert self._transport is not None
        self._sent, self._asked = time.perf_counter(), next(self._requests)
        self._transport.write(self._asked)


def _whole(head: bytes, body: bytes) -> bool:
    """By Content-Length, or to the last chunk."""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line[15:])
    return body.endswith(b"0\r\n\r\n")


def _request(address: str, body: bytes) -> bytes:
    head = f"POST /validate?timeout=10s HTTP/1.1\r\nHost: {address}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def load(address: str, authority: Path, connections: int, seconds: float, bodies: list[bytes]) -> Load:
    host, _, port = address.rpartition(":")
    latencies: list[float] = []
    tls = ssl.create_default_context(cafile=authority)
    loop, requests = asyncio.get_running_loop(), cycle([_request(address, body) for body in bodies])
    opened = [
        (await loop.create_connection(lambda: Client(requests, latencies), host, int(port), ssl=tls))[1]
        for _ in range(connections)
    ]
    started = time.perf_counter()
    for client in opened:  # not before all are open: what is asked meanwhile would be paid for and not counted
        client.ask()
    await asyncio.sleep(seconds)
    took, measured = time.perf_counter() - started, sorted(latencies)
    for client in opened:
        client.running = False
        client.close()
    milliseconds = [latency * 1000 for latency in measured]
    return Load(
        answers=len(measured),
        seconds=took,
        p50=milliseconds[len(measured) // 2],
        p99=milliseconds[len(measured) * 99 // 100],
    )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        measured = runner.run(
            load(
                sys.argv[1],
                Path(sys.argv[2]),
                int(sys.argv[3]),
                float(sys.argv[4]),
                sys.stdin.buffer.read().splitlines(),
            )
        )
    print(json.dumps(asdict(measured)))
