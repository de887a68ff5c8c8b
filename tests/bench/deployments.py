"""A Deployment of 100 replicas of a new image until all run, where Navicert judges its pods and where nobody does.

The control plane, its controllers and the scheduler are real; the node is kwok's.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.support.cluster import apply, install_kinds, plain_registries, policy, provenance, service_account, trust
from tests.support.controlplane import Client, ControlPlane
from tests.support.fakenode import FakeNode
from tests.support.processes import wait_until
from tests.support.registered import ServiceAuthority, register
from tests.support.registries import Cosign, Kind, Registry
from tests.support.reviews import container
from tests.support.webhook import Webhook

REPLICAS, ROUNDS = 100, 5
JUDGED, EXEMPT = "shop", "free"
GOAL_SECONDS = 0.3
POLL_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Medians of seconds until all replicas run, and of the differences round by round."""

    judged: float
    exempt: float
    difference: float

    def __str__(self) -> str:
        met = "met" if self.difference < GOAL_SECONDS else "MISSED"
        return (
            f"{REPLICAS} replicas of a new image run after {self.judged:.2f} s, where nothing is judged after"
            f" {self.exempt:.2f} s: {self.difference:+.2f} s, goal at most {GOAL_SECONDS} s: {met}"
        )


def measure() -> list[Burst]:
    with tempfile.TemporaryDirectory() as name, _stage(Path(name)) as stage:
        stage.seconds(JUDGED)
        stage.seconds(EXEMPT)
        pairs = [(stage.seconds(JUDGED), stage.seconds(EXEMPT)) for _ in range(ROUNDS)]
    return [
        Burst(
            judged=statistics.median(judged for judged, _ in pairs),
            exempt=statistics.median(exempt for _, exempt in pairs),
            difference=statistics.median(judged - exempt for judged, exempt in pairs),
        )
    ]


@dataclass(kw_only=True)
class Stage:
    """A cluster whose pods run, with a webhook that judges those of one namespace."""

    client: Client
    registry: Registry
    cosign: Cosign
    made: int = 0

    def seconds(self, namespace: str) -> float:
        """Creates a Deployment of an image that nobody has seen yet, waits until all its replicas run, removes it."""
        self.made += 1
        image = self.registry.push_image("acme/shop", content=f"version {self.made}".encode())
        self.cosign.sign(image)
        self.cosign.attest(image, provenance())
        path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        started = time.monotonic()
        status, body = self.client.create(path, _deployment(f"web-{self.made}", image.reference))
        assert status == HTTPStatus.CREATED, body
        path = f"{path}/web-{self.made}"
        while (self.client.get(path)[1].get("status") or {}).get("readyReplicas", 0) < REPLICAS:
            time.sleep(POLL_SECONDS)
        seconds = time.monotonic() - started
        self.client.patch(path, {"spec": {"replicas": 0}})
        wait_until(lambda: not self.client.get(path)[1]["status"].get("replicas"), timeout=60)
        self.client.delete(path)
        return seconds


def _deployment(name: str, image: str) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"containers": [container(image)], "terminationGracePeriodSeconds": 0}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@contextmanager
def _stage(folder: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(folder / "plane"))
        registry = stack.enter_context(Registry(Kind.REFERRERS, folder / "registry"))
        cosign, client = Cosign(folder / "cosign"), plane.client()
        install_kinds(client)
        for document in (*trust(cosign.public_key.read_text()), policy()):
            apply(client, document)
        for namespace in (JUDGED, EXEMPT):
            plane.create_namespace(namespace)
        registries = plain_registries(folder, registry.host)
        issuer, arguments = ServiceAuthority(), ("--kubeconfig", service_account(plane), "--registries", registries)
        webhook = stack.enter_context(Webhook(folder / "webhook", *arguments, authority=issuer))
        webhook.wait_synced()
        register(client, webhook.admission, issuer.certificate, exempt=(EXEMPT,))
        stack.enter_context(FakeNode(plane))
        yield Stage(client=client, registry=registry, cosign=cosign)


def main() -> None:
    for row in measure():
        sys.stdout.write(f"  {row}\n")


if __name__ == "__main__":
    main()
