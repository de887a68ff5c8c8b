"""Where log lines leave the process: nobody who answers reviews ever waits for who reads them.

A container's standard error is a pipe, and a pipe whose reader stands still blocks whoever writes to it.
"""

import logging
import os
import select
import threading
from collections import deque
from collections.abc import Iterator, Sequence

MAX_WAITING_BYTES = 4 * 1024 * 1024
FLUSH_SECONDS = 2.0  # at the end of the process, for what still waits


class Outlet(logging.Handler):
    """Writes each line to a file descriptor at once where that can't block, and else from a thread of its own.

    Guarantees the order of lines. Beyond MAX_WAITING_BYTES, and where writing fails, lines are dropped and counted in
    `dropped`. Does not close the descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.dropped = 0
        self._descriptor = descriptor
        self._room = select.poll()
        self._room.register(descriptor, select.POLLOUT)
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0  # until they are written
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line now, or keep it to be written."""
        self.put([self.format(record).encode(errors="backslashreplace") + b"\n"])

    def put(self, lines: Sequence[bytes]) -> None:
        """Write these lines, each with its end, now, or keep them to be written."""
        with self._changed:
            for content in _joined(lines):
                if self._waiting_bytes == 0 and len(content) <= select.PIPE_BUF and self._room.poll(0):
                    self._write(content)  # a pipe with room takes so much whole, or is broken
                elif self._waiting_bytes + len(content) > MAX_WAITING_BYTES:
                    self._drop(content)
                else:
                    self._keep(content)

    def flush(self) -> None:
        """Wait until everything is written, FLUSH_SECONDS at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting_bytes == 0, timeout=FLUSH_SECONDS)

    def _drop(self, content: bytes) -> None:
        self.dropped += content.count(b"\n")

    def _keep(self, content: bytes) -> None:
        if self._writer is None:
            writer = threading.Thread(target=self._write_on, name="log", daemon=True)
            try:
                writer.start()
            except RuntimeError:  # the system has no thread left: whoever logs is not to break for that
                self._drop(content)
                return
            self._writer = writer
        self._waiting.append(content)
        self._waiting_bytes += len(content)
        self._changed.notify_all()

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                content = self._waiting.popleft()
            self._write(content)
            with self._changed:
                self._waiting_bytes -= len(content)
                self._changed.notify_all()

    def _write(self, content: bytes) -> None:
        try:
            written = os.write(self._descriptor, content)
            while written < len(content):
                written += os.write(self._descriptor, memoryview(content)[written:])
        except OSError:
            self._drop(content)


def _joined(lines: Sequence[bytes]) -> Iterator[bytes]:
    """As many lines at a time as a pipe takes whole, a longer one by itself."""
    joined: list[bytes] = []
    size = 0
    for line in lines:
        if joined and size + len(line) > select.PIPE_BUF:
            yield b"".join(joined)
            joined, size = [], 0
        joined.append(line)
        size += len(line)
    yield b"".join(joined)
