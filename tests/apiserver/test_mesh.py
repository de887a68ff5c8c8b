"""What a mutating webhook that is asked after Navicert's adds to a pod: pinned when it is asked again, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.admitting import REGISTRATIONS, refused, register
from tests.support.cluster import (
    NAMESPACE,
    plain_registries,
    service_account,
    stocked,
)
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.mesh import Mesh
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reviews import container
from tests.support.webhook import Webhook

PIN = f"{REGISTRATIONS}/mutatingwebhookconfigurations/navicert"

pytestmark = [pytest.mark.apiserver, pytest.mark.case("MODE-020")]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A control plane with Navicert in it, and tags of an image with evidence and of one without."""

    client: Client
    good: Pushed
    tagged: str
    tagged_unsigned: str

    def create_pod(self) -> Answer:
        spec = {"containers": [container(self.tagged)]}
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "web-"}, "spec": spec}
        return self.client.create(f"/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All", document)

    def images(self) -> list[str] | None:
        """Of a pod that is admitted; None of one that is not."""
        status, body = self.create_pod()
        return [one["image"] for one in body["spec"]["containers"]] if status == HTTPStatus.CREATED else None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("mesh")
    with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
        client = plane.client()
        good, unsigned = stocked(plane, registry, cosign)
        for image in (good, unsigned):
            registry.tag(image, "v1")
        tagged, tagged_unsigned = (f"{one.host}/{one.repository}:v1" for one in (good, unsigned))
        registries = plain_registries(folder, registry.host)
        arguments = ("--kubeconfig", service_account(plane), "--registries", registries)
        with Webhook(folder / "webhook", *arguments) as webhook:
            webhook.wait_synced()
            register(client, webhook.admission, webhook.ca)
            running = Cluster(client=client, good=good, tagged=tagged, tagged_unsigned=tagged_unsigned)
            wait_until(lambda: running.images() == [f"{tagged}@{good.digest}"])
            yield running


def test_a_tag_that_is_added_later_is_pinned_when_the_pod_is_looked_at_again(cluster: Cluster, tmp_path: Path) -> None:
    pinned = f"{cluster.tagged}@{cluster.good.digest}"
    with Mesh(image=cluster.tagged, names=("mesh",)).registered(cluster.client, tmp_path) as mesh:
        wait_until(lambda: cluster.images() == [pinned, pinned])
        assert mesh.seen[0] == [pinned]  # it was asked after the pod had been pinned


def test_what_is_added_later_is_judged(cluster: Cluster, tmp_path: Path) -> None:
    with Mesh(image=cluster.tagged_unsigned, names=("mesh",)).registered(cluster.client, tmp_path):
        wait_until(lambda: refused(cluster.create_pod(), "NoProvenance"))


def test_a_tag_that_is_added_once_nobody_is_asked_again_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Each is asked again once: what is added then stays as it is."""
    with Mesh(image=cluster.tagged, names=("mesh", "late")).registered(cluster.client, tmp_path):
        wait_until(lambda: refused(cluster.create_pod(), "TagNotPinned"))
        _, body = cluster.create_pod()
        assert 'container "late"' in body["message"]
        assert 'container "mesh"' not in body["message"]


def test_a_tag_that_is_added_later_is_refused_where_pinning_is_not_asked_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    def reinvoke(policy: str) -> None:
        _, body = cluster.client.get(PIN)
        webhooks = [one | {"reinvocationPolicy": policy} for one in body["webhooks"]]
        assert cluster.client.patch(PIN, {"webhooks": webhooks})[0] == HTTPStatus.OK

    reinvoke("Never")
    try:
        with Mesh(image=cluster.tagged, names=("mesh",)).registered(cluster.client, tmp_path):
            wait_until(lambda: refused(cluster.create_pod(), "TagNotPinned"))
    finally:
        reinvoke("IfNeeded")
