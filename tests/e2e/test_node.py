"""Navicert on a real node, as a platform team brings it in: one story, told in order, where pods really run."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Self

import pytest
import yaml

from tests.e2e.cluster import (
    API,
    CHART,
    HOME,
    NAMESPACE,
    WAIT_SECONDS,
    Cluster,
    Refused,
    builder,
    deployment,
    measure,
    path_of,
    policy,
    trust_root,
)
from tests.e2e.people import Person
from tests.support.node import Node
from tests.support.processes import wait_until
from tests.support.registries import Pushed
from tests.support.tools import Kubectl

DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
CLIENTS = 4  # that ask at the same time
PAUSE_SECONDS = 0.02  # of each between two questions: pods that start want the processor, too
LEAST_ADMISSIONS = 500
WRITES = ("create", "update", "patch", "delete", "deletecollection")
CLUSTER_KINDS = ("clusterslsapolicies", "slsaexceptions", "trustedbuilders", "trustroots")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@contextmanager
def timed(step: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    measure(step, started)


def test_chart_is_installed_and_both_programs_are_ready(cluster: Cluster) -> None:
    with timed("helm install --wait"):
        cluster.install()
    with timed("webhooks registered after that"):
        wait_until(lambda: len(cluster.webhooks()) == 5, timeout=WAIT_SECONDS)


def test_helm_test_sees_a_review_answered(cluster: Cluster) -> None:
    with timed("helm test"):
        assert "Succeeded" in cluster.helm("test", "navicert", "--timeout", f"{WAIT_SECONDS:.0f}s")


def test_replica_is_nobody_and_writes_nowhere(cluster: Cluster) -> None:
    pods = cluster.items(f"/api/v1/namespaces/{HOME}/pods")
    assert len(pods) == 4
    for one in pods:
        security = one["spec"]["containers"][0]["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert one["spec"]["securityContext"]["runAsUser"] == 65532


def test_in_audit_an_unsigned_image_runs(
    cluster: Cluster, signed: Pushed, unsigned: Pushed, trusted: list[bytes]
) -> None:
    for document in (trust_root(trusted[0]), builder(), policy("Audit", cluster.registry)):
        cluster.apply(path_of(document), document)
    cluster.apply(f"{DEPLOYMENTS}/unsigned", deployment("unsigned", unsigned.reference))
    with timed("unsigned pod running under Audit"):
        wait_until(lambda: bool(cluster.running("app=unsigned")), timeout=WAIT_SECONDS)


def test_under_enforce_the_signed_image_is_pulled_and_runs(cluster: Cluster, signed: Pushed) -> None:
    enforced = policy("Enforce", cluster.registry)
    cluster.apply(path_of(enforced), enforced)
    with timed("signed pod running"):
        cluster.run_pod("signed", signed.reference)
        cluster.wait_running("signed")


def test_tag_is_pinned_to_the_digest_that_was_judged(cluster: Cluster, signed: Pushed) -> None:
    tagged = f"{signed.host}/{signed.repository}:v1"
    stored = cluster.run_pod("pinned", tagged)
    assert stored["spec"]["containers"][0]["image"] == f"{tagged}@{signed.digest}"
    cluster.wait_running("pinned")


def test_unsigned_image_is_refused_with_its_reason(cluster: Cluster, unsigned: Pushed) -> None:
    cluster.wait_judging(unsigned.reference)
    told = cluster.refusal(unsigned.reference)
    assert told is not None
    assert "NoProvenance" in told
    assert unsigned.digest in told


def test_refusal_of_a_deployments_pod_is_seen_in_events(cluster: Cluster) -> None:
    """It runs since Audit, so its pod is what is refused when it is to be made anew."""
    for one in cluster.running("app=unsigned"):
        cluster.client.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{one}")
    wait_until(lambda: any("NoProvenance" in told for told in cluster.events("FailedCreate")), timeout=WAIT_SECONDS)


def test_new_deployment_is_refused_at_once(cluster: Cluster, unsigned: Pushed) -> None:
    def told() -> str:
        """A machine that is busy may have it refused because nothing could be found out in time."""
        with pytest.raises(Refused) as refused:
            cluster.apply(f"{DEPLOYMENTS}/another", deployment("another", unsigned.reference))
        return str(refused.value)

    wait_until(lambda: "NoProvenance" in told(), timeout=WAIT_SECONDS)


def test_scan_reports_what_runs(cluster: Cluster) -> None:
    def outcomes() -> set[tuple[str, str]]:
        found = cluster.items(f"/apis/wgpolicyk8s.io/v1alpha2/namespaces/{NAMESPACE}/policyreports")
        return {(report["scope"]["name"], one["result"]) for report in found for one in report["results"]}

    with timed("reports of what runs"):
        wait_until(lambda: ("signed", "pass") in outcomes(), timeout=WAIT_SECONDS)
    assert ("signed", "fail") not in outcomes()


def test_status_says_that_all_is_well(cluster: Cluster, kubectl: Kubectl) -> None:
    """Through the API server to each replica's metrics, as whoever looks reaches no pod."""
    ended = kubectl.run("navicert", "status", "--output", "json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["state"], told["unknown"]) == (0, "sound", [])
    ages = [one["knowledgeSeconds"] for one in told["replicas"] if one["component"] == "webhook"]
    assert len(ages) == 2
    assert max(ages) < 120
    assert sorted(one["leading"] for one in told["replicas"] if one["component"] == "operator") == [False, True]
    (production,) = (one for one in told["objects"] if one["object"] == "ClusterSLSAPolicy/production")
    assert production["findings"]["pass"] >= 1


class Load:
    """Admissions from several clients at once, for as long as the context lasts; those that failed, and all of them."""

    def __init__(self, cluster: Cluster, admitted: str, refused: str) -> None:
        self._cluster, self._admitted, self._refused = cluster, admitted, refused
        self.answers, self.failed = list[str | None](), list[str]()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]

    def _run(self) -> None:
        while not self._over.wait(PAUSE_SECONDS):
            told = self._cluster.refusal(self._admitted)
            if told is not None:
                self.failed.append(told)
            self.answers.append(told)
            told = self._cluster.refusal(self._refused)
            if told is None or "NoProvenance" not in told:
                self.failed.append(str(told))
            self.answers.append(told)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.rate = len(self.answers) / (time.monotonic() - self._began)


@pytest.mark.case("OPS-003")
def test_upgrade_and_rollback_under_load_fail_no_admission(
    cluster: Cluster, signed: Pushed, unsigned: Pushed, tmp_path: Path
) -> None:
    newer = shutil.copytree(CHART, tmp_path / "navicert")
    about = yaml.safe_load((newer / "Chart.yaml").read_text()) | {"version": "0.1.1"}
    (newer / "Chart.yaml").write_text(yaml.safe_dump(about))
    with Load(cluster, signed.reference, unsigned.reference) as load:
        with timed("rolling upgrade"):
            cluster.install(newer, logLevel="warning")
        with timed("rolling back"):
            cluster.wait_for("rollback", "navicert")
    print(f"{len(load.answers)} admissions meanwhile, {load.rate:.0f} a second, {len(load.failed)} failed")
    assert load.failed == []
    assert len(load.answers) > LEAST_ADMISSIONS


def test_upgrade_brings_the_kinds_up_to_date(cluster: Cluster) -> None:
    """Helm itself would leave an older one as it is."""
    path = f"{DEFINITIONS}/slsaexceptions.navicert.dev"
    before = cluster.client.get(path)[1]
    older = before["spec"] | {"names": before["spec"]["names"] | {"shortNames": ["older"]}}
    assert cluster.client.patch(path, {"spec": {"names": older["names"]}})[0] == 200
    cluster.install()
    assert cluster.client.get(path)[1]["spec"]["names"]["shortNames"] == ["slsaex"]


def test_changed_value_is_in_force_after_the_upgrade(cluster: Cluster, unsigned: Pushed) -> None:
    stranger = f"{unsigned.host}/strangers/app@{unsigned.digest}"
    assert cluster.refusal(stranger) is None
    cluster.install(uncovered="Deny")
    wait_until(lambda: "Uncovered" in (cluster.refusal(stranger) or ""), timeout=WAIT_SECONDS)
    cluster.install()
    wait_until(lambda: cluster.refusal(stranger) is None, timeout=WAIT_SECONDS)


@pytest.mark.case("OPS-011")
def test_second_release_is_refused(cluster: Cluster) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.helm("install", "another", CHART, "--values", cluster.values())
    assert "navicert" in "".join(refused.value.__notes__)
    assert "cannot be imported into the current release" in "".join(refused.value.__notes__)


@pytest.mark.own_node("its audit log is read")
def test_nothing_was_forbidden_to_the_programs(cluster: Cluster, node: Node) -> None:
    """By the API server's audit log of everything above. That no right is too much: tests/chart/test_rights.py.

    An operator whose roles were uninstalled before it fails to give its lease back, which then ends by itself.
    """
    asked = [one for one in node.asked() if "objectRef" in one and one["requestReceivedTimestamp"] > cluster.began]
    accounts = {one["user"]["username"].rpartition(":")[2] for one in asked}
    assert accounts == {"navicert-webhook", "navicert-operator", "navicert-kinds", "navicert-test"}
    assert [one["requestURI"] for one in asked if one["responseStatus"]["code"] == HTTPStatus.FORBIDDEN] == []


@pytest.mark.case("OPS-018")
def test_who_views_a_cluster_reads_every_kind_and_writes_none(cluster: Cluster) -> None:
    with Person(cluster.client, "view") as viewer:
        for resource in (*CLUSTER_KINDS, "slsapolicies"):
            wait_until(lambda resource=resource: viewer.may("list", resource), timeout=WAIT_SECONDS)  # type: ignore[misc]
            assert all(viewer.may(verb, resource) for verb in ("get", "watch"))
            assert [verb for verb in WRITES if viewer.may(verb, resource)] == []


@pytest.mark.case("OPS-018")
@pytest.mark.parametrize("role", ["edit", "admin"])
def test_who_edits_a_namespace_writes_its_policies_there_alone(cluster: Cluster, role: str) -> None:
    with Person(cluster.client, role, NAMESPACE) as editor:
        wait_until(lambda: editor.may("create", "slsapolicies", NAMESPACE), timeout=WAIT_SECONDS)
        for verb in (*WRITES, "get", "list", "watch"):
            assert editor.may(verb, "slsapolicies", NAMESPACE)
            assert not editor.may(verb, "slsapolicies", "default")


@pytest.mark.case("OPS-018")
@pytest.mark.parametrize("role", ["edit", "admin"])
def test_who_edits_every_namespace_writes_no_exception_root_or_builder(cluster: Cluster, role: str) -> None:
    with Person(cluster.client, role) as editor:
        wait_until(lambda: editor.may("create", "slsapolicies"), timeout=WAIT_SECONDS)
        assert [(verb, kind) for verb in WRITES for kind in CLUSTER_KINDS if editor.may(verb, kind)] == []


@pytest.mark.case("OPS-002")
def test_uninstall_removes_the_gate_first_and_leaves_the_kinds_alone(cluster: Cluster, unsigned: Pushed) -> None:
    with timed("helm uninstall --wait"):
        cluster.uninstall()
    assert cluster.webhooks() == []
    wait_until(lambda: cluster.refusal(unsigned.reference) is None, timeout=WAIT_SECONDS)  # the API server heard of it
    cluster.run_pod("free", unsigned.reference)
    cluster.wait_running("free")
    wait_until(lambda: cluster.left_behind() == [], timeout=WAIT_SECONDS)
    assert {one["metadata"]["name"] for one in cluster.items(f"{API}/clusterslsapolicies")} == {"production"}


def test_it_can_be_installed_again(cluster: Cluster, unsigned: Pushed) -> None:
    cluster.install()
    cluster.wait_judging(unsigned.reference)
