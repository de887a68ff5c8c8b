"""A TUF repository that fails or lies in each way: the last good root stays, and it is told what went wrong."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.reconcile.tufclient import RefreshFailed, fetch, fetch_aside
from controller.wire.policy.tuf import TufSource
from tests.support.tufrepository import TARGET, TufRepository

FIRST, SECOND = b'{"first": true}', b'{"second": true}'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TufRepository]:
    with TufRepository(tmp_path / "tuf", FIRST) as running:
        monkeypatch.setenv("SSL_CERT_FILE", str(running.authority))
        yield running


def source(repository: TufRepository) -> TufSource:
    return TufSource(url=repository.url, root=repository.root, target=TARGET)


def test_what_is_published_is_fetched_and_then_what_is_published_next(repository: TufRepository) -> None:
    fetched = fetch(source(repository), {})
    assert fetched.document == FIRST.decode()
    repository.publish(SECOND)
    assert fetch(source(repository), fetched.metadata).document == SECOND.decode()


def _expired(repository: TufRepository) -> None:
    repository.publish(SECOND, expires=datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1))


def _other_keys(repository: TufRepository) -> None:
    repository._signers = {**repository._signers, "timestamp": repository._signers["root"]}
    repository.publish(SECOND)


def _down(repository: TufRepository) -> None:
    repository.down = True


def _endless(repository: TufRepository) -> None:
    repository.endless = True


def _gone(repository: TufRepository) -> None:
    repository.close()


def _tampered(repository: TufRepository) -> None:
    repository.tamper(b'{"forged": true}')


def _huge(repository: TufRepository) -> None:
    repository.publish(b" " * 300_000)


FAULTS: tuple[tuple[Callable[[TufRepository], None], str], ...] = (
    (_expired, "expired"),
    (_other_keys, "signed by"),
    (_down, "503"),
    (_endless, "exceed"),
    (_gone, "refused"),
    (_tampered, "hash|length"),
    (_huge, "longer than"),
)


@pytest.mark.case("OPS-013")
@pytest.mark.parametrize(("fault", "told"), FAULTS, ids=[fault.__name__.strip("_") for fault, _ in FAULTS])
def test_a_repository_that_fails_or_lies_gives_nothing(
    fault: Callable[[TufRepository], None], told: str, repository: TufRepository
) -> None:
    fault(repository)
    with pytest.raises(RefreshFailed, match=f"(?i){told}"):
        fetch(source(repository), {})


@pytest.mark.case("OPS-013")
def test_an_older_version_than_the_last_one_is_refused_after_a_restart(repository: TufRepository) -> None:
    repository.publish(SECOND)
    known = fetch(source(repository), {}).metadata
    repository.publish(FIRST, version=1)
    with pytest.raises(RefreshFailed, match=r"(?i)version"):
        fetch(source(repository), known)


@pytest.mark.case("OPS-013")
def test_a_repository_of_another_root_is_refused(repository: TufRepository, tmp_path: Path) -> None:
    with TufRepository(tmp_path / "other", FIRST) as other:
        trusted = TufSource(url=repository.url, root=other.root, target=TARGET)
        with pytest.raises(RefreshFailed, match="signed by"):
            fetch(trusted, {})


def test_a_target_that_is_not_there_is_told_by_name(repository: TufRepository) -> None:
    with pytest.raises(RefreshFailed, match=r"no target other\.json"):
        fetch(TufSource(url=repository.url, root=repository.root, target="other.json"), {})


def test_a_root_that_is_no_metadata_is_refused(repository: TufRepository) -> None:
    for root in ("{}", "nonsense", "[" * 100_000):
        with pytest.raises(RefreshFailed):
            fetch(TufSource(url=repository.url, root=root, target=TARGET), {})


def test_a_repository_that_drips_is_left_when_the_time_is_up(
    repository: TufRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.reconcile.tufclient.REFRESH_SECONDS", -1.0)
    with pytest.raises(RefreshFailed, match="not done within"):
        fetch(source(repository), {})


@contextmanager
def dripping() -> Iterator[str]:
    """A server whose headers never end, and come one by one."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ExitStack() as connections:
        ended = threading.Event()

        def drip() -> None:
            connection = connections.enter_context(listening.accept()[0])
            with suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not ended.wait(0.05):
                    connection.sendall(b"X-More: y\r\n")

        dripper = threading.Thread(target=drip)
        dripper.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        ended.set()
        dripper.join()


async def test_a_repository_whose_headers_drip_keeps_no_other_root_from_being_refreshed(
    repository: TufRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.reconcile.tufclient.REFRESH_SECONDS", 0.5)
    monkeypatch.setattr("controller.reconcile.tufclient.SOCKET_SECONDS", 1)
    with dripping() as url:
        async with asyncio.timeout(20):
            with pytest.raises(RefreshFailed, match="not done within"):
                await fetch_aside(TufSource(url=url, root=repository.root, target=TARGET), {})
    for thread in threading.enumerate():
        if thread.name == "tuf":
            thread.join(60)
