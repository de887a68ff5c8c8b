"""The real webhook as a child process, and the API server's side of talking to it."""

import asyncio
import json
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from controller.demo.folder import DemoFolder
from controller.demo.registry import LOOPBACK

READY_SECONDS = 60.0  # a busy machine takes long to start a program; one that ends is told of at once
POLL_SECONDS = 0.02
ANSWER_SECONDS = 30.0  # the longest timeout that a webhook configuration can ask for
LOG_TAIL_CHARACTERS = 2000
LISTENERS = frozenset({"admission", "status"})  # as the log calls them
# The child leads a session of its own. When this process is gone, however it went, the pipe that only it holds
# closes, and the shell at the other end ends that session.
GUARD = 'read -r _; kill -s KILL -- "-$1"'


class DemoFailed(Exception):
    """The demo could not be set up; the message is for the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A running webhook: where it listens for reviews and for questions about itself, and a session that trusts it."""

    address: str
    status: str
    session: aiohttp.ClientSession
    log: Path

    def url(self, *, seconds: int) -> str:
        """Where to post a review, with the time the answer may take, as the API server writes it."""
        return f"https://{self.address}/validate?timeout={seconds}s"

    async def ask(self, review: Mapping[str, Any], *, seconds: int) -> dict[str, Any]:
        """Post a review and return the `response` of the answer. Raises DemoFailed for anything but an answer."""
        try:
            async with self.session.post(self.url(seconds=seconds), json=review) as answer:
                body = await answer.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoFailed(f"the webhook did not answer: {error}\n{log_tail(self.log)}") from error
        try:
            response = json.loads(body)["response"]
        except (ValueError, KeyError, TypeError) as error:
            raise DemoFailed(f"the webhook answered {answer.status}: {body[:LOG_TAIL_CHARACTERS]}") from error
        return dict(response)

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """The JSON lines of the log so far; what is no JSON object is skipped."""
        return _json_lines(self.log)


@asynccontextmanager
async def run_webhook(command: Sequence[str], folder: DemoFolder) -> AsyncIterator[Webhook]:
    """Run `command`, the webhook, until the context ends; it ends with this process, too, however that ends.

    Raises DemoFailed when it does not start; the message ends with what it said.
    """
    with folder.log.open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=_environment(),
        )
    try:
        guard = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", GUARD, "guard", str(child.pid), stdin=asyncio.subprocess.PIPE, start_new_session=True
        )
        try:
            addresses = await _bound_addresses(child, folder.log)
            trust = ssl.create_default_context(cafile=folder.authority)
            async with aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trust), timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)
            ) as session:
                yield Webhook(
                    address=addresses["admission"], status=addresses["status"], session=session, log=folder.log
                )
        finally:
            guard.kill()
            await guard.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # it holds nothing that wants saving
        await child.wait()


def serve_command(folder: DemoFolder) -> tuple[str, ...]:
    """`navicert serve` of this very installation, over the folder's policies, at ports the kernel picks."""
    return (
        *(sys.executable, "-m", "controller.cli.main", "serve"),
        *("--policies", str(folder.policies)),
        *("--registries", str(folder.registries)),
        *("--tls-cert", str(folder.certificate)),
        *("--tls-key", str(folder.key)),
        *("--listen", f"{LOOPBACK}:0"),
        *("--status-listen", f"{LOOPBACK}:0"),
    )


def _environment() -> dict[str, str]:
    """Ours without the settings of a webhook: the demo shows the defaults, whatever this shell is set up for."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NAVICERT_")}


def log_tail(log: Path) -> str:
    """The end of what the webhook said."""
    return log.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:]


async def _bound_addresses(child: asyncio.subprocess.Process, log: Path) -> dict[str, str]:
    """Where each listener is: it is not said of all at once."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while child.returncode is None:
                addresses = {line["serves"]: line["address"] for line in _json_lines(log) if "serves" in line}
                if addresses.keys() >= LISTENERS:
                    return addresses
                await asyncio.sleep(POLL_SECONDS)
    raise DemoFailed(f"the webhook did not start\n{log_tail(log)}")


def _json_lines(log: Path) -> Iterator[dict[str, Any]]:
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            document = json.loads(line)
            if isinstance(document, dict):
                yield document
