"""Twenty clients create pods without pause while everything that can happen to a cluster happens to this one."""

from __future__ import annotations

import base64
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path

import pytest

from controller.trust.issuing import KeyPair, serves
from tests.support import objects
from tests.support.balancer import Balancer
from tests.support.cluster import API, NAMESPACE, apply, plain_registries, policy, provenance, service_account, trust
from tests.support.controlplane import Answer, Client, ControlPlane
from tests.support.operator import LEASE, MUTATING, NAME, SECRETS, VALIDATING, Operator, install, make_ready
from tests.support.pki import Identity
from tests.support.processes import wait_until
from tests.support.registered import DNS, create_service
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reviews import container
from tests.support.storm import OUTAGE, RIGHT, WRONG, Answered, Expected, Storm, Tally, images_in
from tests.support.webhook import Webhook

CLIENTS = 20
DRAIN_SECONDS = 10  # longer than by default: a busy machine is slower to let everybody know that a replica goes
AUTHORITY, SERVING = f"{SECRETS}/{NAME}-authority", f"{SECRETS}/{NAME}-tls"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
LIVE = 'navicert_serving_certificate_loads_total{result="live"}'
RESTARTED = ("API server restarted", "etcd restarted")

pytestmark = pytest.mark.slow


class Mount:
    """The Secret that replicas serve by, as a kubelet puts it into their volumes."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def certificate(self) -> bytes:
        return self._read()["ca.crt"]

    def server(self, *_names: str) -> Identity:
        contents = self._read()
        return Identity(certificate=contents["tls.crt"], key=contents["tls.key"])

    def pair(self) -> KeyPair | None:
        found = self._read()
        return KeyPair(certificate=found["tls.crt"], key=found["tls.key"]) if found else None

    def _read(self) -> dict[str, bytes]:
        return secret(self._client, SERVING)


def secret(client: Client, path: str) -> dict[str, bytes]:
    status, body = client.get(path)
    fields = body["data"] if status == HTTPStatus.OK else {}
    return {name: base64.b64decode(text) for name, text in fields.items()}


@dataclass(kw_only=True)
class Cluster:
    """Two replicas and two operators around one API server, which finds the replicas as it finds any Service."""

    plane: ControlPlane
    client: Client
    balancer: Balancer
    mount: Mount
    good: Pushed
    tagged: str
    unsigned: Pushed
    folder: Path
    arguments: tuple[str | Path, ...]
    replicas: list[Webhook] = field(default_factory=list)
    operators: list[Operator] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def add_replica(self) -> None:
        replica = Webhook(self.folder / f"replica-{next(self.numbers)}", *self.arguments, authority=self.mount)
        self.replicas.append(replica)
        replica.wait_synced()
        self._balance()

    def end_first_replica(self) -> None:
        """As a rollout does: it drains while not everybody knows yet."""
        leaving = self.replicas[0]
        leaving.process.signal(signal.SIGTERM)
        time.sleep(0.5)
        del self.replicas[0]
        self._balance()
        assert leaving.process.wait() == 0
        leaving.stop()

    def add_operator(self) -> None:
        port = ("--service-port", self.balancer.address.rpartition(":")[2])
        self.operators.append(Operator(self.plane, self.folder / f"operator-{next(self.numbers)}", *port))

    def revive_operators(self) -> None:
        """As their Deployment does: one that lost its lease for want of an API server has ended."""
        for ended in [one for one in self.operators if not one.process.running]:
            ended.stop()
            self.operators.remove(ended)
            self.add_operator()

    def leading(self) -> Operator:
        """The one whose identity the lease has, once that is so. Those that ended by themselves are revived until then,
        for whoever lost the lease may not have noticed before."""
        found: list[Operator] = []

        def has_the_lease() -> bool:
            self.revive_operators()
            holder = self.client.get(LEASE)[1].get("spec", {}).get("holderIdentity")
            found[:] = [one for one in self.operators if one.identity == holder]
            return bool(found)

        wait_until(has_the_lease)
        return found[0]

    def reload(self) -> None:
        """Mounts what the Secret holds, and waits until it is served."""
        before = [replica.metric(LIVE) for replica in self.replicas]
        for replica in self.replicas:
            replica.rotate()
        for replica, loads in zip(self.replicas, before, strict=True):
            wait_until(lambda one=replica, known=loads: one.metric(LIVE) > known)  # type: ignore[misc]

    def bundles(self) -> list[bytes]:
        """Whom the API server believes, webhook by webhook."""
        found = [one for path in (VALIDATING, MUTATING) for one in self.client.get(path)[1]["webhooks"]]
        return [base64.b64decode(one["clientConfig"]["caBundle"]) for one in found]

    def refuses(self, image: str, word: str) -> bool:
        status, body = self._probe(image)
        return status != HTTPStatus.CREATED and word in body["message"]

    def pins(self, tagged: str) -> bool:
        """The API server learns of the two configurations one after the other."""
        return self._probe(tagged)[0] == HTTPStatus.CREATED

    def _probe(self, image: str) -> Answer:
        document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "probe-"}}
        return self.client.create(f"{PODS}?dryRun=All", document | {"spec": {"containers": [container(image)]}})

    def edit(self, number: int) -> None:
        """Policies that judge both images as before, and say it in other words."""
        edited = policy()
        edited["spec"]["require"]["sources"][0]["refs"] = ["refs/heads/main", f"refs/tags/v{number}"]
        apply(self.client, edited)

    def _balance(self) -> None:
        self.balancer.backends = [replica.admission for replica in self.replicas]

    def stop(self) -> None:
        for replica in self.replicas:
            replica.stop()
        for operator in self.operators:
            operator.stop()


@pytest.fixture
def cluster(tmp_path: Path, cosign: Cosign) -> Iterator[Cluster]:
    with ExitStack() as stack:
        plane = stack.enter_context(ControlPlane(tmp_path / "plane"))
        registry = stack.enter_context(Registry(Kind.REFERRERS, tmp_path / "registry"))
        balancer = stack.enter_context(Balancer([]))
        client = plane.client()
        install(plane)
        create_service(client, balancer.address)
        good, unsigned = registry.push_image("acme/shop", "v1"), registry.push_image("acme/other", content=b"other")
        cosign.sign(good)
        cosign.attest(good, provenance())
        for document in (*trust(cosign.public_key.read_text()), policy()):
            apply(client, document)
        plane.create_namespace(NAMESPACE)
        registries = plain_registries(tmp_path, registry.host)
        running = Cluster(
            plane=plane,
            client=client,
            balancer=balancer,
            mount=Mount(client),
            good=good,
            tagged=f"{good.host}/{good.repository}:v1",
            unsigned=unsigned,
            folder=tmp_path,
            arguments=(
                *("--kubeconfig", service_account(plane), "--registries", registries),
                *("--drain-seconds", str(DRAIN_SECONDS)),
            ),
        )
        stack.callback(running.stop)
        for _ in range(2):
            running.add_operator()
        wait_until(lambda: running.mount.pair() is not None)
        for _ in range(2):
            running.add_replica()
        make_ready(client)
        wait_until(lambda: running.refuses(unsigned.reference, "NoProvenance") and running.pins(running.tagged))
        yield running


def wait(_cluster: Cluster) -> None:
    time.sleep(2)


def restart_replicas(cluster: Cluster) -> None:
    for _ in range(2):
        cluster.add_replica()
        cluster.end_first_replica()


def rotate_certificate(cluster: Cluster) -> None:
    before = cluster.mount.pair()
    cluster.client.delete(SERVING)
    wait_until(lambda: cluster.mount.pair() not in (None, before))
    cluster.reload()


def rotate_authority(cluster: Cluster) -> None:
    """The certificate by the new one is served only once the API server goes by both."""
    before = secret(cluster.client, AUTHORITY)["tls.crt"]
    cluster.client.delete(AUTHORITY)

    def served() -> bool:
        authority, pair = secret(cluster.client, AUTHORITY).get("tls.crt"), cluster.mount.pair()
        return authority not in (None, before) and pair is not None and serves(pair, authority, [DNS])

    wait_until(served)
    after = secret(cluster.client, AUTHORITY)["tls.crt"]
    assert all(before in bundle and after in bundle for bundle in cluster.bundles())
    cluster.reload()


def edit_policies(cluster: Cluster) -> None:
    for number in range(20):
        cluster.edit(number)
    other = f"{cluster.good.host}/acme/web@{cluster.good.digest}"
    denying = objects.policy("denying", match={"images": [f"{cluster.good.host}/acme/web"]}, require=None)
    denying["spec"] |= {"deny": {"digests": [cluster.good.digest]}}
    del denying["spec"]["require"]
    path = f"{API}/clusterslsapolicies/denying"
    assert cluster.client.apply(path, denying)[0] == HTTPStatus.CREATED
    wait_until(lambda: cluster.refuses(other, "Denied"))
    cluster.client.delete(path)
    wait_until(lambda: not cluster.refuses(other, "Denied"))


def compact(cluster: Cluster) -> None:
    cluster.edit(30)
    cluster.plane.compact()
    edit_policies(cluster)


def restart_apiserver(cluster: Cluster) -> None:
    """What happened meanwhile is forgotten, and what happens afterwards counts again."""
    cluster.plane.stop_apiserver()
    cluster.plane.start_apiserver()
    edit_policies(cluster)


def restart_etcd(cluster: Cluster) -> None:
    cluster.plane.restart_etcd()


def kill_leader(cluster: Cluster) -> None:
    """Policies count without it, and the other one takes over."""
    leading = cluster.leading()
    leading.stop()
    cluster.operators.remove(leading)
    edit_policies(cluster)
    cluster.leading()


EVENTS = {
    "nothing else": wait,
    "replicas restarted": restart_replicas,
    "certificate rotated": rotate_certificate,
    "authority rotated": rotate_authority,
    "policies edited": edit_policies,
    "etcd compacted": compact,
    RESTARTED[0]: restart_apiserver,
    RESTARTED[1]: restart_etcd,
    "leading operator killed": kill_leader,
}


@pytest.fixture(scope="module")
def tally() -> Tally:
    """What became of all pods."""
    return Tally()


@pytest.mark.case("OPS-005")
@pytest.mark.case("OPS-007")
@pytest.mark.case("SVC-004")
@pytest.mark.case("SVC-006")
def test_every_answer_is_right_whatever_happens_and_only_without_an_api_server_is_there_none(
    cluster: Cluster, tally: Tally
) -> None:
    good, tagged = Expected(image=cluster.good.reference), Expected(image=cluster.tagged)
    unsigned = Expected(image=cluster.unsigned.reference, word="NoProvenance")
    raging = Storm(cluster.plane.admin, NAMESPACE, (good, unsigned, tagged), tally)
    try:
        with raging.raging(clients=CLIENTS):
            for name, happen in EVENTS.items():
                with raging.phase(name):
                    happen(cluster)
    finally:
        sys.stdout.write("\n".join(("", *tally.lines(), "")))
    assert tally.of(*WRONG, Answered.UNKNOWN) == 0
    assert {phase for phase, counts in tally.counts.items() if any(counts[kind] for kind in OUTAGE)} <= {*RESTARTED}
    assert all(counts[kind] >= 10 for phase, counts in tally.counts.items() if phase != "before" for kind in RIGHT)
    found = images_in(cluster.client.get(PODS)[1])
    assert found.keys() == {cluster.good.reference, f"{cluster.tagged}@{cluster.good.digest}"}
    assert found.total() >= tally.of(Answered.ADMITTED)
    warm = [line["cache"] for line in cluster.replicas[0].reviews() if line["allowed"]]
    assert {"hit": 1} in warm


@pytest.mark.once
def test_nobody_was_answered_wrongly_not_even_in_a_storm_that_broke_off(tally: Tally) -> None:
    assert tally.of(*WRONG) == 0
