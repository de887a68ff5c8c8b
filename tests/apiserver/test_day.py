"""A day without the operator, half of it without an API server: the same answers, but for what time itself ends.

The judge is put together as the webhook does it, over a real registry and what a real operator left behind; its two
clocks are the test's.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.cli.known import know
from controller.core.image import Digest
from controller.core.policy import Uncovered
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.hosts import named_hosts
from controller.registry.client import RegistryClient
from controller.telemetry import Metrics
from controller.webhook.judging import Judge
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.asking import ask
from tests.support.caseevidence import PLACEHOLDERS, layer
from tests.support.cluster import NAMESPACE, policy, provenance, service_account, trust
from tests.support.controlplane import Client, ControlPlane
from tests.support.foundry import BUNDLE_V03
from tests.support.instance import SIGNED
from tests.support.operator import API, HOME, Operator, install
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reviews import container, pod, review
from tests.support.serving import settings_by
from tests.support.tufrepository import TufRepository

NOON, STALE = 12.0, 29.5  # hours after the beginning
ENDS = {"excepted": 9.5, "young": 16.5, "keyless": STALE}  # the exception; the evidence is too old; its root is
SECONDS = 180.0
PLURALS = {
    "ClusterSLSAPolicy": "clusterslsapolicies",
    "SLSAException": "slsaexceptions",
    "TrustRoot": "trustroots",
    "TrustedBuilder": "trustedbuilders",
}
EMPTY = b"{}"
ADMITTED = "admitted"

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class World:
    """A cluster in which the operator has done its work, and what is in its registry, by what is special about it."""

    plane: ControlPlane
    operator: Operator
    registry: Registry
    images: Mapping[str, Pushed]
    began: datetime


def expected(name: str, hour: float) -> str:
    """What must come of the image of this name at this hour: nothing but these times decides.

    A stale root is ignorance about what it would have vouched for, and about nothing else.
    """
    if name == "keyed":
        return ADMITTED
    if name in {"keyless", "young"} and hour > STALE:
        return "TrustRootStale"
    if name in {"keyless", "excepted", "young"} and hour < ENDS[name]:
        return ADMITTED
    return "TooOld" if name == "young" else "NoProvenance"


def attach_bundle(registry: Registry, image: Pushed) -> None:
    """Keyless provenance by the private Sigstore, as a referrer."""
    bundle = layer({"provenance": {}, "by": {}}, Digest.parse(image.digest))
    empty = registry.push_blob(image.repository, EMPTY, "application/vnd.oci.empty.v1+json")
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": BUNDLE_V03,
        "config": empty,
        "layers": [registry.push_blob(image.repository, bundle.content, bundle.media_type)],
        "subject": image.descriptor(),
    }
    registry.push_manifest(image.repository, manifest)


def policies(host: str, began: datetime) -> Iterator[dict[str, Any]]:
    """The usual one about what a key signed, and others about what the private Sigstore vouches for."""
    keyed = policy(images=[f"{host}/keyed/*"])
    keyed["spec"]["match"]["images"].append(f"{host}/excepted/*")
    yield keyed
    minutes = int((began + timedelta(hours=ENDS["young"]) - SIGNED) / timedelta(minutes=1))
    yield objects.policy("keyless", match={"images": [f"{host}/keyless/*"]}, require={"buildLevel": 3})
    young = {"buildLevel": 3, "build": {"maxAge": f"{minutes}m"}}
    yield objects.policy("young", match={"images": [f"{host}/young/*"]}, require=young)
    workflow = {
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v*",
    }
    spec = {"maxLevel": 3, "signers": [{"certificate": workflow}], "builderID": "SameAsSigner"}
    yield objects.document("TrustedBuilder", "workflow", spec)
    yield objects.exception(
        policies=[{"kind": "ClusterSLSAPolicy", "name": "production"}],
        namespaces=[NAMESPACE],
        images=[f"{host}/excepted/*"],
        expires=(began + timedelta(hours=ENDS["excepted"])).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def put(client: Client, document: Mapping[str, Any]) -> None:
    path = f"{API}/{PLURALS[document['kind']]}/{document['metadata']['name']}"
    status, body = client.apply(path, document)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body


@pytest.fixture
def world(tmp_path: Path, cosign: Cosign) -> Iterator[World]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(tmp_path / "plane"))
        registry = stack.enter_context(Registry(Kind.REFERRERS, tmp_path / "registry"))
        tuf = stack.enter_context(TufRepository(tmp_path / "tuf", PLACEHOLDERS["trusted_root"].encode()))
        install(plane)
        plane.create_namespace(NAMESPACE)
        names = ("keyed", "excepted", "unsigned", "keyless", "young")
        images = {
            name: registry.push_image(f"{'keyed' if name == 'unsigned' else name}/{name}", content=name.encode())
            for name in names
        }
        cosign.sign(images["keyed"])
        cosign.attest(images["keyed"], provenance())
        for name in ("keyless", "young"):
            attach_bundle(registry, images[name])
        root = objects.document("TrustRoot", "sigstore", {**tuf.spec(), "staleAfter": f"{STALE * 60:.0f}m"})
        began = datetime.now(UTC)
        for document in (*trust(cosign.public_key.read_text()), root, *policies(registry.host, began)):
            put(plane.client(), document)
        environment = {**os.environ, "SSL_CERT_FILE": str(tuf.authority)}
        operator = stack.enter_context(Operator(plane, tmp_path / "operator", env=environment))
        status = f"{API}/trustroots/sigstore"
        wait_until(lambda: "lastRefresh" in plane.client().get(status)[1].get("status", {}))
        yield World(plane=plane, operator=operator, registry=registry, images=images, began=datetime.now(UTC))


class Clocks:
    """What the time is for objects and evidence, and how old cached evidence is."""

    def __init__(self, began: datetime) -> None:
        self._began = began
        self.hour = 0.0

    def now(self) -> datetime:
        return self._began + timedelta(hours=self.hour)

    def monotonic(self) -> float:
        return self.hour * 3600


@asynccontextmanager
async def judging(world: World, clocks: Clocks, kubeconfig: Path) -> AsyncIterator[Judge]:
    registries = parse_registries([{"host": world.registry.host, "plainHTTP": True}])
    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(know(settings_by(kubeconfig, namespace=HOME), Metrics.create()))
        executor = stack.enter_context(ThreadPoolExecutor(1))
        client = RegistryClient(registries, named_hosts=lambda: named_hosts(known.store.current()))
        gatherer = Gatherer(registry=await stack.enter_async_context(client), executor=executor)
        gather = await stack.enter_async_context(CachingGatherer(gatherer, clock=clocks.monotonic))
        async with asyncio.timeout(SECONDS):
            while not known.ready():  # noqa: ASYNC110 (a fact of many watches)
                await asyncio.sleep(0.05)
        yield Judge(
            snapshot=known.store.current,
            gather=gather,
            namespace_labels=known.namespaces.labels,
            uncovered=Uncovered.ALLOW,
            now=clocks.now,
        )


async def answers(judge: Judge, world: World) -> dict[str, str]:
    """What comes of each image: admitted, or the reason why not."""
    found = {}
    for name, image in world.images.items():
        answered = await ask(judge, review(pod(container(image.reference)), namespace=NAMESPACE), seconds=20)
        line = msgspec.to_builtins(answered.line)
        reasons = [one["reason"] for one in line["images"][0]["findings"] if "policy" in one]
        found[name] = ADMITTED if line["allowed"] else ",".join(reasons)
    return found


@pytest.mark.case("OPS-014")
async def test_a_day_without_the_operator_changes_nothing_but_what_time_ends(world: World) -> None:
    clocks = Clocks(world.began)
    async with judging(world, clocks, service_account(world.plane)) as judge:
        os.kill(world.operator.process.pid, signal.SIGKILL)
        for hour in range(32):
            clocks.hour = hour
            if hour == NOON:
                world.plane.stop_apiserver()
            assert await answers(judge, world) == {name: expected(name, hour) for name in world.images}, hour
        world.plane.start_apiserver()
