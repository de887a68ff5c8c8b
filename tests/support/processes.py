"""Child processes that end with the test run, however it ends, and ports nobody else takes.

Each child leads a session of its own. Beside it waits a two-line shell at the other end of a pipe that only this
process holds: when this process is gone, even by SIGKILL, the pipe closes and the shell kills the child's group.
(PR_SET_PDEATHSIG would follow the starting thread instead of the process, and needs code between fork and exec.)
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

READY_SECONDS = 180.0  # for a machine that does much else besides: it costs what never gets ready, and nothing else
POLL_SECONDS = 0.02
LOG_TAIL_BYTES = 4000
GUARD = 'read -r _; kill -s KILL -- "-$1"'
# Below what Linux and macOS hand out for outgoing connections and for port 0.
PORTS = range(20000, 32000)


class ProcessFailed(Exception):
    """A child ended early or was not ready in time; the message ends with its log."""


def heed_interrupts() -> None:
    """A shell that starts a test run in the background has it ignore interrupts, and children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def wait_until(ready: Callable[[], bool], *, timeout: float = READY_SECONDS) -> None:
    """Returns once ready() is true. Raises TimeoutError after timeout seconds."""
    deadline = time.monotonic() + timeout
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {timeout:.0f} s")
        time.sleep(POLL_SECONDS)


class Process:
    """A running child; standard output and error go to the log file. As a context manager it stops on exit."""

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        self.name = Path(command[0]).name
        with log.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                cwd=cwd,
                start_new_session=True,
            )
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(self.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def output(self) -> str:
        """Returns the end of the log."""
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")

    def wait_ready(self, ready: Callable[[], bool], *, timeout: float = READY_SECONDS) -> None:
        """Returns once ready() is true. Raises ProcessFailed, and stops the child, if it ends or takes too long."""
        try:
            wait_until(lambda: not self.running or ready(), timeout=timeout)
        except TimeoutError as error:
            self.stop()
            raise ProcessFailed(f"{self.name}: {error}\n{self.output()}") from error
        if not self.running:
            self.stop()
            raise ProcessFailed(f"{self.name} ended with {self._child.returncode}\n{self.output()}")

    def signal(self, number: int) -> None:
        """Sends this signal to the child alone."""
        self._child.send_signal(number)

    def wait(self, *, timeout: float = READY_SECONDS) -> int:
        """Returns the exit status once the child ended by itself. Raises ProcessFailed if it does not."""
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"{self.name} still runs after {timeout:.0f} s\n{self.output()}") from error

    def terminate(self, *, timeout: float = READY_SECONDS) -> int:
        """Sends SIGTERM to the child and returns its exit status. Raises ProcessFailed if it does not end."""
        self._child.terminate()
        try:
            return self._child.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise ProcessFailed(f"{self.name} ignores SIGTERM for {timeout:.0f} s\n{self.output()}") from error
        finally:
            self.stop()

    def stop(self) -> None:
        """Kills the whole group at once, and reaps it. Does nothing the second time."""
        if self._guard.stdin is None or self._guard.stdin.closed:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()
        self._guard.kill()
        self._guard.stdin.close()
        self._guard.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _PortLedger:
    """Ports given out by this process, locked against the other test processes of this user."""

    def __init__(self) -> None:
        self._candidates = random.sample(PORTS, len(PORTS))
        self._locks = (Path(tempfile.gettempdir()) / f"navicert-ports-{os.getuid()}.lock").open("wb")

    def take(self) -> int:
        while self._candidates:
            port = self._candidates.pop()
            if self._lock(port) and _unused(port):
                return port
        raise OSError("no free port left")

    def _lock(self, port: int) -> bool:
        # One byte of the file stands for one port; the kernel drops the locks with the process.
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        return True


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


_ledger = _PortLedger()


def free_port() -> int:
    """Returns a port of 127.0.0.1 that no other test process of this user is given while this one lives.

    A stranger may still take it before it is bound: prefer programs that bind port 0 themselves and say what they got.
    """
    return _ledger.take()
