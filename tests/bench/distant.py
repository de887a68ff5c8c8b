"""A registry in a process of its own that answers after a delay and counts what it is asked: `python -m` with a port
file, and the pages of its repository on standard input.

GET /-/delay/<seconds>, /-/status/<status> (0: none) set it up; /-/counts tells and forgets how often each path was
asked for, and /-/trips tells how many answers somebody waited for one after another since then.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
from collections import Counter
from pathlib import Path

import uvloop

from tests.support.shelf import Page


class Distant:
    """Serves pages by path, each repository the same ones."""

    def __init__(self, pages: dict[str, Page]) -> None:
        self._pages = pages
        self._delay = 0.0
        self._status = 0
        self._counts: Counter[str] = Counter()
        self._trips = 0

    async def serve(self, port_file: Path) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=512)
        port_file.with_suffix(".new").write_text(str(server.sockets[0].getsockname()[1]))
        port_file.with_suffix(".new").rename(port_file)
        await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                status, page = await self._answer(head.split(b" ", 2)[1].decode())
                opening = f"HTTP/1.1 {status} X\r\nContent-Type: {page.content_type}\r\n"
                writer.write(f"{opening}Content-Length: {len(page.content)}\r\n\r\n".encode())
                writer.write(page.content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _answer(self, target: str) -> tuple[int, Page]:
        if target.startswith("/-/"):
            return 200, Page(content=self._steer(target.split("/")[2:]), content_type="application/json")
        self._counts[target] += 1
        trip = self._trips + 1
        await asyncio.sleep(self._delay)
        self._trips = max(self._trips, trip)
        name = target.split("/", 4)[-1]
        page = self._pages.get(name)
        if self._status or page is None:
            return self._status or 404, Page(content=b"{}", content_type="application/json")
        return 200, page

    def _steer(self, order: list[str]) -> bytes:
        match order:
            case ["delay", seconds]:
                self._delay = float(seconds)
            case ["status", status]:
                self._status = int(status)
            case ["trips"]:
                return json.dumps({"trips": self._trips}).encode()
            case _:
                self._trips = 0
                counts, self._counts = self._counts, Counter()
                return json.dumps(counts).encode()
        return b"{}"


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Distant(pickle.load(sys.stdin.buffer)).serve(Path(sys.argv[1])))
