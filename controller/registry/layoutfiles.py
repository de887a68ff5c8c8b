"""Reading the files of an OCI layout, which somebody else may have written: nothing outside the folder, no device, no
pipe, and never more than asked for.

Every component below the folder is opened by itself, relative to the one before and without following links, so that
no name leads out, whatever is changed meanwhile. The folder itself is the user's word and may be reached by links.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from controller.core.errors import LimitExceeded, MalformedManifest, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest
from controller.core.text import printable

BLOBS = ("blobs", "sha256")
MAX_FILES = 16_384  # in the folder of blobs, when it is searched

_HEX = re.compile(r"[0-9a-f]{64}")
_PIECE = 256 * 1024  # bytes
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # opening a pipe must not wait for its writer
_IRREGULAR = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR})


class LayoutFiles:
    """The files of one layout. Blocks while it reads; nothing stays open in between."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return printable(str(self._folder), limit=120)

    def document(self, name: str, *, limit: int) -> bytes:
        """A file at the top of the layout, at most `limit` bytes of it.

        Raises MalformedManifest where there is none, else as `blob` does.
        """
        content = self._read((name,), limit)
        if content is None:
            raise MalformedManifest(f"{self} is no OCI layout: it has no {name}")
        return content

    def blob(self, digest: Digest, *, limit: int, opening: bytes = b"") -> bytes | None:
        """What is stored as this digest and begins with `opening`; None where nothing is. Hash it: it may be another.

        Raises LimitExceeded for more than `limit` bytes, RegistryDenied for a link or anything else that is no
        regular file, RegistryUnavailable where the system does not let us read.
        """
        return self._read((*BLOBS, digest.hex), limit, opening)

    def stored(self) -> tuple[Digest, ...]:
        """Everything that is stored by a name that is a digest, without a look at what it is.

        Raises LimitExceeded for more than MAX_FILES files, else as `blob` does.
        """
        try:
            with self._border("blobs"), self._open(BLOBS, _FOLDER) as folder, os.scandir(folder) as files:
                names = [file.name for file in islice(files, MAX_FILES + 1)]
        except FileNotFoundError:  # a layout that stores nothing
            return ()
        if len(names) > MAX_FILES:
            raise LimitExceeded(f"{self} stores more than {MAX_FILES} blobs")
        return tuple(sorted(Digest(name) for name in names if _HEX.fullmatch(name)))

    def _read(self, parts: tuple[str, ...], limit: int, opening: bytes = b"") -> bytes | None:
        name = "/".join(parts)
        try:
            with self._border(name), self._open(parts, _FILE) as file:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise RegistryDenied(f"{name} of {self} is no regular file")
                if os.pread(file, len(opening), 0) != opening:
                    return None
                if status.st_size > limit:
                    raise LimitExceeded(f"{name} of {self} is larger than {limit} bytes")
                return _bounded(file, limit, name)
        except FileNotFoundError:
            return None

    @contextmanager
    def _open(self, parts: tuple[str, ...], flags: int) -> Iterator[int]:
        """The last part, reached through every part before it."""
        here = os.open(self._folder, _FOLDER)
        try:
            for part in parts[:-1]:
                here = _step(here, part, _FOLDER)
            here = _step(here, parts[-1], flags)
            yield here
        finally:
            os.close(here)

    @contextmanager
    def _border(self, name: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno in _IRREGULAR:
                raise RegistryDenied(f"{name} of {self} is a link, or no regular file") from error
            raise RegistryUnavailable(f"{name} of {self} can't be read: {printable(str(error.strerror))}") from error


def _step(here: int, part: str, flags: int) -> int:
    """Opens `part` in the folder `here`, in whose place it comes."""
    opened = os.open(part, flags | os.O_NOFOLLOW, dir_fd=here)
    os.close(here)
    return opened


def _bounded(file: int, limit: int, name: str) -> bytes:
    """A file may have grown since its size was asked, or lie about it, as those of /proc do."""
    content = bytearray()
    while piece := os.read(file, _PIECE):
        content += piece
        if len(content) > limit:
            raise LimitExceeded(f"{name} is larger than {limit} bytes")
    return bytes(content)
