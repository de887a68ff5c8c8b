"""Log lines leave in order, and whoever logs never waits for who reads."""

import logging
import os
import select
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from controller.telemetry import Outlet
from controller.telemetry.outlet import MAX_WAITING_BYTES


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        with suppress(OSError):
            os.close(descriptor)


def record(text: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": text, "levelno": logging.INFO})


def taken(descriptor: int, size: int) -> bytes:
    content = b""
    while len(content) < size and (more := os.read(descriptor, 65536)):
        content += more
    return content


def test_a_line_is_there_as_soon_as_it_was_logged(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    outlet.handle(record("one"))
    assert os.read(pipe[0], 100) == b"one\n"
    assert outlet.dropped == 0


def test_a_reader_that_stands_still_stops_nobody_and_what_it_misses_is_counted(pipe: tuple[int, int]) -> None:
    outlet, line = Outlet(pipe[1]), "x" * 1023
    sent = 2 * MAX_WAITING_BYTES // (len(line) + 1)
    for _ in range(sent):
        outlet.handle(record(line))
    assert 0 < outlet.dropped < sent
    content = taken(pipe[0], (sent - outlet.dropped) * (len(line) + 1))
    outlet.flush()
    assert content == f"{line}\n".encode() * (sent - outlet.dropped)


def test_lines_keep_their_order_whether_they_had_to_wait_or_not(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    lines = [str(number) * (1 if number % 3 else 9000) for number in range(100)]
    for line in lines:
        outlet.handle(record(line))
    expected = "".join(f"{line}\n" for line in lines).encode()
    assert taken(pipe[0], len(expected)) == expected


def test_lines_after_a_reader_came_back_are_written_at_once_again(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    outlet.handle(record("x" * 100_000))
    assert len(taken(pipe[0], 100_001)) == 100_001
    outlet.flush()
    outlet.handle(record("after"))
    os.set_blocking(pipe[0], False)
    assert os.read(pipe[0], 100) == b"after\n"


def test_a_reader_that_is_gone_costs_lines_and_no_error(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    os.close(pipe[0])
    outlet.handle(record("one"))
    outlet.handle(record("x" * 100_000))
    until = time.monotonic() + 60
    while outlet.dropped < 2 and time.monotonic() < until:
        time.sleep(0.01)
    assert outlet.dropped == 2


def test_a_line_that_gets_no_thread_to_wait_in_is_counted_and_the_next_one_tries_again(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    outlet = Outlet(pipe[1])
    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", no_thread)
        outlet.handle(record("x" * 100_000))
    assert outlet.dropped == 1
    outlet.handle(record("y" * 100_000))
    assert taken(pipe[0], 100_001) == b"y" * 100_000 + b"\n"


def no_thread(_thread: threading.Thread) -> None:
    """What Python says where the system has none left."""
    raise RuntimeError("can't start new thread")


def test_lines_that_come_together_leave_in_order_and_in_few_pieces_that_a_pipe_takes_whole(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = os.write

    def recorded(descriptor: int, content: bytes) -> int:
        written.append(content)
        return write(descriptor, content)

    monkeypatch.setattr(os, "write", recorded)
    lines = [b"%d" % number * 300 + b"\n" for number in range(100)]
    Outlet(pipe[1]).put(lines)
    assert b"".join(written) == b"".join(lines) == taken(pipe[0], sum(map(len, lines)))
    assert max(map(len, written)) <= select.PIPE_BUF
    assert len(written) < len(lines) / 5


def test_of_lines_that_come_together_each_that_is_dropped_counts(pipe: tuple[int, int]) -> None:
    outlet = Outlet(pipe[1])
    os.close(pipe[0])
    outlet.put([b"one\n", b"two\n", b"three\n"])
    assert outlet.dropped == 3
