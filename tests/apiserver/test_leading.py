"""Two operators: never two writers, and the other leads when the first is gone, in whatever way."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from controller.reconcile.lease import RENEW_SECONDS
from tests.support import objects
from tests.support.controlplane import ControlPlane
from tests.support.operator import API, LEASE, Operator, install
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow


class Relay:
    """Passes connections on to the API server, until it is cut."""

    def __init__(self, server: str) -> None:
        self._target = urlsplit(server).netloc.rpartition(":")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._pumps: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._cut = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def sever(self) -> None:
        """Ends every connection and answers no new one."""
        with self._lock:
            self._cut = True
            for one in self._open:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        with self._lock:
            self._cut = False

    def close(self) -> None:
        """For good."""
        self.sever()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for pump in self._pumps:
            pump.join()
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                inner, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._cut:
                    inner.close()
                else:
                    self._connect(inner)

    def _connect(self, inner: socket.socket) -> None:
        outer = socket.create_connection((self._target[0], int(self._target[2])))
        self._open += [inner, outer]
        for source, sink in ((inner, outer), (outer, inner)):
            self._pumps.append(threading.Thread(target=_pump, args=(source, sink), daemon=True))
            self._pumps[-1].start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        install(running)
        yield running


@pytest.fixture
def start(plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., Operator]]:
    started: list[Operator] = []

    def one(name: str, server: str | None = None) -> Operator:
        started.append(Operator(plane, tmp_path / name, server=server))
        return started[-1]

    yield one
    for operator in started:
        operator.stop()
    plane.client().delete(LEASE)


def holder(plane: ControlPlane) -> Any:
    return plane.client().get(LEASE)[1].get("spec", {}).get("holderIdentity")


def renewed(plane: ControlPlane) -> datetime:
    return datetime.fromisoformat(plane.client().get(LEASE)[1]["spec"]["renewTime"])


def began_to_lead(operator: Operator) -> datetime:
    return datetime.fromisoformat(operator.told("leading")[0]["time"])


def writes_status(plane: ControlPlane, name: str) -> bool:
    body = plane.client().get(f"{API}/clusterslsapolicies/{name}")[1]
    return bool(body.get("status", {}).get("conditions"))


def create_policy(plane: ControlPlane, name: str) -> None:
    plane.client().create(f"{API}/clusterslsapolicies", objects.policy(name))


@pytest.mark.case("OPS-004")
def test_one_of_two_writes_and_the_other_leads_when_it_is_killed(
    plane: ControlPlane, start: Callable[..., Operator]
) -> None:
    first = start("first")
    wait_until(lambda: first.leads)
    second = start("second")
    create_policy(plane, "killed")
    wait_until(lambda: writes_status(plane, "killed"))
    assert (second.leads, second.told("status written")) == (False, [])
    wait_until(lambda: second.ask("/readyz")[0] == 200)
    assert "navicert_operator_leading 0.0" in second.ask("/metrics")[1]
    assert holder(plane) == first.identity
    last = renewed(plane)
    os.kill(first.process.pid, signal.SIGKILL)
    wait_until(lambda: second.leads)
    assert began_to_lead(second) > last + timedelta(seconds=RENEW_SECONDS)
    create_policy(plane, "after")
    wait_until(lambda: writes_status(plane, "after"))
    assert plane.client().get(LEASE)[1]["spec"]["leaseTransitions"] == 1


@pytest.mark.case("OPS-004")
def test_one_that_is_told_to_end_hands_over_at_once(plane: ControlPlane, start: Callable[..., Operator]) -> None:
    first = start("first")
    wait_until(lambda: first.leads)
    second = start("second")
    assert first.process.terminate() == 0
    assert [line["message"] for line in first.lines()][-2:] == ["lease released", "stopped"]
    assert holder(plane) in ("", second.identity)
    wait_until(lambda: second.leads)
    assert second.process.terminate() == 0


@pytest.mark.case("OPS-004")
def test_one_that_was_stopped_beyond_its_lease_ends_when_it_wakes_up(
    plane: ControlPlane, start: Callable[..., Operator]
) -> None:
    first = start("first")
    wait_until(lambda: first.leads)
    second = start("second")
    os.kill(first.process.pid, signal.SIGSTOP)
    wait_until(lambda: second.leads)
    create_policy(plane, "woken")
    wait_until(lambda: writes_status(plane, "woken"))
    os.kill(first.process.pid, signal.SIGCONT)
    wait_until(lambda: not first.process.running)
    assert "is lost" in first.told("ending")[0]["error"]
    assert not any(line["object"].endswith("/woken") for line in first.told("status written"))
    assert holder(plane) == second.identity


@pytest.mark.case("OPS-004")
def test_one_that_is_cut_off_survives_a_blip_and_then_ends_and_may_not_write_when_the_other_leads(
    plane: ControlPlane, start: Callable[..., Operator]
) -> None:
    relay = Relay(plane.server)
    first = start("first", relay.server)
    wait_until(lambda: first.leads)
    second = start("second")
    cut = datetime.now(UTC)
    relay.sever()
    wait_until(lambda: bool(first.told("lease not renewed")))
    relay.mend()
    wait_until(lambda: renewed(plane) > cut + timedelta(seconds=RENEW_SECONDS))
    assert holder(plane) == first.identity
    assert not second.leads
    last = renewed(plane)
    relay.close()
    wait_until(lambda: not first.process.running)
    assert "was not renewed" in first.told("ending")[0]["error"]
    wait_until(lambda: second.leads)
    assert began_to_lead(second) > last + timedelta(seconds=RENEW_SECONDS)  # from when on the first writes nothing


@pytest.mark.case("OPS-004")
def test_a_lease_that_is_deleted_is_nobodys_to_take_while_its_holder_may_write(
    plane: ControlPlane, start: Callable[..., Operator]
) -> None:
    first = start("first")
    wait_until(lambda: first.leads)
    second = start("second")
    wait_until(lambda: second.ask("/readyz")[0] == 200)  # it has seen whose the lease is
    for _ in range(3):
        plane.client().delete(LEASE)
        wait_until(lambda: holder(plane) is not None)
        assert holder(plane) == first.identity
    os.kill(first.process.pid, signal.SIGSTOP)
    deleted = datetime.now(UTC)
    plane.client().delete(LEASE)
    wait_until(lambda: second.leads)
    assert began_to_lead(second) > deleted + timedelta(seconds=RENEW_SECONDS)
    os.kill(first.process.pid, signal.SIGCONT)
    wait_until(lambda: not first.process.running)
    assert holder(plane) == second.identity
