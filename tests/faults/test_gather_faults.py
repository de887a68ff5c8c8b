"""Every call of gathering x every way it can go wrong: what can't be reached is never proven, and is told as a gap."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from controller.core.evidence import Evidence
from controller.core.image import ImageReference, Repository
from controller.core.predicates import IMAGE_SIGNATURE, PROVENANCE
from controller.core.reasons import Reason
from controller.engine.evidence import Gatherer
from controller.engine.gathering import GatherRequest
from controller.registry import retries, transport
from controller.registry.client import MAX_BLOB_BYTES, RegistryClient
from controller.registry.discovery import MAX_FETCHED
from controller.wire.registries import parse_registries
from tests.support.faults import Fault, FaultServer
from tests.support.foundry import Foundry
from tests.support.shelf import Shelf

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DEADLINE_SECONDS = 0.5  # of what never answers
PATIENT_SECONDS = 3.0  # long enough for a loopback answer on a busy machine
SLACK_SECONDS = 30.0  # of the same machine, after the deadline
SLOW = (Fault.STALL, Fault.STALL_IN_BODY, Fault.DRIP)
DENIED = frozenset({Fault.UNAUTHORIZED, Fault.FORBIDDEN, Fault.REDIRECT_PRIVATE, Fault.REDIRECT_PLAIN})
# These break the meaning of a document, and leave a blob, which is hashed, merely wrong.
NONSENSE = frozenset({Fault.OTHER_CONTENT, Fault.OTHER_BYTES, Fault.JUNK, Fault.LYING_TYPE})
# What registries that are older than the referrers API say of it.
OLD = frozenset({Fault.BAD_REQUEST, Fault.METHOD_NOT_ALLOWED, Fault.NOT_ACCEPTABLE})
LARGE = frozenset({Fault.OVERSIZE, Fault.OVERSIZE_CHUNKED})
CALLS = ("image", "referrers", "fallback", "sig", "att", "bundle", "blob")


class Scene:
    """A repository whose only provenance is found through one call, and the server in front of it."""

    def __init__(self, foundry: Foundry, call: str) -> None:
        self.shelf = Shelf()
        self.foundry = foundry
        self.server = FaultServer(self.shelf)
        tag = f"manifests/sha256-{self.shelf.subject.hex}"
        self.path = {
            "image": f"manifests/{self.shelf.subject}",
            "referrers": f"referrers/{self.shelf.subject}",
            "fallback": tag,
            "sig": f"{tag}.sig",
            "att": f"{tag}.att",
        }.get(call, "")
        self._attach(call)

    def _attach(self, call: str) -> None:
        subject = self.shelf.subject
        if call == "sig":
            self.shelf.put_tagged(".sig", self.foundry.signature_layer(self.foundry.simple_signing(subject)))
            return
        if call == "att":
            self.shelf.put_tagged(".att", self.foundry.envelope_layer(self.foundry.provenance(subject)))
            return
        layer = self.foundry.bundle_layer(self.foundry.provenance(subject))
        entry = self.shelf.put_bundle(layer)
        if call == "fallback":
            self.shelf.list_fallback(entry)
        else:
            self.shelf.list_referrers(entry)
        if call == "bundle":
            self.path = f"manifests/{entry['digest']}"
        if call == "blob":
            self.path = next(path for path, page in self.shelf.pages.items() if page.content == layer.content)

    async def gather(self, executor: Executor, *, seconds: float) -> Evidence:
        registries = parse_registries([{"host": self.server.host, "plainHTTP": True}])
        repository = Repository.parse(f"{self.server.host}/acme/shop")
        request = GatherRequest(
            reference=ImageReference(repository=repository, digest=self.shelf.subject),
            wanted=PROVENANCE | IMAGE_SIGNATURE,
            roots=self.foundry.roots,
            now=NOW,
            deadline=asyncio.get_running_loop().time() + seconds,
        )
        async with RegistryClient(registries, named_hosts=frozenset) as client:
            return await Gatherer(registry=client, executor=executor)(request)


def expected_reasons(call: str, fault: Fault) -> frozenset[Reason]:
    if fault in SLOW:
        return frozenset({Reason.DeadlineExceeded})
    if fault in DENIED:
        return frozenset({Reason.RegistryDenied})
    if fault in LARGE and call != "blob":
        return frozenset({Reason.LimitExceeded})
    if fault in NONSENSE and call != "blob":
        return frozenset({Reason.MalformedManifest})
    return frozenset({Reason.RegistryUnavailable})


@pytest.fixture(autouse=True)
def _brief_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long what may pass is waited for is proven elsewhere."""
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)


@pytest.mark.parametrize("call", CALLS)
async def test_without_a_fault_the_evidence_is_complete(foundry: Foundry, executor: Executor, call: str) -> None:
    scene = Scene(foundry, call)
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=10)
    assert len(evidence.statements) == 1
    assert not evidence.gaps
    assert not evidence.refused


def name_of(value: Fault | str) -> str:
    return value.name if isinstance(value, Fault) else value


def cases() -> Iterator[tuple[str, Fault]]:
    """A fact is no fault: 404 at what may be absent. Another digest is no fault where none was asked for, nor is a
    list that only grew a space; and a blob has no type of its own."""
    for call in CALLS:
        for fault in Fault:
            absent = fault is Fault.NOT_FOUND and call in {"image", "referrers", "fallback", "sig", "att"}
            undigested = fault is Fault.OTHER_CONTENT and call in {"referrers", "fallback", "sig", "att"}
            untyped = fault is Fault.LYING_TYPE and call in {"blob", "bundle"}
            unsupported = fault in OLD and call == "referrers"
            if not (absent or undigested or untyped or unsupported):
                yield call, fault


@pytest.mark.case("REG-006")
@pytest.mark.case("REG-007")
@pytest.mark.case("BIND-014")
@pytest.mark.case("BIND-016")
@pytest.mark.case("PARSE-006")
@pytest.mark.case("PARSE-008")
@pytest.mark.case("NET-003")
@pytest.mark.case("NET-005")
@pytest.mark.case("NET-010")
@pytest.mark.parametrize(("call", "fault"), list(cases()), ids=name_of)
async def test_what_cannot_be_reached_is_a_gap_and_never_proven(
    foundry: Foundry, executor: Executor, call: str, fault: Fault
) -> None:
    scene = Scene(foundry, call)
    scene.server.faults[scene.path] = fault
    tasks = asyncio.all_tasks()
    async with scene.server.running():
        started = time.monotonic()
        seconds = DEADLINE_SECONDS if fault in SLOW else 10
        evidence = await scene.gather(executor, seconds=seconds)
        took = time.monotonic() - started
    assert not evidence.statements
    assert {gap.reason for gap in evidence.gaps} == expected_reasons(call, fault)
    assert took < seconds + SLACK_SECONDS
    assert asyncio.all_tasks() <= tasks


@pytest.mark.case("REG-008")
async def test_an_image_that_is_not_there_is_not_found_though_things_refer_to_it(
    foundry: Foundry, executor: Executor
) -> None:
    scene = Scene(foundry, "image")
    scene.server.faults[scene.path] = Fault.NOT_FOUND
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=10)
    assert evidence == Evidence(digest=None, found=False)


@pytest.mark.parametrize("call", ["referrers", "fallback", "sig", "att"])
async def test_a_place_that_is_not_there_is_a_fact(foundry: Foundry, executor: Executor, call: str) -> None:
    scene = Scene(foundry, call)
    scene.server.faults[scene.path] = Fault.NOT_FOUND
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=10)
    assert evidence == Evidence(digest=scene.shelf.subject)


@pytest.mark.case("REG-001")
@pytest.mark.parametrize("fault", [fault for fault in Fault if fault in OLD], ids=name_of)
async def test_a_registry_older_than_the_referrers_api_is_asked_for_the_fallback_tag(
    foundry: Foundry, executor: Executor, fault: Fault
) -> None:
    scene = Scene(foundry, "fallback")
    scene.server.faults[f"referrers/{scene.shelf.subject}"] = fault
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=10)
    assert len(evidence.statements) == 1
    assert not evidence.gaps


@pytest.mark.parametrize("fault", SLOW, ids=name_of)
@pytest.mark.case("SET-011")
async def test_what_finished_before_the_deadline_counts(foundry: Foundry, executor: Executor, fault: Fault) -> None:
    scene = Scene(foundry, "referrers")
    scene.server.faults[f"manifests/sha256-{scene.shelf.subject.hex}.att"] = fault
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=PATIENT_SECONDS)
    assert len(evidence.statements) == 1
    assert {gap.reason for gap in evidence.gaps} == {Reason.DeadlineExceeded}


async def test_no_request_carries_more_than_it_must(foundry: Foundry, executor: Executor) -> None:
    scene = Scene(foundry, "referrers")
    async with scene.server.running():
        await scene.gather(executor, seconds=10)
    for head in scene.server.headers:
        lowered = head.lower()
        assert b"authorization" not in lowered
        assert b"cookie" not in lowered
        assert b"accept-encoding: identity" in lowered


@pytest.mark.case("PARSE-006")
@pytest.mark.parametrize("good", [True, False])
async def test_an_attestation_over_its_bound_is_never_asked_for(
    foundry: Foundry, executor: Executor, *, good: bool
) -> None:
    scene = Scene(foundry, "referrers" if good else "att")
    described = scene.shelf.put_blob(b"large", "application/vnd.dsse.envelope.v1+json") | {"size": MAX_BLOB_BYTES + 1}
    scene.shelf.tag(
        scene.shelf.put_manifest(scene.shelf.manifest_of([described])), f"sha256-{scene.shelf.subject.hex}.att"
    )
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=10)
    assert len(evidence.statements) == good
    assert [gap.reason for gap in evidence.gaps] == [Reason.LimitExceeded]
    assert not any(described["digest"] in request for request in scene.server.requests)


@pytest.mark.case("SET-007")
async def test_more_manifests_than_the_bound_are_a_gap_wherever_they_are_listed(
    foundry: Foundry, executor: Executor
) -> None:
    """Manifests without a layer: no blob is asked for, so that no other bound is met."""
    scene = Scene(foundry, "image")
    empty = [scene.shelf.put_manifest(scene.shelf.manifest_of([], number=number)) for number in range(MAX_FETCHED + 1)]
    scene.shelf.list_referrers(*empty[:200])
    scene.shelf.list_fallback(*empty[200:])
    async with scene.server.running():
        evidence = await scene.gather(executor, seconds=30)
    assert [gap.reason for gap in evidence.gaps] == [Reason.LimitExceeded]
    asked = {request for request in scene.server.requests if any(entry["digest"] in request for entry in empty)}
    assert len(asked) == MAX_FETCHED


async def test_a_stalling_host_has_the_requests_of_one_host_whatever_its_ports(
    foundry: Foundry, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "REQUESTS_PER_HOST", 2)
    monkeypatch.setattr(transport, "CONNECTIONS", 4)
    stalling = [FaultServer(Shelf()) for _ in range(2)]
    healthy = Scene(foundry, "referrers")
    async with AsyncExitStack() as stack:
        for server in (*stalling, healthy.server):
            await stack.enter_async_context(server.running())
        name = healthy.server.host.replace("127.0.0.1", "localhost")
        hosts = [name, *(server.host for server in stalling)]
        registries = parse_registries([{"host": host, "plainHTTP": True} for host in hosts])
        client = await stack.enter_async_context(RegistryClient(registries, named_hosts=frozenset))
        tasks = [
            stack.enter_context(asked(client, server, fault))
            for server in stalling
            for fault in (Fault.STALL, Fault.STALL_IN_BODY) * 4
        ]
        async with asyncio.timeout(SLACK_SECONDS):
            while sum(len(server.requests) for server in stalling) < 2:  # noqa: ASYNC110 (nothing tells of a request)
                await asyncio.sleep(0.01)
        assert await client.manifest(Repository.parse(f"{name}/acme/shop"), healthy.shelf.subject)
        assert sum(len(server.requests) for server in stalling) == 2
        assert not any(task.done() for task in tasks)


@contextmanager
def asked(client: RegistryClient, server: FaultServer, fault: Fault) -> Iterator[asyncio.Task[object]]:
    """A request that goes wrong so, for as long as the context lasts."""
    server.faults[f"manifests/{fault.name}"] = fault
    task = asyncio.create_task(client.manifest(Repository.parse(f"{server.host}/acme/shop"), fault.name))
    yield task
    task.cancel()
