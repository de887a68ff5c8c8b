"""An API server that keeps one kind to itself: a replica that does not know everything is not ready."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.cli.known import Known, know
from controller.engine import policies
from controller.telemetry import Metrics
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.controlplane import Credentials
from tests.support.pki import Authority
from tests.support.scripted import Reply, ScriptedServer, Seen
from tests.support.serving import settings_by

POLICIES = [kind.plural for kind in KINDS.values()]
EVERYTHING = [*POLICIES, "namespaces", "configmaps"]
HOME = "navicert-system"
SECONDS = 60.0


class Withholding:
    """Lists of one kind are forbidden, and of others empty but for policies; watches tell at most one event."""

    def __init__(self, kind: str) -> None:
        self.withheld = kind
        self.listed: set[str] = set()
        self.policies: dict[str, Any] = {"items": []}

    def __call__(self, seen: Seen) -> Reply:
        path, _, query = seen.target.partition("?")
        kind = path.rpartition("/")[2]
        if "watch=" in query:
            told = kind == "clusterslsapolicies" and "event" in self.policies
            return Reply(body=json.dumps(self.policies.pop("event")).encode() + b"\n") if told else Reply(stall=True)
        self.listed.add(kind)
        if kind == self.withheld:
            return Reply(status=403)
        items = self.policies["items"] if kind == "clusterslsapolicies" else []
        return Reply(body=json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode())


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110 (what is waited for raises no event)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def following(script: Withholding, folder: Path) -> AsyncIterator[Known]:
    """What a replica knows whose API server answers by this script."""
    authority = Authority("api server")
    certificate, key = authority.server("127.0.0.1").write(folder, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    (folder / "ca.crt").write_bytes(authority.certificate)
    async with ScriptedServer(script).running(tls) as server:
        credentials = Credentials(server=f"https://{server.host}", ca_file=folder / "ca.crt", token="x")
        (folder / "kubeconfig").write_text(credentials.kubeconfig())
        async with know(settings_by(folder / "kubeconfig", namespace=HOME), Metrics.create()) as known:
            yield known


@pytest.mark.case("SVC-001")
@pytest.mark.parametrize("kind", EVERYTHING)
async def test_a_replica_that_was_not_told_of_one_kind_is_not_ready_and_knows_no_policies(
    kind: str, tmp_path: Path
) -> None:
    script = Withholding(kind)
    async with following(script, tmp_path) as known:
        await until(lambda: script.listed == {*EVERYTHING})
        await asyncio.sleep(0.2)
        assert not known.ready()
        assert (known.store.current() is None) == (kind in POLICIES)
        script.withheld = ""
        await until(known.ready)
        assert known.store.current() is not None


async def test_policies_are_compiled_beside_the_loop_that_reviews_wait_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listed or watched: one that takes long, or many, must not keep a review waiting."""
    compile_object, where = policies.compile_object, dict[str, bool]()

    def compiled(source: Any) -> Any:
        where[source["metadata"]["name"]] = threading.current_thread() is threading.main_thread()
        return compile_object(source)

    monkeypatch.setattr(policies, "compile_object", compiled)
    script = Withholding("")
    script.policies = {"items": [policy("listed")], "event": {"type": "ADDED", "object": policy("watched")}}
    async with following(script, tmp_path) as known:
        await until(lambda: len(where) == 2)
        await until(lambda: known.store.current() is not None)
        await until(lambda: len(known.store.current().policies.policies) == 2)  # type: ignore[union-attr]
    assert where == {"listed": False, "watched": False}


def policy(name: str) -> dict[str, Any]:
    document = objects.policy(name)
    return document | {"metadata": {"name": name, "uid": name, "resourceVersion": "2"}}
