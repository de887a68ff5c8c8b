"""The scan of 5,000 pods in 500 workloads with an image each: real API server, real registry, two passes and a change.

Nothing is attested, so every image is looked for everywhere, and each workload has something to report.
"""

from __future__ import annotations

import asyncio
import resource
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.observing import KnownHosts, ObservedRegistry
from controller.kube.client import ApiClient, Verb
from controller.kube.connection import from_kubeconfig
from controller.registry.client import RegistryClient
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.controlplane import ControlPlane
from tests.support.operator import HOME, install
from tests.support.registries import Kind, Registry
from tests.support.reportkinds import POLICY_REPORTS, install_reports
from tests.support.running import PATHS, pod, workload
from tests.support.scanning import Stage, staged

PODS, IMAGES = 5000, 500
NAMESPACE = "shop"
AT_ONCE = 16
SETTLE_SECONDS = 2.0  # until namespaces are listed
MEBIBYTE = 1024


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One look at everything: what it took and what it asked."""

    name: str
    seconds: float
    judged: int
    registry: int
    writes: int
    peak: float

    def __str__(self) -> str:
        return (
            f"{self.name:<28} {self.seconds:6.1f} s, {self.judged:>4} workloads judged, {self.registry:>5} registry"
            f" calls, {self.writes:>4} API writes, peak memory {self.peak:.0f} MiB"
        )


async def measure() -> list[Pass]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
            install(plane)
            install_reports(plane.client(), POLICY_REPORTS)
            plane.create_namespace(NAMESPACE)
            images = [registry.push_image("acme/shop", content=b"%d" % n).reference for n in range(IMAGES)]
            await _populate(plane, images)
            kubeconfig = plane.service_account_kubeconfig(HOME, "operator")
            calls: Counter[str] = Counter()
            policy = objects.policy(match={"images": [f"{registry.host}/**"]})
            async with _gatherer(registry.host, calls) as gather, staged(kubeconfig, gather, [policy]) as stage:
                following = asyncio.create_task(stage.scan.follow_namespaces())
                await asyncio.sleep(SETTLE_SECONDS)
                passes = [await _timed("first, nothing known", stage, calls)]
                passes.append(await _timed("second, nothing changed", stage, calls))
                stage.objects = [policy | {"spec": {**policy["spec"], "mode": "Audit"}}]
                passes.append(await _timed("third, the policy changed", stage, calls))
                following.cancel()
                return passes


async def _timed(name: str, stage: Stage, calls: Counter[str]) -> Pass:
    before, writes, started = calls.total(), len(stage.writes), time.perf_counter()
    figures = await stage.look()
    return Pass(
        name=name,
        seconds=time.perf_counter() - started,
        judged=figures.judged,
        registry=calls.total() - before,
        writes=len(stage.writes) - writes,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEBIBYTE,
    )


@asynccontextmanager
async def _gatherer(host: str, calls: Counter[str]) -> AsyncIterator[CachingGatherer]:
    registries = parse_registries([{"host": host, "plainHTTP": True}])
    hosts = KnownHosts(frozenset({host}), lambda: None)
    with ThreadPoolExecutor(2) as executor:
        async with RegistryClient(registries, named_hosts=frozenset) as client:
            registry = ObservedRegistry(client, hosts=hosts, count=lambda _host, code: calls.update([code]))
            gatherer = Gatherer(registry=registry, executor=executor)
            async with CachingGatherer(gatherer, clock=time.monotonic) as gather:
                yield gather


async def _populate(plane: ControlPlane, images: Iterable[str]) -> None:
    """A Deployment, a ReplicaSet and its share of the pods for each image."""
    async with ApiClient(from_kubeconfig(plane.admin_kubeconfig)) as client:

        async def create(document: dict[str, Any]) -> Any:
            return await client.write(Verb.CREATE, PATHS[document["kind"]].format(NAMESPACE), document)

        waiting = iter(enumerate(images))

        async def work() -> None:
            for number, image in waiting:
                name = f"app-{number}"
                deployment = await create(workload("Deployment", name))
                replicas = await create(workload("ReplicaSet", f"{name}-1", owner=deployment))
                for one in range(PODS // IMAGES):
                    document = pod(f"{name}-1-{one}", image, owner=replicas, generate_name=f"{name}-1-")
                    await create(_with_environment(document))

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())


def _with_environment(document: dict[str, Any]) -> dict[str, Any]:
    """As large as pods usually are: about 8 KB."""
    variables = [{"name": f"SOME_VARIABLE_{n}", "value": "with a value of usual length"} for n in range(80)]
    document["spec"]["containers"][0]["env"] = variables
    return document


def main() -> None:
    with asyncio.Runner() as runner:
        for row in runner.run(measure()):
            print(f"  {row}")


if __name__ == "__main__":
    main()
