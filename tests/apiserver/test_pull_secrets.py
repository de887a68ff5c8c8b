"""Images that only their own workload's Secrets open: a real API server, and a real registry that wants a password."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.admitting import CALLER, KINDS, admission_configuration, refused, register, templated
from tests.support.chart import PULLING
from tests.support.cluster import apply, install_kinds, policy, provenance, service_account, trust
from tests.support.commands import Commands
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.pki import Authority
from tests.support.privateregistries import NAME, PASSWORD, Access, PrivateRegistry, private_registry
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Pushed
from tests.support.reviews import container, encoded, pod, review
from tests.support.webhook import Webhook

SHOP, OTHER = "shop", "other"
JSON_TYPE, OLD_TYPE = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"

_names = count()


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Two namespaces under one policy, a private registry with an image that is good and one that is unsigned."""

    plane: ControlPlane
    client: Client
    registry: PrivateRegistry
    registries: Path
    webhook: Webhook
    start: Callable[[str, Path], Webhook]
    good: Pushed
    unsigned: Pushed

    def create(self, kind: str, spec: dict[str, Any], *, namespace: str = SHOP, query: str = "") -> Answer:
        group, plural = KINDS[kind]
        path = f"/apis/{group}/namespaces" if "/" in group else f"/api/{group}/namespaces"
        metadata = {"name": f"{plural}-{next(_names)}"}
        document = {"apiVersion": group, "kind": kind, "metadata": metadata, "spec": spec}
        return self.client.create(f"{path}/{namespace}/{plural}{query}", document)

    def pod(self, *secrets: str, image: str = "", namespace: str = SHOP, **spec: Any) -> Answer:
        pulled = {"imagePullSecrets": [{"name": name} for name in secrets]} if secrets else {}
        containers = [container(image or self.good.reference)]
        return self.create("Pod", {"containers": containers, **pulled, **spec}, namespace=namespace)

    def secret(
        self, name: str, password: str = PASSWORD, *, namespace: str = SHOP, host: str = "", kind: str = JSON_TYPE
    ) -> str:
        """Put in place a Secret that opens the registry, or another host."""
        auths = {host or self.registry.host: {"username": NAME, "password": password}}
        key, document = (".dockercfg", auths) if kind == OLD_TYPE else (".dockerconfigjson", {"auths": auths})
        return self.put_secret(name, kind, {key: json.dumps(document).encode()}, namespace=namespace)

    def put_secret(self, name: str, kind: str, contents: dict[str, bytes], *, namespace: str = SHOP) -> str:
        encoded_contents = {key: base64.b64encode(content).decode() for key, content in contents.items()}
        metadata = {"name": name, "namespace": namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": kind,
            "data": encoded_contents,
        }
        status, body = self.client.apply(f"/api/v1/namespaces/{namespace}/secrets/{name}", document)
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
        return name

    def account(self, name: str, *secrets: str) -> str:
        pulled = [{"name": secret} for secret in secrets]
        metadata = {"name": name, "namespace": SHOP}
        document = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": pulled}
        status, body = self.client.apply(f"/api/v1/namespaces/{SHOP}/serviceaccounts/{name}", document)
        assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
        return name


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("pulling")
    callers, authority = Authority("callers"), Authority("replica")
    (folder / "callers.crt").write_bytes(callers.certificate)
    configuration = admission_configuration(folder, callers)
    with (
        ControlPlane(folder / "plane", admission_control_config_file=configuration) as plane,
        private_registry(folder / "registry", Access.BASIC) as registry,
    ):
        client = plane.client()
        install_kinds(client)
        options = registry.cosign_options(folder)
        good, unsigned = registry.push_image("acme/shop"), registry.push_image("acme/other", content=b"other")
        cosign.sign(good, *options, legacy=True)
        cosign.attest(good, provenance(), *options, legacy=True)
        for document in (
            *trust(cosign.public_key.read_text()),
            policy(namespaces={"names": [SHOP, OTHER]}, images=[f"{registry.host}/**"]),
        ):
            apply(client, document)
        for namespace in (SHOP, OTHER):
            plane.create_namespace(namespace)
        entry = {"host": registry.host, "caBundle": registry.authority.decode()}
        registries = folder / "registries.yaml"
        registries.write_text(yaml.safe_dump({"registries": [entry]}))

        def start(name: str, kubeconfig: Path) -> Webhook:
            replica = Webhook(
                folder / name,
                *("--kubeconfig", kubeconfig, "--registries", registries),
                *("--client-ca", folder / "callers.crt", "--pod-pull-secrets"),
                authority=authority,
            )
            replica.tls.load_cert_chain(*callers.client(CALLER).write(folder, "caller"))
            replica.wait_synced()
            return replica

        with start("webhook", service_account(plane, values=PULLING)) as webhook:
            register(client, webhook.admission, authority.certificate)
            running = Cluster(
                plane=plane,
                client=client,
                registry=registry,
                registries=registries,
                webhook=webhook,
                start=start,
                good=good,
                unsigned=unsigned,
            )
            running.secret("pull")
            registry.tag(good, "probe")
            wait_until(lambda: unknown(running.pod()))
            probe = f"{good.host}/{good.repository}:probe"
            wait_until(lambda: admitted(running.pod("pull", image=probe)))  # what pins is in force, too
            yield running


def admitted(answer: Answer) -> bool:
    return answer[0] == HTTPStatus.CREATED


def unknown(answer: Answer, *words: str) -> bool:
    """Refused, because the registry refused to tell; and every word is in the message."""
    status, body = answer
    told = body.get("message", "")
    return status == HTTPStatus.SERVICE_UNAVAILABLE and all(word in told for word in ("RegistryDenied", *words))


@pytest.mark.case("REG-017")
@pytest.mark.case("CACHE-009")
def test_a_pod_is_read_by_its_own_secret_and_nobody_learns_from_that(cluster: Cluster) -> None:
    assert admitted(cluster.pod("pull"))
    assert unknown(cluster.pod())
    assert unknown(cluster.pod(namespace=OTHER))
    assert unknown(cluster.pod("pull", namespace=OTHER), "Secret other/pull is not there")
    answer = cluster.pod("pull", image=cluster.unsigned.reference)
    assert refused(answer), answer


@pytest.mark.case("REG-017")
def test_a_secret_of_the_older_form_serves_as_well(cluster: Cluster) -> None:
    assert admitted(cluster.pod(cluster.secret("older", kind=OLD_TYPE)))


@pytest.mark.case("MODE-008")
def test_a_tag_is_pinned_by_the_pods_own_secret(cluster: Cluster) -> None:
    cluster.registry.tag(cluster.good, "v1")
    tagged = f"{cluster.good.host}/{cluster.good.repository}:v1"
    status, body = cluster.pod("pull", image=tagged)
    assert status == HTTPStatus.CREATED, body
    assert body["spec"]["containers"][0]["image"] == f"{tagged}@{cluster.good.digest}"
    assert refused(cluster.pod(image=tagged), "TagNotPinned")


def test_a_service_accounts_secrets_count_for_its_pods_and_templates(cluster: Cluster) -> None:
    name = cluster.account("builder", "pull")
    status, body = cluster.pod(serviceAccountName=name)
    assert status == HTTPStatus.CREATED, body
    for kind in ("Deployment", "ReplicaSet", "CronJob"):
        answer = cluster.create(kind, templated(kind, cluster.good.reference, serviceAccountName=name))
        assert admitted(answer), answer
        assert unknown(cluster.create(kind, templated(kind, cluster.good.reference)))
        own = templated(kind, cluster.good.reference, imagePullSecrets=[{"name": "pull"}])
        assert admitted(cluster.create(kind, own))


def test_what_secrets_can_not_be_had_is_told_and_never_taken_for_unsigned(cluster: Cluster) -> None:
    cluster.put_secret("opaque", "Opaque", {".dockerconfigjson": b"{}"})
    cluster.put_secret("broken", JSON_TYPE, {".dockerconfigjson": b'{"auths": {"%s": {"auth": "?"}}}' % b"x.example"})
    assert unknown(cluster.pod("opaque"), "Secret shop/opaque is of no type for pulling")
    assert unknown(cluster.pod("broken"), "Secret shop/broken can't be read", "auths.x.example")
    assert unknown(cluster.pod("absent", image=cluster.unsigned.reference), "Secret shop/absent is not there")
    assert unknown(cluster.pod("../../../other/secrets/pull"), "no name of a Secret")
    assert unknown(cluster.pod("pull", "absent", image=cluster.unsigned.reference), "Secret shop/absent is not there")
    assert admitted(cluster.pod("pull", "absent"))


@pytest.mark.case("REG-007")
def test_a_changed_secret_counts_within_seconds_and_the_old_one_no_longer(cluster: Cluster) -> None:
    changing = cluster.secret("changing")
    assert admitted(cluster.pod(changing))
    cluster.secret(changing, "revoked")
    wait_until(lambda: unknown(cluster.pod(changing)))
    cluster.secret(changing)
    wait_until(lambda: admitted(cluster.pod(changing)))
    assert cluster.client.delete(f"/api/v1/namespaces/{SHOP}/secrets/{changing}")[0] == HTTPStatus.OK
    wait_until(lambda: unknown(cluster.pod(changing), "is not there"))


@pytest.mark.case("NET-009")
def test_a_secret_of_another_host_or_port_opens_nothing(cluster: Cluster) -> None:
    host, _, _ = cluster.registry.host.rpartition(":")
    assert unknown(cluster.pod(cluster.secret("elsewhere", host="registry.example")))
    assert unknown(cluster.pod(cluster.secret("portless", host=host)))
    assert unknown(cluster.pod(cluster.secret("below", host=f"{cluster.registry.host}/somebody")))
    assert admitted(cluster.pod(cluster.secret("closer", host=f"{cluster.registry.host}/acme"), "portless"))


def test_who_shows_no_certificate_can_not_ask_by_anybodys_secret(cluster: Cluster) -> None:
    question = encoded(review(pod(container(cluster.good.reference), imagePullSecrets=[{"name": "pull"}])))
    with pytest.raises((ssl.SSLError, ConnectionError)):
        cluster.webhook.ask("POST", "/validate", question, tls=cluster.webhook.stranger())
    status, body = cluster.webhook.ask("POST", "/validate", question)
    assert (status, json.loads(body)["response"]["allowed"]) == (200, True)


def test_without_the_right_to_read_secrets_nothing_is_known(cluster: Cluster) -> None:
    question = encoded(review(pod(container(cluster.good.reference), imagePullSecrets=[{"name": "pull"}])))
    with cluster.start("unprivileged", service_account(cluster.plane, name="unprivileged")) as replica:
        response = json.loads(replica.ask("POST", "/validate", question)[1])["response"]
    assert (response["allowed"], response["status"]["code"]) == (False, 503)
    assert "RegistryDenied" in response["status"]["message"]
    assert "Secret shop/pull may not be read by Navicert" in response["status"]["message"]


def test_nothing_of_a_secret_is_told_anywhere(cluster: Cluster) -> None:
    cluster.pod("pull")
    log = cluster.webhook.process.log.read_text()
    exposed = cluster.webhook.ask_status("/metrics")[1].decode()
    for hidden in (PASSWORD, base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()):
        assert hidden not in log
        assert hidden not in exposed


def test_a_burst_reads_a_secret_once(cluster: Cluster) -> None:
    """By the API server's own count of what it was asked."""
    burst = cluster.secret("burst")
    before = gets(cluster)
    started = time.monotonic()
    assert all(admitted(cluster.pod(burst)) for _ in range(10))
    windows = int((time.monotonic() - started) / 5.0) + 1
    assert 0 < gets(cluster) - before <= windows


def gets(cluster: Cluster) -> float:
    exposed = str(cluster.client.get("/metrics")[1]).splitlines()
    series = [line for line in exposed if line.startswith("apiserver_request_total{") and 'resource="secrets"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in series if 'verb="GET"' in line)


@pytest.mark.case("AUD-007")
@pytest.mark.parametrize("pulling", [True, False])
def test_the_scan_judges_what_runs_as_admission_did_where_it_may(
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    pulling: bool,
) -> None:
    status, created = cluster.pod("pull")
    assert status == HTTPStatus.CREATED, created
    asked: tuple[str | Path, ...] = ("scan", "--kubeconfig", cluster.plane.admin_kubeconfig, "--output", "json")
    asked += ("--registries", cluster.registries, *(["--pod-pull-secrets"] if pulling else []))
    reasons: list[str] = []

    def answered() -> bool:
        told = json.loads(Commands(tmp_path, monkeypatch, capsys)(*asked).out)
        (found,) = (one for one in told["workloads"] if one["name"] == created["metadata"]["name"])
        reasons[:] = [finding["reason"] for image in found["images"] for finding in image["findings"]]
        return "RegistryUnavailable" not in reasons

    wait_until(answered)  # a registry that stood still is asked again
    assert reasons == ["Satisfied" if pulling else "RegistryDenied"]
