"""The webhook as a service of a real API server: every kind, pinning, client certificates, rotation, drain, outages."""

from __future__ import annotations

import http.client
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.support import objects
from tests.support.admitting import CALLER, KINDS, REGISTRATIONS, admission_configuration, refused, register, templated
from tests.support.balancer import Balancer
from tests.support.cluster import (
    API,
    NAMESPACE,
    apply,
    plain_registries,
    policy,
    service_account,
    stocked,
)
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.pki import Authority
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reviews import container, encoded, pod, review
from tests.support.webhook import Webhook

STRICT = {"tier": "strict"}
ASKED = "/validate?timeout=30s"  # the longest there is: what is judged does not depend on how fast the machine is
DRAIN_SECONDS = 10  # longer than by default: a busy machine is slower to let everybody know that a replica goes

_names = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A control plane whose API server shows a certificate, two replicas behind one address, and two images."""

    plane: ControlPlane
    client: Client
    replicas: list[Webhook]
    balancer: Balancer
    registry: Registry
    callers: Authority
    good: Pushed
    unsigned: Pushed
    start: Callable[[str], Webhook]

    def create(self, kind: str, spec: dict[str, Any], *, query: str = "", **metadata: Any) -> Answer:
        group, plural = KINDS[kind]
        path = f"/apis/{group}/namespaces" if "/" in group else f"/api/{group}/namespaces"
        document = {
            "apiVersion": group,
            "kind": kind,
            "metadata": {"name": f"{plural}-{next(_names)}", **metadata},
            "spec": spec,
        }
        return self.client.create(f"{path}/{NAMESPACE}/{plural}{query}", document)

    def create_pod(self, *containers: Any, query: str = "", **spec: Any) -> Answer:
        return self.create("Pod", {"containers": [*containers], **spec}, query=query)

    def admits(self, image: str) -> bool:
        """By each replica: they learn of a change one after the other."""
        return all(asked(replica, image)["allowed"] for replica in self.replicas)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("service")
    callers, authority = Authority("callers"), Authority("replicas")
    (folder / "callers.crt").write_bytes(callers.certificate)
    configuration = admission_configuration(folder, callers)
    with (
        ControlPlane(folder / "plane", admission_control_config_file=configuration) as plane,
        Registry(Kind.REFERRERS, folder / "registry") as registry,
    ):
        client = plane.client()
        good, unsigned = stocked(plane, registry, cosign)
        registries = plain_registries(folder, registry.host)
        kubeconfig = service_account(plane)

        def start(name: str) -> Webhook:
            replica = Webhook(
                folder / name,
                *("--kubeconfig", kubeconfig, "--registries", registries),
                *("--client-ca", folder / "callers.crt", "--client-names", f"someone,{CALLER}"),
                *("--drain-seconds", str(DRAIN_SECONDS)),
                authority=authority,
            )
            replica.tls.load_cert_chain(*callers.client(CALLER).write(folder, "caller"))
            replica.wait_synced()
            return replica

        replicas = [start("first"), start("second")]
        try:
            with Balancer([replica.admission for replica in replicas]) as balancer:
                register(client, balancer.address, authority.certificate)
                running = Cluster(
                    plane=plane,
                    client=client,
                    replicas=replicas,
                    balancer=balancer,
                    registry=registry,
                    callers=callers,
                    good=good,
                    unsigned=unsigned,
                    start=start,
                )
                tagged = tag(running, "probe", good)
                wait_until(lambda: refused(running.create_pod(container(unsigned.reference))))
                wait_until(lambda: running.create_pod(container(tagged))[0] == HTTPStatus.CREATED)  # pinned, too
                yield running
        finally:
            for replica in replicas:
                replica.stop()


def asked(replica: Webhook, image: str) -> Any:
    """What this replica answers about a pod of the image."""
    status, answer = replica.ask("POST", ASKED, encoded(review(pod(container(image)), namespace=NAMESPACE)))
    assert status == HTTPStatus.OK
    return json.loads(answer)["response"]


def tag(cluster: Cluster, name: str, image: Pushed) -> str:
    cluster.registry.tag(image, name)
    return f"{image.host}/{image.repository}:{name}"


@pytest.mark.case("COV-012")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "Pod"])
def test_every_kind_is_judged_by_its_template(cluster: Cluster, kind: str) -> None:
    assert refused(cluster.create(kind, templated(kind, cluster.unsigned.reference)))
    status, body = cluster.create(kind, templated(kind, cluster.good.reference))
    assert status == HTTPStatus.CREATED, body


@pytest.mark.case("COV-001")
@pytest.mark.case("COV-002")
@pytest.mark.case("COV-004")
@pytest.mark.parametrize("place", ["init container", "sidecar", "volume"])
def test_every_place_of_a_pod_is_judged(cluster: Cluster, place: str) -> None:
    def spec(image: str) -> dict[str, Any]:
        match place:
            case "init container":
                return {"initContainers": [container(image, "init")]}
            case "sidecar":
                return {"initContainers": [container(image, "side", restartPolicy="Always")]}
        return {"volumes": [{"name": "model", "image": {"reference": image}}]}

    assert refused(cluster.create_pod(container(cluster.good.reference), **spec(cluster.unsigned.reference)))
    status, body = cluster.create_pod(container(cluster.good.reference), **spec(cluster.good.reference))
    assert status == HTTPStatus.CREATED, body


@pytest.mark.case("COV-024")
def test_an_image_volume_deep_in_a_cron_job_is_judged(cluster: Cluster) -> None:
    volumes = [{"name": "model", "image": {"reference": cluster.unsigned.reference}}]
    assert refused(cluster.create("CronJob", templated("CronJob", cluster.good.reference, volumes=volumes)))


@pytest.mark.case("COV-005")
def test_a_fabricated_owner_is_no_reason_to_skip(cluster: Cluster) -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "1", "controller": True}
    spec = {"containers": [container(cluster.unsigned.reference)]}
    assert refused(cluster.create("Pod", spec, ownerReferences=[owner], labels={"navicert.dev/verified": "true"}))


@pytest.mark.case("COV-006")
def test_a_deployment_that_asks_for_no_pod_yet_is_judged_when_it_is_made(cluster: Cluster) -> None:
    assert refused(cluster.create("Deployment", templated("Deployment", cluster.unsigned.reference) | {"replicas": 0}))


@pytest.mark.case("COV-017")
def test_what_another_mutation_injects_is_judged(cluster: Cluster) -> None:
    with injecting(cluster, cluster.unsigned.reference):
        wait_until(lambda: refused(cluster.create_pod(container(cluster.good.reference))))
    wait_until(lambda: cluster.create_pod(container(cluster.good.reference))[0] == HTTPStatus.CREATED)


@pytest.mark.case("COV-021")
@pytest.mark.case("COV-022")
def test_labels_that_make_a_stricter_policy_match_change_nothing_for_what_runs(cluster: Cluster) -> None:
    """It is for the scan to report what runs."""
    spec = {"mode": "Enforce", "require": {"buildLevel": 3}}
    scopes = {
        "by-pod": {"podSelector": {"matchLabels": STRICT}},
        "by-namespace": {"namespaces": {"selector": {"matchLabels": STRICT}}},
    }
    for name, match in scopes.items():
        apply(cluster.client, objects.document("ClusterSLSAPolicy", name, spec | {"match": match}))
    good = container(cluster.good.reference)
    wait_until(lambda: refused(cluster.create("Pod", {"containers": [good]}, labels=STRICT), "LevelTooLow"))
    status, made = cluster.create_pod(good)
    assert status == HTTPStatus.CREATED
    namespace = f"/api/v1/namespaces/{NAMESPACE}"
    path = f"{namespace}/pods/{made['metadata']['name']}"
    try:
        assert cluster.client.patch(path, {"metadata": {"labels": STRICT}})[0] == HTTPStatus.OK
        assert cluster.client.patch(namespace, {"metadata": {"labels": STRICT}})[0] == HTTPStatus.OK
        assert cluster.client.patch(path, {"metadata": {"labels": {"edited": "yes"}}})[0] == HTTPStatus.OK
        wait_until(lambda: refused(cluster.create_pod(good), "LevelTooLow"))
    finally:
        cluster.client.patch(namespace, {"metadata": {"labels": dict.fromkeys(STRICT)}})
        for name in scopes:
            cluster.client.delete(f"{API}/clusterslsapolicies/{name}")
        wait_until(lambda: cluster.admits(cluster.good.reference))


@contextmanager
def injecting(cluster: Cluster, image: str) -> Iterator[None]:
    """Meanwhile every new pod gets another container, as a service mesh's webhook would add it."""
    expression = (
        f'Object{{spec: Object.spec{{containers: [Object.spec.containers{{name: "sidecar", image: "{image}"}}]}}}}'
    )
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}],
    }
    kinds = {"mutatingadmissionpolicies": spec, "mutatingadmissionpolicybindings": {"policyName": "sidecar"}}
    names = {"mutatingadmissionpolicies": "MutatingAdmissionPolicy"}
    for plural, said in kinds.items():
        kind = names.get(plural, "MutatingAdmissionPolicyBinding")
        document = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": "sidecar"},
            "spec": said,
        }
        status, body = cluster.client.create(f"{REGISTRATIONS}/{plural}", document)
        assert status == HTTPStatus.CREATED, body
    try:
        yield
    finally:
        for plural in kinds:
            cluster.client.delete(f"{REGISTRATIONS}/{plural}/sidecar")


@pytest.mark.case("MODE-008")
@pytest.mark.case("COV-020")
def test_a_tag_is_pinned_in_the_pod_and_the_digest_is_judged(cluster: Cluster) -> None:
    good, bad = tag(cluster, "pinned", cluster.good), tag(cluster, "pinned", cluster.unsigned)
    spec = {"initContainers": [container(good, "init")], "volumes": [{"name": "v", "image": {"reference": good}}]}
    for query in ("", "?dryRun=All"):
        status, body = cluster.create_pod(container(good), query=query, **spec)
        assert status == HTTPStatus.CREATED, body
        pinned = f"{good}@{cluster.good.digest}"
        assert body["spec"]["containers"][0]["image"] == pinned
        assert body["spec"]["initContainers"][0]["image"] == pinned
        assert body["spec"]["volumes"][0]["image"]["reference"] == pinned
    assert refused(cluster.create_pod(container(bad)))


@pytest.mark.case("MODE-014")
@pytest.mark.case("COV-025")
def test_a_template_keeps_its_tag(cluster: Cluster) -> None:
    good = tag(cluster, "template", cluster.good)
    status, body = cluster.create("Deployment", templated("Deployment", good))
    assert status == HTTPStatus.CREATED, body
    assert body["spec"]["template"]["spec"]["containers"][0]["image"] == good


@pytest.mark.case("MODE-021")
@pytest.mark.case("COV-003")
def test_a_debug_container_is_pinned_and_judged(cluster: Cluster) -> None:
    _, body = cluster.create_pod(container(cluster.good.reference))
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{body['metadata']['name']}/ephemeralcontainers"

    def debug(image: str) -> Answer:
        return cluster.client.patch(path, {"spec": {"ephemeralContainers": [container(image, "debug")]}})

    assert refused(debug(tag(cluster, "debug", cluster.unsigned)))
    good = tag(cluster, "debug", cluster.good)
    status, body = debug(good)
    assert status == HTTPStatus.OK, body
    assert body["spec"]["ephemeralContainers"][0]["image"] == f"{good}@{cluster.good.digest}"


@pytest.mark.case("MODE-016")
def test_the_digest_that_a_tag_was_pinned_to_is_judged_wherever_the_tag_points_by_then(cluster: Cluster) -> None:
    unattested = cluster.registry.push_image("acme/shop", content=b"nobody attests this")
    moved = tag(cluster, "moved", unattested)
    status, body = cluster.create_pod(container(f"{moved}@{cluster.good.digest}"))
    assert status == HTTPStatus.CREATED, body
    tag(cluster, "moved", cluster.good)
    assert refused(cluster.create_pod(container(f"{moved}@{unattested.digest}")))


@pytest.mark.case("MODE-022")
def test_a_pinned_pod_that_is_applied_again_keeps_its_digest_though_the_tag_moved(cluster: Cluster) -> None:
    moving = tag(cluster, "moving", cluster.good)
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "applied"},
        "spec": {"containers": [container(moving)]},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/applied"
    status, first = cluster.client.apply(path, document)
    assert status == HTTPStatus.CREATED, first
    cluster.registry.tag(cluster.registry.push_image("acme/shop", content=b"the next version"), "moving")
    status, second = cluster.client.apply(path, document)
    assert status == HTTPStatus.OK, second
    assert second["spec"]["containers"][0]["image"] == f"{moving}@{cluster.good.digest}"
    assert second["metadata"]["generation"] == first["metadata"]["generation"]


def test_who_shows_no_certificate_of_the_right_name_is_not_answered(cluster: Cluster, tmp_path: Path) -> None:
    replica = cluster.replicas[0]
    assert replica.ask("GET", "/validate")[0] == 405
    before = replica.metric('navicert_refused_connections_total{cause="client name"}')
    for client in (None, cluster.callers.client("stranger"), Authority("strangers").client(CALLER)):
        stranger = replica.stranger()
        if client is not None:
            stranger.load_cert_chain(*client.write(tmp_path, "client"))
        with pytest.raises((OSError, http.client.HTTPException)):
            replica.ask("GET", "/validate", tls=stranger)
    assert replica.metric('navicert_refused_connections_total{cause="client name"}') == before + 1


class Traffic:
    """Pods created without a pause, as dry runs, and what did not come out as it must."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ended = threading.Event()
        self.wrong: list[Answer] = []
        self.served = 0

    def run(self) -> None:
        images = ((self._cluster.good.reference, 201), (self._cluster.unsigned.reference, 403))
        while not self._ended.is_set():
            for image, expected in images:
                answer = self._cluster.create_pod(container(image), query="?dryRun=All")
                self.served += 1
                if answer[0] != expected:
                    self.wrong.append(answer)

    def wait_served(self, more: int) -> None:
        """Returns once so many more are answered."""
        seen = self.served
        wait_until(lambda: self.served > seen + more)

    def end(self) -> None:
        self._ended.set()


@contextmanager
def traffic(cluster: Cluster, *, clients: int = 4) -> Iterator[Traffic]:
    running = Traffic(cluster)
    threads = [threading.Thread(target=running.run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield running
        running.wait_served(20)
    finally:
        running.end()
        for thread in threads:
            thread.join()
    assert running.wrong == []


@pytest.mark.slow
@pytest.mark.case("SVC-004")
@pytest.mark.case("SVC-005")
def test_certificates_are_rotated_under_load_and_a_bad_pair_stays_on_disk(cluster: Cluster) -> None:
    loads = 'navicert_serving_certificate_loads_total{{result="{}"}}'.format
    with traffic(cluster):
        for replica in cluster.replicas:
            replica.rotate()
        for replica in cluster.replicas:
            wait_until(lambda one=replica: one.metric(loads("live")) == 1)  # type: ignore[misc]
        refusals = [replica.metric(loads("refused")) for replica in cluster.replicas]
        for replica in cluster.replicas:
            replica.rotate(key_of_another=True)
        for replica, before in zip(cluster.replicas, refusals, strict=True):
            wait_until(lambda one=replica, known=before: one.metric(loads("refused")) > known)  # type: ignore[misc]
            assert replica.ask("GET", "/validate")[0] == 405
            replica.rotate()


@pytest.mark.slow
@pytest.mark.case("SVC-006")
def test_a_replica_ends_under_load_and_no_request_fails(cluster: Cluster) -> None:
    leaving, staying = cluster.replicas
    with traffic(cluster) as running:
        running.wait_served(20)
        leaving.process.signal(signal.SIGTERM)
        wait_until(lambda: leaving.ask_status("/readyz")[0] == 503)
        time.sleep(1)  # as long as it takes until everybody knows
        cluster.balancer.backends = [staying.admission]
        assert leaving.process.wait() == 0
        leaving.stop()
    cluster.replicas[0] = cluster.start("third")
    cluster.balancer.backends = [replica.admission for replica in cluster.replicas]


@pytest.mark.slow
@pytest.mark.case("SVC-002")
def test_without_an_api_server_what_is_known_goes_on_and_ages(cluster: Cluster) -> None:
    replica = cluster.replicas[0]
    age = 'navicert_policy_age_seconds{kind="ClusterSLSAPolicy"}'

    cluster.plane.stop_apiserver()
    try:
        known = replica.metric(age)
        wait_until(lambda: replica.metric(age) > known + 2)
        assert asked(replica, cluster.good.reference)["allowed"] is True
        assert asked(replica, cluster.unsigned.reference)["status"]["code"] == 403
        assert replica.ask_status("/readyz")[0] == 200
    finally:
        cluster.plane.start_apiserver()
    apply(cluster.client, policy(mode="Audit"))
    wait_until(lambda: asked(replica, cluster.unsigned.reference)["allowed"])
    assert replica.metric(age) < 20
