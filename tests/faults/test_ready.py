"""An API server that keeps one kind to itself: a replica that does not know everything is not ready."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from controller.cli.known import know
from controller.core.policy import Uncovered
from controller.settings import Address, Settings
from controller.telemetry import Metrics
from controller.wire.policy import KINDS
from tests.support.controlplane import Credentials
from tests.support.pki import Authority
from tests.support.scripted import Reply, ScriptedServer, Seen

POLICIES = [kind.plural for kind in KINDS.values()]
EVERYTHING = [*POLICIES, "namespaces", "configmaps"]
EMPTY = b'{"metadata":{"resourceVersion":"1"},"items":[]}'
HOME = "navicert-system"
SECONDS = 10.0


class Withholding:
    """Lists are empty, but of one kind they are forbidden; watches stay quiet."""

    def __init__(self, kind: str) -> None:
        self.withheld = kind
        self.listed: set[str] = set()

    def __call__(self, seen: Seen) -> Reply:
        path, _, query = seen.target.partition("?")
        kind = path.rpartition("/")[2]
        if "watch=" in query:
            return Reply(stall=True)
        self.listed.add(kind)
        return Reply(status=403) if kind == self.withheld else Reply(body=EMPTY)


def settings(kubeconfig: Path) -> Settings:
    return Settings(
        tls_cert=Path(),
        tls_key=Path(),
        client_ca=None,
        client_names=frozenset(),
        listen=Address("127.0.0.1", 0),
        status_listen=Address("127.0.0.1", 0),
        policies=None,
        namespace=HOME,
        kubeconfig=kubeconfig,
        uncovered=Uncovered.ALLOW,
        registries=None,
        credentials=None,
        credential_programs=None,
        pod_pull_secrets=False,
        exception_maximum=timedelta(days=90),
        drain_seconds=0,
        log_level="info",
    )


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 (what is waited for raises no event)
            await asyncio.sleep(0.01)


@pytest.mark.case("SVC-001")
@pytest.mark.parametrize("kind", EVERYTHING)
async def test_a_replica_that_was_not_told_of_one_kind_is_not_ready_and_knows_no_policies(
    kind: str, tmp_path: Path
) -> None:
    authority = Authority("api server")
    certificate, key = authority.server("127.0.0.1").write(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    script = Withholding(kind)
    async with ScriptedServer(script).running(tls) as server:
        credentials = Credentials(server=f"https://{server.host}", ca_file=tmp_path / "ca.crt", token="x")
        (tmp_path / "kubeconfig").write_text(credentials.kubeconfig())
        async with know(settings(tmp_path / "kubeconfig"), Metrics.create()) as known:
            await until(lambda: script.listed == {*EVERYTHING})
            await asyncio.sleep(0.2)
            assert not known.ready()
            assert (known.store.current() is None) == (kind in POLICIES)
            script.withheld = ""
            await until(known.ready)
            assert known.store.current() is not None
