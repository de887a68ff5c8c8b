"""The real operator scans what runs beside a real registry, and `navicert scan` prints the same."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support import objects
from tests.support.cluster import SOURCE, plain_registries, policy, provenance, trust
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, ROOT, Operator, install
from tests.support.processes import wait_until
from tests.support.registries import Cosign, Kind, Pushed, Registry
from tests.support.reportkinds import POLICY_REPORTS, install_reports
from tests.support.running import create, pod, running, workload

SHOP = "shop"
REPORTS = f"/apis/wgpolicyk8s.io/v1alpha2/namespaces/{SHOP}/policyreports"
PLURALS = {
    "ClusterSLSAPolicy": "clusterslsapolicies",
    "SLSAException": "slsaexceptions",
    "TrustRoot": "trustroots",
    "TrustedBuilder": "trustedbuilders",
}

Document = dict[str, Any]

pytestmark = [pytest.mark.slow, pytest.mark.registry]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A cluster in which an attested and an unattested image run, scanned by the operator."""

    plane: ControlPlane
    client: Client
    operator: Operator
    good: Pushed
    bad: Pushed
    registries: Path

    def apply(self, document: Document) -> None:
        path = f"{API}/{PLURALS[document['kind']]}/{document['metadata']['name']}"
        status, body = self.client.apply(path, document)
        assert status in (200, 201), body

    def results(self) -> dict[str, Document]:
        """The one result on each image, by repository and digest."""
        reports = self.client.get(REPORTS)[1]["items"]
        return {one["properties"]["image"]: one for report in reports for one in report["results"]}

    def until(self, image: Pushed, holds: Callable[[Document], bool]) -> Document:
        def seen() -> bool:
            return holds(self.results().get(image.reference, {}))

        try:
            wait_until(seen)
        except TimeoutError as error:
            error.add_note(str(self.results()))
            error.add_note(self.operator.process.output())
            raise
        return self.results()[image.reference]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory, cosign: Cosign) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("scan")
    with ControlPlane(folder / "plane") as plane, Registry(Kind.REFERRERS, folder / "registry") as registry:
        client = plane.client()
        install(plane)
        install_reports(client, POLICY_REPORTS)
        plane.create_namespace(SHOP)
        good, bad = registry.push_image("acme/shop"), registry.push_image("acme/other", content=b"other")
        cosign.sign(good)
        cosign.attest(good, provenance())
        registries = plain_registries(folder, registry.host)
        deployment = create(client, workload("Deployment", "web"))
        replicas = create(client, workload("ReplicaSet", "web-1", owner=deployment))
        for number, image in enumerate((good, bad)):
            document = pod(f"web-1-{number}", image.reference, owner=replicas, labels={"app": "web"})
            create(client, running(document, image.reference))
        with Operator(plane, folder / "operator", "--registries", str(registries)) as operator:
            found = Scene(plane=plane, client=client, operator=operator, good=good, bad=bad, registries=registries)
            for document in (*trust(cosign.public_key.read_text()), policy()):
                found.apply(document)
            yield found


@pytest.mark.case("AUD-001")
def test_what_runs_is_reported_with_what_is_proven_of_it(scene: Scene) -> None:
    failing = scene.until(scene.bad, lambda one: one.get("result") == "fail")
    assert failing["properties"]["reason"] == "NoProvenance"
    assert failing["properties"]["digest"] == scene.bad.digest
    passing = scene.until(scene.good, lambda one: one.get("result") == "pass")
    told = passing["properties"]
    assert (told["level"], told["builder"], told["source"]) == ("2", "acme-ci", SOURCE)
    assert "release" in told["signer"]
    (report,) = scene.client.get(REPORTS)[1]["items"]
    assert report["metadata"]["ownerReferences"][0]["kind"] == "Deployment"
    assert report["summary"] == {"pass": 1, "fail": 1, "warn": 0, "error": 0, "skip": 0}
    wait_until(lambda: 'navicert_scan_results{mode="Enforce",outcome="fail"} 1.0' in scene.operator.ask("/metrics")[1])
    assert "navicert_scan_reports_installed 1.0" in scene.operator.ask("/metrics")[1]


@pytest.mark.case("AUD-007")
def test_the_command_prints_what_the_reports_say_and_writes_nothing(scene: Scene) -> None:
    scene.until(scene.good, lambda one: one.get("result") == "pass")
    before = scene.client.get(REPORTS)[1]["items"]
    printed = command(scene, "--output", "reports")
    assert printed.returncode == 1, printed.stderr
    reports = [one for one in json.loads(printed.stdout)["items"] if one["kind"] == "PolicyReport"]
    assert [untimed(one) for one in reports] == [untimed(one) for one in before]
    assert scene.client.get(REPORTS)[1]["items"] == before
    table = command(scene)
    assert table.returncode == 1
    assert "Deployment/web" in table.stdout
    assert "NoProvenance" in table.stdout
    assert scene.good.digest not in table.stdout
    assert "1 workloads: 1 pass, 1 fail, 0 error, 0 skip" in table.stdout
    document = json.loads(command(scene, "--output", "json").stdout)
    (found,) = document["workloads"]
    outcomes = {one["digest"]: one["findings"][0]["outcome"] for one in found["images"]}
    assert outcomes == {scene.good.digest: "pass", scene.bad.digest: "fail"}


@pytest.mark.case("AUD-008")
def test_an_exception_turns_a_result_and_turns_it_back_when_it_expires(scene: Scene) -> None:
    scene.until(scene.bad, lambda one: one.get("result") == "fail")
    expires = datetime.now(UTC) + timedelta(seconds=30)  # a look after the first that can see it
    named = [{"kind": "ClusterSLSAPolicy", "name": "production"}]
    repository = scene.bad.reference.partition("@")[0]
    scene.apply(
        objects.exception(
            policies=named, namespaces=[SHOP], images=[repository], expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ")
        )
    )
    excepted = scene.until(scene.bad, lambda one: one.get("result") == "skip")
    assert excepted["properties"]["exception"] == "legacy"
    scene.until(scene.bad, lambda one: one.get("result") == "fail")
    assert (datetime.now(UTC) - expires).total_seconds() < 60

    def told(change: str) -> bool:
        events = scene.client.get(f"/apis/events.k8s.io/v1/namespaces/{SHOP}/events")[1]["items"]
        return any(change in one["note"] for one in events if one["reason"] == "OutcomeChanged")

    wait_until(lambda: told("fail, now skip") and told("skip, now fail (NoProvenance)"))  # after the reports


@pytest.mark.case("COV-022")
def test_a_label_of_a_namespace_makes_a_stricter_policy_match(scene: Scene) -> None:
    selector = {"names": [SHOP], "selector": {"matchLabels": {"tier": "gold"}}}
    strict = policy() | {"metadata": {"name": "strict"}}
    strict["spec"] = {**strict["spec"], "match": {"namespaces": selector}, "deny": {"digests": [scene.good.digest]}}
    scene.apply(strict)

    def denied() -> bool:
        reports = scene.client.get(REPORTS)[1]["items"]
        found = [one for report in reports for one in report["results"]]
        return any(one["properties"]["reason"] == "Denied" for one in found)

    scene.until(scene.bad, lambda one: one.get("result") == "fail")
    assert not denied()
    labels = {"metadata": {"labels": {"tier": "gold"}}}
    assert scene.client.patch(f"/api/v1/namespaces/{SHOP}", labels)[0] == 200
    wait_until(denied)
    assert len(scene.client.get(f"/api/v1/namespaces/{SHOP}/pods")[1]["items"]) == 2, "nothing is ever evicted"


def test_a_cluster_that_can_not_be_reached_is_ignorance(scene: Scene, tmp_path: Path) -> None:
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(scene.plane.admin_kubeconfig.read_text().replace(scene.plane.server, "https://127.0.0.1:1"))
    printed = command(scene, kubeconfig=nowhere)
    assert (printed.returncode, printed.stdout) == (3, "")
    assert len(printed.stderr.splitlines()) == 1


def command(scene: Scene, *arguments: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "controller.cli.main", "scan"),
            *("--kubeconfig", str(kubeconfig or scene.plane.admin_kubeconfig), "--registries", str(scene.registries)),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def untimed(report: Document) -> Document:
    """What a report says, but for when it came to be."""
    results = [
        {**one, "timestamp": None, "properties": {**one["properties"], "since": None}} for one in report["results"]
    ]
    owners = report["metadata"]["ownerReferences"]
    return {"scope": report["scope"], "summary": report["summary"], "owners": owners, "results": results}
