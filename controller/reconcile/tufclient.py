"""Fetching a trusted root from a TUF repository, from its beginning to a verified document.

The TUF specification, 5 (the client workflow). All rules are the library's; ours are the bounds in time and bytes, and
that what vouched for the last document is handed in again, so that nothing older is believed after a restart.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import urllib3
from tuf.api.exceptions import DownloadError, RepositoryError, SlowRetrievalError
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.updater import Updater
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

from controller.core.errors import Unavailable
from controller.core.text import printable
from controller.wire.policy.tuf import TRUSTED_ROOT_CHARACTERS, TufSource
from controller.wire.refreshed import MAX_METADATA_CHARACTERS, METADATA

REFRESH_SECONDS = 60.0  # of one refresh in all
SOCKET_SECONDS = 10
MAX_ROOT_ROTATIONS = 64  # of one refresh
_METADATA_BYTES = MAX_METADATA_CHARACTERS // 4
_ERRORS = (DownloadError, RepositoryError, urllib3.exceptions.HTTPError, OSError, ValueError, RecursionError)


class RefreshFailed(Unavailable):
    """The repository did not answer, or what it answered does not verify; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A verified target, and the metadata that vouches for it, by file name."""

    document: str
    metadata: Mapping[str, str]


def fetch(source: TufSource, known: Mapping[str, str]) -> Fetched:
    """The target as the repository has it now. `known` is the metadata of the last time: none older is believed.

    Blocks, for REFRESH_SECONDS and one socket timeout, or for as long as headers go on coming: the library bounds each
    piece of them, and no more; see `fetch_aside`. Does not look into the target.
    Raises RefreshFailed.
    """
    with tempfile.TemporaryDirectory(prefix="navicert-tuf-") as name:
        folder = Path(name)
        for file, text in known.items():
            (folder / file).write_text(text, encoding="utf-8")
        try:
            document = _update(source, folder)
            metadata = {file: (folder / file).read_text(encoding="utf-8") for file in METADATA}
        except _ERRORS as error:
            raise RefreshFailed(_told(error)) from error
    if sum(map(len, metadata.values())) > MAX_METADATA_CHARACTERS:
        raise RefreshFailed(f"the repository's metadata has more than {MAX_METADATA_CHARACTERS} characters")
    return Fetched(document=document, metadata=metadata)


async def fetch_aside(source: TufSource, known: Mapping[str, str]) -> Fetched:
    """As `fetch`, for REFRESH_SECONDS and two socket timeouts at most, in a thread that ends with the process.

    One that lost its lease waits for no repository, and no root for that of another one.
    """
    loop = asyncio.get_running_loop()
    fetched: asyncio.Future[Fetched] = loop.create_future()

    def settle(outcome: Fetched | RefreshFailed) -> None:
        if fetched.done():  # cancelled
            return
        if isinstance(outcome, Fetched):
            fetched.set_result(outcome)
        else:
            fetched.set_exception(outcome)

    def run() -> None:
        outcome: Fetched | RefreshFailed = RefreshFailed("a bug of ours: the log has its trace")
        try:
            outcome = fetch(source, known)
        except RefreshFailed as error:
            outcome = error
        finally:
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="tuf", daemon=True).start()
    try:
        async with asyncio.timeout(REFRESH_SECONDS + 2 * SOCKET_SECONDS):
            return await fetched
    except TimeoutError as error:
        raise RefreshFailed(f"not done within {REFRESH_SECONDS:.0f} s") from error


def _update(source: TufSource, folder: Path) -> str:
    targets = folder / "targets"
    targets.mkdir()
    updater = Updater(
        metadata_dir=str(folder),
        metadata_base_url=source.url,
        target_dir=str(targets),
        target_base_url=f"{source.url.rstrip('/')}/targets/",
        fetcher=_Fetcher(time.monotonic() + REFRESH_SECONDS),
        config=UpdaterConfig(
            max_root_rotations=MAX_ROOT_ROTATIONS,
            root_max_length=_METADATA_BYTES,
            snapshot_max_length=_METADATA_BYTES,
            targets_max_length=_METADATA_BYTES,
        ),
        bootstrap=source.root.encode(),
    )
    updater.refresh()
    target = updater.get_targetinfo(source.target)
    if target is None:
        raise RepositoryError(f"the repository has no target {source.target}")
    if target.length > TRUSTED_ROOT_CHARACTERS:
        raise RepositoryError(f"the target is longer than {TRUSTED_ROOT_CHARACTERS} bytes")
    return Path(updater.download_target(target)).read_text(encoding="utf-8")


class _Fetcher(Urllib3Fetcher):
    """The library's, within one span of time in all: a repository that drips holds up nothing for ever."""

    def __init__(self, deadline: float) -> None:
        super().__init__(socket_timeout=SOCKET_SECONDS, chunk_size=16 * 1024, app_user_agent="navicert")
        self._deadline = deadline

    def _fetch(self, url: str) -> Iterator[bytes]:
        self._expect_time()
        return self._timed(super()._fetch(url))

    def _timed(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self._expect_time()
            yield chunk

    def _expect_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise SlowRetrievalError(f"not done within {REFRESH_SECONDS:.0f} s")


def _told(error: Exception) -> str:
    """What the library says, and what it was caused by: its own sentence often names the file alone."""
    cause = f" ({type(error.__cause__).__name__}: {error.__cause__})" if error.__cause__ else ""
    return printable(f"{str(error) or type(error).__name__}{cause}", limit=500)
