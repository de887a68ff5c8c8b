"""The main job end to end: a real API server asks the real webhook about images that the real cosign signed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest

from tests.support.admitting import register
from tests.support.cluster import (
    NAMESPACE,
    apply,
    plain_registries,
    policy,
    provenance,
    service_account,
    stocked,
)
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.webhook import Webhook

_names = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A control plane with Navicert in it, and images with and without evidence."""

    client: Client
    webhook: Webhook
    good: Pushed
    unsigned: Pushed
    foreign: Pushed
    registry: Registry

    def pod(self, *images: str, labels: dict[str, str] | None = None, name: str | None = None) -> dict[str, Any]:
        containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
        metadata = {"name": name or f"pod-{next(_names)}", "labels": labels or {}}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}

    def create_pod(self, *images: str, namespace: str = NAMESPACE, query: str = "", **pod: Any) -> Answer:
        return self.client.create(f"/api/v1/namespaces/{namespace}/pods{query}", self.pod(*images, **pod))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("admission")
    with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
        client = plane.client()
        good, unsigned = stocked(plane, registry, cosign)
        foreign = registry.push_image("acme/fork", content=b"fork")
        cosign.sign(foreign)
        cosign.attest(foreign, provenance(source="https://github.com/mallory/shop"))
        registries = plain_registries(folder, registry.host)
        arguments = ("--kubeconfig", service_account(plane), "--registries", registries)
        with Webhook(folder / "webhook", *arguments) as webhook:
            webhook.wait_synced()
            register(client, webhook.admission, webhook.ca)
            running = Cluster(
                client=client, webhook=webhook, good=good, unsigned=unsigned, foreign=foreign, registry=registry
            )
            in_force(lambda: refused_by_policy(running))
            yield running


@pytest.fixture
def production(cluster: Cluster) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Puts another policy in place of the base one for one test."""
    yield lambda document: apply(cluster.client, document)
    apply(cluster.client, policy())
    in_force(lambda: refused_by_policy(cluster))


def in_force(seen: Callable[[], bool]) -> float:
    """Waits until a change counts and returns the seconds that took."""
    started = time.monotonic()
    wait_until(seen)
    return time.monotonic() - started


def refused_by_policy(cluster: Cluster) -> bool:
    status, body = cluster.create_pod(cluster.unsigned.reference, query="?dryRun=All")
    return status == HTTPStatus.FORBIDDEN and "NoProvenance" in body["message"]


def test_a_pod_whose_image_is_signed_and_attested_is_admitted(cluster: Cluster) -> None:
    status, body = cluster.create_pod(cluster.good.reference)
    assert status == HTTPStatus.CREATED, body
    stored, _ = cluster.client.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{body['metadata']['name']}")
    assert stored == HTTPStatus.OK


def test_a_refusal_names_container_image_digest_policy_reason_and_remedy(cluster: Cluster) -> None:
    status, body = cluster.create_pod(cluster.good.reference, cluster.unsigned.reference)
    assert status == HTTPStatus.FORBIDDEN
    for word in (
        'container "c1"',
        f"{cluster.registry.host}/acme/other",
        cluster.unsigned.digest,
        "ClusterSLSAPolicy/production",
        "NoProvenance",
        "Attest the image after the build",
    ):
        assert word in body["message"]
    assert "c0" not in body["message"]


@pytest.mark.case("SRC-026")
def test_a_genuine_attestation_from_another_repository_is_refused(cluster: Cluster) -> None:
    status, body = cluster.create_pod(cluster.foreign.reference)
    assert status == HTTPStatus.FORBIDDEN
    assert "SourceMismatch" in body["message"]
    assert "https://github.com/mallory/shop" in body["message"]


def test_a_deployment_is_judged_by_its_template(cluster: Cluster) -> None:
    def deployment(image: str) -> dict[str, Any]:
        labels = {"app": "web"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"web-{next(_names)}"},
            "spec": {"selector": {"matchLabels": labels}, "template": template, "replicas": 0},
        }

    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    assert cluster.client.create(path, deployment(cluster.unsigned.reference))[0] == HTTPStatus.FORBIDDEN
    status, body = cluster.client.create(path, deployment(cluster.good.reference))
    assert status == HTTPStatus.CREATED, body
    container = {"name": "web", "image": cluster.unsigned.reference}
    patch = {"spec": {"replicas": 1, "template": {"spec": {"containers": [container]}}}}
    assert cluster.client.patch(f"{path}/{body['metadata']['name']}", patch)[0] == HTTPStatus.FORBIDDEN


@pytest.mark.case("COV-003")
def test_an_unsigned_ephemeral_container_is_refused(cluster: Cluster) -> None:
    status, body = cluster.create_pod(cluster.good.reference)
    assert status == HTTPStatus.CREATED
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{body['metadata']['name']}/ephemeralcontainers"

    def debug(image: str) -> Answer:
        container = {"name": "debug", "image": image, "terminationMessagePolicy": "File"}
        return cluster.client.patch(path, {"spec": {"ephemeralContainers": [container]}})

    status, refusal = debug(cluster.unsigned.reference)
    assert status == HTTPStatus.FORBIDDEN
    assert 'ephemeral container "debug"' in refusal["message"]
    status, body = debug(cluster.good.reference)
    assert status == HTTPStatus.OK, body


@pytest.mark.case("COV-020")
def test_a_dry_run_is_refused_like_the_real_thing(cluster: Cluster) -> None:
    status, body = cluster.create_pod(cluster.unsigned.reference, query="?dryRun=All")
    assert status == HTTPStatus.FORBIDDEN
    assert "NoProvenance" in body["message"]


@pytest.mark.case("MODE-024")
def test_the_same_refusal_has_the_same_words(cluster: Cluster) -> None:
    answers = {cluster.create_pod(cluster.unsigned.reference)[1]["message"] for _ in range(2)}
    assert len(answers) == 1


@pytest.mark.case("MODE-017")
@pytest.mark.case("POL-013")
def test_a_policy_turned_to_audit_counts_within_seconds(
    cluster: Cluster, production: Callable[[dict[str, Any]], None]
) -> None:
    production(policy(mode="Audit"))
    seconds = in_force(
        lambda: cluster.create_pod(cluster.unsigned.reference, query="?dryRun=All")[0] == HTTPStatus.CREATED
    )
    assert seconds < 30  # by the watch: what was listed again came later


def test_a_policy_that_stops_compiling_guards_its_scope(
    cluster: Cluster, production: Callable[[dict[str, Any]], None]
) -> None:
    broken = policy()
    broken["spec"]["require"]["builders"] = ["nobody-by-that-name"]
    production(broken)

    def erring() -> bool:
        status, body = cluster.create_pod(cluster.good.reference, query="?dryRun=All")
        return status == HTTPStatus.SERVICE_UNAVAILABLE and "PolicyBroken" in body["message"]

    in_force(erring)
    apply(cluster.client, {**policy(), "spec": {**policy()["spec"], "mach": {}}})
    in_force(lambda: erring() and "mach" in str(cluster.create_pod(cluster.good.reference)[1]["message"]))


@pytest.mark.case("POL-013")
def test_a_namespace_label_edited_later_decides_what_a_selector_matches(
    cluster: Cluster, production: Callable[[dict[str, Any]], None]
) -> None:
    production(policy(namespaces={"selector": {"matchLabels": {"tier": "production"}}}))
    path = f"/api/v1/namespaces/{NAMESPACE}"

    def status() -> int:
        return cluster.create_pod(cluster.unsigned.reference, query="?dryRun=All")[0]

    in_force(lambda: status() == HTTPStatus.CREATED)
    assert cluster.client.patch(path, {"metadata": {"labels": {"tier": "production"}}})[0] == HTTPStatus.OK
    in_force(lambda: status() == HTTPStatus.FORBIDDEN)
    assert cluster.client.patch(path, {"metadata": {"labels": {"tier": None}}})[0] == HTTPStatus.OK
    in_force(lambda: status() == HTTPStatus.CREATED)


@pytest.mark.case("POL-011")
def test_a_namespace_created_a_moment_ago_is_judged_by_its_labels(
    cluster: Cluster, production: Callable[[dict[str, Any]], None]
) -> None:
    production(policy(namespaces={"selector": {"matchLabels": {"tier": "production"}}}))
    in_force(lambda: cluster.create_pod(cluster.unsigned.reference, query="?dryRun=All")[0] == HTTPStatus.CREATED)
    document = {"metadata": {"name": "fresh", "labels": {"tier": "production"}}}
    assert cluster.client.create("/api/v1/namespaces", document)[0] == HTTPStatus.CREATED
    account = {"metadata": {"name": "default"}}
    cluster.client.create("/api/v1/namespaces/fresh/serviceaccounts", account)
    status, body = cluster.create_pod(cluster.unsigned.reference, namespace="fresh")
    assert status == HTTPStatus.FORBIDDEN, body


def test_the_webhook_writes_a_line_for_each_review(cluster: Cluster) -> None:
    name = f"told-{next(_names)}"
    cluster.create_pod(cluster.unsigned.reference, name=name)
    wait_until(lambda: any(line["name"] == name for line in cluster.webhook.reviews()))
    line = next(line for line in cluster.webhook.reviews() if line["name"] == name)
    assert (line["allowed"], line["code"], line["namespace"]) == (False, 403, NAMESPACE)
    reasons = {finding["reason"] for image in line["images"] for finding in image["findings"]}
    assert reasons == {"NoProvenance"}


@pytest.mark.case("CACHE-012")
@pytest.mark.case("COV-010")
def test_labels_change_while_the_registry_is_down(cluster: Cluster) -> None:
    """Second to last: the registry does not come back."""
    status, body = cluster.create_pod(cluster.good.reference)
    assert status == HTTPStatus.CREATED
    cluster.registry.stop()
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{body['metadata']['name']}"
    status, body = cluster.client.patch(path, {"metadata": {"labels": {"edited": "yes"}}})
    assert status == HTTPStatus.OK, body
    assert cluster.create_pod(cluster.good.reference)[0] == HTTPStatus.CREATED  # what is known stays known
    status, body = cluster.create_pod(cluster.good.reference.replace("@", "-unseen@"))
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert "RegistryUnavailable" in body["message"]


def test_a_webhook_that_is_gone_refuses(cluster: Cluster) -> None:
    """Last: the webhook does not come back."""
    assert cluster.webhook.process.terminate() == 0
    status, body = cluster.create_pod(cluster.good.reference)
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert "failed calling webhook" in body["message"]
