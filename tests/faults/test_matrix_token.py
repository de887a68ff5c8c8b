"""The token call x every fault, up to the verdict of an enforcing policy: a realm that lies lets nobody in.

The registry answers nothing but a challenge to whoever has no token; realm and registry are one host with TLS.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.core.verdict import Verdict
from controller.engine.circumstances import Circumstances
from controller.engine.decision import decide
from controller.engine.evidence import Gatherer
from controller.engine.policies import PolicyStore, Snapshot
from controller.registry.client import RegistryClient
from controller.registry.credentials import FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.wire.policy import KINDS
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.facts import workload
from tests.support.faultproxy import Call, FaultProxy
from tests.support.foundry import BUILDER_ID, Foundry
from tests.support.pki import Authority
from tests.support.proxyfaults import HARMLESS, SLOW, Fault
from tests.support.scripted import Reply, ScriptedServer, Seen
from tests.support.shelf import Shelf
from tests.support.shelves import attested

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEADLINE_SECONDS = 1.5
PATIENT_SECONDS = 30.0
SLACK_SECONDS = 30.0  # of a busy machine, after the deadline; the reason tells what ended it
AT_ONCE = 8
PASSWORD = "correct-horse"
# An answer of a realm has no type that anybody looks at, and no next page.
RIGHT = HARMLESS | {Fault.LYING_TYPE, Fault.NEXT_ELSEWHERE, Fault.NEXT_FOR_EVER}
# Which are denied, as soon as the machine comes to it.
REALMS = frozenset(fault for fault in Fault if fault.name.startswith("REALM_"))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one fault; `tokens` is how many requests the realm saw."""

    fault: Fault
    verdict: Verdict
    seconds: float
    tokens: int

    @property
    def reasons(self) -> set[Reason]:
        return {finding.reason for finding in self.verdict.findings}

    def __str__(self) -> str:
        details = [f"{finding.reason.name}: {finding.detail}" for finding in self.verdict.findings]
        return f"{self.fault.name}: {self.verdict.code} after {self.seconds:.1f} s, {details}"


class Site:
    """A proxy for each fault before a registry that wants tokens, and a client of all of them."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self._foundry = Foundry()
        self._shelf: Shelf = attested(self._foundry)[0]
        authority = Authority()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(*authority.server("127.0.0.1").write(folder, "site"))
        self._authority = authority.certificate.decode()

    def answer(self, seen: Seen) -> Reply:
        if seen.target.startswith("/token"):
            return Reply(body=json.dumps({"token": "granted"}).encode())
        if seen.authorization != "Bearer granted":
            challenge = f'Bearer realm="https://{seen.headers["host"]}/token",service="registry"'
            return Reply(status=401, headers={"WWW-Authenticate": challenge}, body=b"{}")
        page = self._shelf.pages.get(seen.target.partition("/acme/shop/")[2])
        return (
            Reply(status=404) if page is None else Reply(body=page.content, headers={"Content-Type": page.content_type})
        )

    async def outcomes(self, faults: frozenset[Fault], seconds: float) -> list[Outcome]:
        """A decision for each fault of the token call."""
        upstream = await self._stack.enter_async_context(ScriptedServer(self.answer).running())
        proxies = {fault: FaultProxy(upstream.host) for fault in faults}
        for fault, proxy in proxies.items():
            proxy.faults[Call.TOKEN] = fault
            await self._stack.enter_async_context(proxy.running(self._tls))
        hosts = [proxy.host for proxy in proxies.values()]
        config = self._folder / "config.json"
        config.write_text(json.dumps({"auths": {host: {"username": "u", "password": PASSWORD} for host in hosts}}))
        client = await self._stack.enter_async_context(
            RegistryClient(
                parse_registries([{"host": host, "caBundle": self._authority} for host in hosts]),
                named_hosts=frozenset,
                credentials=FileCredentials(config, programs=CredentialPrograms(None)),
            )
        )
        gather = Gatherer(registry=client, executor=self._stack.enter_context(ThreadPoolExecutor(1)))
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(fault: Fault, proxy: FaultProxy) -> Outcome:
            async with slots:
                started, deadline = time.monotonic(), asyncio.get_running_loop().time() + seconds
                verdict = await decide(
                    workload(f"{proxy.host}/acme/shop@{self._shelf.subject}"),
                    snapshot=self._snapshot(),
                    gather=gather,
                    circumstances=Circumstances(now=NOW, deadline=deadline, uncovered=Uncovered.ALLOW),
                )
                took = time.monotonic() - started
            tokens = sum(request.call is Call.TOKEN for request in proxy.requests)
            return Outcome(fault=fault, verdict=verdict, seconds=took, tokens=tokens)

        return await asyncio.gather(*(one(fault, proxy) for fault, proxy in proxies.items()))

    def _snapshot(self) -> Snapshot:
        root = objects.root("acme", {"name": "release", "pem": self._foundry.key.pem})
        everything = (root, objects.builder(builderIDs=[BUILDER_ID]), objects.policy(require={"buildLevel": 3}))
        store = PolicyStore()
        for kind in KINDS:
            store.replace(kind, [one for one in everything if one["kind"] == kind])
        snapshot = store.current()
        assert snapshot is not None
        return snapshot


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site(stack, tmp_path)


@pytest.mark.case("REG-017")
async def test_a_realm_that_is_right_lets_in_whatever_stands_beside_its_token(site: Site) -> None:
    outcomes = await site.outcomes(RIGHT, PATIENT_SECONDS)
    assert [str(one) for one in outcomes if not one.verdict.allowed] == []
    assert {one.tokens for one in outcomes} == {1}


@pytest.mark.slow
@pytest.mark.case("NET-001")
@pytest.mark.case("REG-010")
async def test_whatever_goes_wrong_with_the_token_is_ignorance_and_refused_in_time(site: Site) -> None:
    realms = await site.outcomes(REALMS, PATIENT_SECONDS)
    outcomes = [*realms, *await site.outcomes(frozenset(Fault) - RIGHT - REALMS, DEADLINE_SECONDS)]
    assert [str(one) for one in outcomes if one.verdict.allowed or one.verdict.code != 503] == []
    assert [str(one) for one in outcomes if one.seconds > DEADLINE_SECONDS + SLACK_SECONDS] == []
    assert [str(one) for one in outcomes if PASSWORD in str(one)] == []
    assert {str(one) for one in outcomes if one.fault in SLOW and Reason.DeadlineExceeded not in one.reasons} == set()
    ignorance = {Reason.RegistryUnavailable, Reason.RegistryDenied, Reason.LimitExceeded, Reason.DeadlineExceeded}
    assert {reason for one in outcomes for reason in one.reasons} <= ignorance
    assert {str(one) for one in realms if one.reasons != {Reason.RegistryDenied}} == set()
