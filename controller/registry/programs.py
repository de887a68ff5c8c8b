"""Docker's credential programs: `docker-credential-NAME get`, from one folder that the administrator names.

Protocol: docker/docker-credential-helpers; the server's name on standard input, JSON on standard output.
"""

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from controller.core.errors import MalformedDocument, RegistryDenied
from controller.core.text import printable
from controller.wire.dockerconfig import Credential, Program, parse_program_answer

PROGRAM_SECONDS = 4.0
MAX_ANSWER_BYTES = 64 * 1024
REMEMBERED_SECONDS = 300.0  # less than any cloud's registry tokens last
PROGRAMS = 4  # at a time

_NOT_FOUND = b"credentials not found in native keychain"  # what programs say of servers they don't know

_log = logging.getLogger(__name__)


class CredentialPrograms:
    """Runs the programs of one folder; without it, those that `search` (as PATH) leads to; without either, none.

    Remembers what they answered for REMEMBERED_SECONDS.

    A program inherits the environment (that is where clouds put what it needs), gets no shell, and is killed when it
    takes too long or says too much. What it says on standard error is not repeated: it may quote secrets.
    """

    def __init__(self, folder: Path | None, *, search: str = "") -> None:
        self._folder = folder
        self._search = search
        self._remembered: dict[Program, tuple[Credential | None, float]] = {}
        self._locks: dict[Program, asyncio.Lock] = {}
        self._slots = asyncio.Semaphore(PROGRAMS)

    async def credential(self, program: Program) -> Credential | None:
        """What the program knows; None if it says that it knows nothing. Raises RegistryDenied for all else."""
        async with self._locks.setdefault(program, asyncio.Lock()):  # as many as the configuration has entries
            known = self._remembered.get(program)
            now = asyncio.get_running_loop().time()
            if known is not None and now < known[1]:
                return known[0]
            async with self._slots:
                found = await self._ask(program)
            self._remembered[program] = (found, now + REMEMBERED_SECONDS)
            return found

    async def _ask(self, program: Program) -> Credential | None:
        name = f"docker-credential-{program.name}"
        located = self._located(name)
        try:
            async with asyncio.timeout(PROGRAM_SECONDS):
                status, output = await _run(located, f"{program.server}\n".encode())
        except TimeoutError as error:
            raise RegistryDenied(f"{name} does not answer within {PROGRAM_SECONDS:.0f} s") from error
        except OSError as error:
            raise RegistryDenied(f"{name} can't be run") from error
        if status != 0 and output.strip() == _NOT_FOUND:
            return None
        if status != 0 or len(output) > MAX_ANSWER_BYTES:
            _log.warning("credential program failed", extra={"program": name, "status": status})
            raise RegistryDenied(f"{name} fails, or says too much, about {printable(program.server, limit=120)}")
        try:
            return parse_program_answer(output)
        except MalformedDocument as error:
            raise RegistryDenied(f"{name} answers with {error}") from error

    def _located(self, name: str) -> Path:
        if self._folder is not None:
            return self._folder / name
        if not self._search:
            raise RegistryDenied(f"{name} is named, and no folder of credential programs is configured")
        found = shutil.which(name, path=self._search)
        if found is None:
            raise RegistryDenied(f"{name} is named, and is not on PATH")
        return Path(found).absolute()  # it is run in another folder


async def _run(program: Path, question: bytes) -> tuple[int, bytes]:
    """Status and output, of which no more is read than needed to see that it is too much. Leaves no process behind.

    The pipes are our own: asyncio's can't be closed while what the program has written is too much to be read.
    """
    with _pipe() as (asking, asked), _pipe() as (answer, answering):
        asked.write(question)
        asked.close()
        null = asyncio.subprocess.DEVNULL
        child = await asyncio.create_subprocess_exec(
            program, "get", stdin=asking, stdout=answering, stderr=null, cwd="/", start_new_session=True
        )
        answering.close()
        try:
            output = await _output(answer)
            return (await child.wait() if len(output) <= MAX_ANSWER_BYTES else 1), output
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)  # what it has started in turn, too
                await child.wait()


async def _output(answer: FileIO) -> bytes:
    reader = asyncio.StreamReader()
    connecting = asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), answer)
    transport, _ = await connecting
    try:
        output = bytearray()
        while len(output) <= MAX_ANSWER_BYTES and (piece := await reader.read(MAX_ANSWER_BYTES)):
            output += piece
        return bytes(output)
    finally:
        transport.close()


@contextmanager
def _pipe() -> Iterator[tuple[FileIO, FileIO]]:
    readable, writable = os.pipe()
    with FileIO(readable, "rb") as reading, FileIO(writable, "wb") as writing:
        yield reading, writing
