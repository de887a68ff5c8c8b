"""The scan on a real API server, with the rights of the operator: what it reports, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.core.evidence import Evidence, Gap
from controller.core.policy import Uncovered
from controller.core.reasons import Reason
from controller.engine.gathering import GatherRequest
from controller.engine.patience import STALLED_SECONDS, STALLS
from controller.kube.client import Verb
from controller.reconcile.look import MAX_FAILED
from controller.wire.policy.tuf import TufSource
from controller.wire.refreshed import Place, RefreshedRoot, render_refreshed, source_of
from controller.wire.report import ReportForm
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.instance import acme
from tests.support.operator import HOME, install
from tests.support.processes import wait_until
from tests.support.reportkinds import DEFINITIONS, OPEN_REPORTS, POLICY_REPORTS, install_reports
from tests.support.running import controlled_by, create, delete, pod, running, workload
from tests.support.scanning import NOW, Document, staged

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
IMAGE = f"ghcr.io/acme/shop@{DIGEST}"
REPORTS = "/apis/wgpolicyk8s.io/v1alpha2"

_numbers = count()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as started:
        install(started)
        install_reports(started.client(), [*POLICY_REPORTS, *OPEN_REPORTS])
        yield started


@pytest.fixture(scope="module")
def kubeconfig(plane: ControlPlane) -> Path:
    """The operator's own rights."""
    return plane.service_account_kubeconfig(HOME, "operator")


@pytest.fixture
def client(plane: ControlPlane) -> Client:
    return plane.client()


@pytest.fixture
def namespace(plane: ControlPlane) -> Iterator[str]:
    """One for each test; what runs in it ends with the test, so that no other scans it."""
    name = f"scan-{next(_numbers)}"
    plane.create_namespace(name)
    yield name
    for kind in ("pods", "policyreports", "reports"):
        group = {"pods": "/api/v1", "policyreports": REPORTS, "reports": "/apis/openreports.io/v1alpha1"}[kind]
        plane.client().delete(f"{group}/namespaces/{name}/{kind}?gracePeriodSeconds=0")


async def nothing_attached(request: GatherRequest) -> Evidence:
    return Evidence(digest=request.reference.digest)


async def registry_down(request: GatherRequest) -> Evidence:
    return Evidence(
        digest=request.reference.digest, gaps=(Gap(reason=Reason.RegistryUnavailable, detail="it answered 503"),)
    )


def policy(**spec: Any) -> Document:
    return objects.policy(match={"images": ["ghcr.io/acme/**"]}, **spec)


def reports_in(client: Client, namespace: str) -> list[Document]:
    return list(client.get(f"{REPORTS}/namespaces/{namespace}/policyreports")[1]["items"])


def coverage(client: Client) -> dict[tuple[str, str], Document]:
    body = client.get(f"{REPORTS}/clusterpolicyreports/navicert-coverage")[1]
    return {(one["resources"][0]["name"], one["rule"]): one for one in body.get("results", [])}


def deployed(client: Client, namespace: str, *images: str, pods: int = 1, **given: Any) -> Document:
    """A Deployment, its ReplicaSet and running pods of it; gives the Deployment."""
    deployment = create(client, workload("Deployment", "web", namespace=namespace))
    replicas = create(client, workload("ReplicaSet", "web-1", namespace=namespace, owner=deployment))
    for number in range(pods):
        one = pod(f"web-1-{number}", *images, owner=replicas, namespace=namespace, generate_name="web-1-", **given)
        create(client, running(one, *(f"x@{DIGEST}" for _ in images)))
    return deployment


@pytest.mark.case("AUD-001")
async def test_an_unattested_image_is_a_failing_result_of_the_report_its_deployment_owns(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployment = deployed(client, namespace, IMAGE)
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    (report,) = reports_in(client, namespace)
    uid = deployment["metadata"]["uid"]
    assert report["metadata"]["name"] == f"navicert-{uid}"
    assert report["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "navicert"}
    (owner,) = report["metadata"]["ownerReferences"]
    assert owner == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": uid}
    assert report["scope"] == owner | {"namespace": namespace}
    assert report["summary"] == {"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0}
    (result,) = report["results"]
    assert (result["source"], result["policy"], result["result"]) == (
        "navicert",
        "ClusterSLSAPolicy/production",
        "fail",
    )
    assert "NoProvenance" in result["message"]
    assert "Attest the image after the build" in result["message"]
    told = result["properties"]
    assert (told["digest"], told["image"], told["reason"], told["mode"]) == (DIGEST, IMAGE, "NoProvenance", "Enforce")


@pytest.mark.case("AUD-002")
@pytest.mark.case("AUD-003")
async def test_many_pods_are_one_report_and_one_gathering_and_a_second_scan_writes_nothing(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployed(client, namespace, IMAGE, pods=100)
    async with staged(kubeconfig, registry_down, [policy()]) as stage:
        await stage.look()
        assert len(reports_in(client, namespace)) == 1
        assert stage.gathered == [IMAGE]
        assert await stage.new_writes() == []
        assert stage.gathered == [IMAGE]
    async with staged(kubeconfig, registry_down, [policy()]) as after_restart:
        after_restart.now += timedelta(hours=1)
        assert await after_restart.new_writes() == []
        assert after_restart.gathered == [IMAGE]


@pytest.mark.case("AUD-005")
async def test_three_images_and_two_policies_are_six_results(client: Client, kubeconfig: Path, namespace: str) -> None:
    images = [f"ghcr.io/acme/{name}@{DIGEST}" for name in ("a", "b", "c")]
    deployed(client, namespace, *images)
    second = objects.policy("second", mode="Audit", match={"images": ["ghcr.io/acme/**"]})
    async with staged(kubeconfig, nothing_attached, [policy(), second]) as stage:
        await stage.look()
    (report,) = reports_in(client, namespace)
    found = [(one["policy"], one["properties"]["image"], one["properties"]["mode"]) for one in report["results"]]
    wanted = (("ClusterSLSAPolicy/production", "Enforce"), ("ClusterSLSAPolicy/second", "Audit"))
    assert found == [(name, image, mode) for name, mode in wanted for image in images]


@pytest.mark.case("AUD-006")
async def test_ignorance_is_an_error_and_the_time_of_the_last_change_stays(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployment = deployed(client, namespace, IMAGE)
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
        stage.gather, stage.now = registry_down, stage.now + timedelta(hours=1)
        stage.objects = [policy(mode="Warn")]
        await stage.look()
        (result,) = reports_in(client, namespace)[0]["results"]
        assert (result["result"], result["properties"]["reason"]) == ("error", "RegistryUnavailable")
        assert result["properties"]["since"] == "2026-06-01T01:00:00Z"
        stage.now += timedelta(hours=1)
        stage.objects = [policy(mode="Enforce")]
        await stage.look()
        (result,) = reports_in(client, namespace)[0]["results"]
        assert result["properties"]["mode"] == "Enforce"
        assert result["properties"]["since"] == "2026-06-01T01:00:00Z"
        assert result["timestamp"]["seconds"] == int(stage.now.timestamp()) - 3600
    events = client.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")[1]["items"]
    (event,) = events
    assert (event["type"], event["reason"]) == ("Warning", "OutcomeChanged")
    assert event["regarding"]["uid"] == deployment["metadata"]["uid"]
    assert f"{IMAGE}: fail, now error (RegistryUnavailable)" in event["note"]


async def test_the_time_of_the_last_change_outlives_the_operator(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployed(client, namespace, IMAGE)
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    async with staged(kubeconfig, registry_down, [policy()]) as after_restart:
        after_restart.now += timedelta(days=1)
        await after_restart.look()
    assert len(client.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")[1]["items"]) == 1
    (result,) = reports_in(client, namespace)[0]["results"]
    assert result["properties"]["since"] == "2026-06-02T00:00:00Z"


@pytest.mark.case("AUD-008")
@pytest.mark.case("EXC-001")
async def test_an_exception_is_named_and_its_result_turns_when_it_expires(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployed(client, namespace, IMAGE)
    named = [{"kind": "ClusterSLSAPolicy", "name": "production"}]
    exception = objects.exception(
        policies=named, namespaces=["*"], images=["ghcr.io/acme/shop"], expires="2026-06-01T00:10:00Z"
    )
    async with staged(kubeconfig, nothing_attached, [policy(), exception]) as stage:
        await stage.look()
        (result,) = reports_in(client, namespace)[0]["results"]
        assert result["result"] == "skip"
        assert (result["properties"]["exception"], result["properties"]["ticket"]) == ("legacy", "OPS-1234")
        stage.now += timedelta(minutes=9, seconds=59)
        assert await stage.new_writes() == []
        stage.now += timedelta(seconds=1)
        await stage.look()
    (result,) = reports_in(client, namespace)[0]["results"]
    assert result["result"] == "fail"


ENDING_KEY = objects.root("acme", {"name": "release", "pem": objects.new_pem(), "notAfter": "2026-06-01T00:10:00Z"})
TUF = TufSource(url="https://tuf.example", root="{}", target="root.json", stale_after=timedelta(minutes=10))
ENDING_ROOT = objects.document(
    "TrustRoot", "acme", {"sigstore": {"tuf": {"url": TUF.url, "root": TUF.root, "target": TUF.target}}}
)
ENDING_ROOT["spec"]["staleAfter"] = "10m"


def refreshed_at_the_beginning() -> Document:
    """What the operator leaves of a refresh."""
    document = json.dumps(acme().trusted_root())
    root = RefreshedRoot(root="acme", source=source_of(TUF), document=document, refreshed=NOW)
    return dict(render_refreshed(Place(namespace=HOME, name="refreshed", version="", uid="1"), root))


@pytest.mark.parametrize(
    "objects_that_end",
    [pytest.param([ENDING_KEY], id="key"), pytest.param([ENDING_ROOT, refreshed_at_the_beginning()], id="stale root")],
)
async def test_what_time_takes_from_trust_is_looked_at_again_at_that_second(
    client: Client, kubeconfig: Path, namespace: str, objects_that_end: list[Document]
) -> None:
    """Or reports would say for half a day what admission does not say any more."""
    deployed(client, namespace, IMAGE)
    async with staged(kubeconfig, registry_down, [policy(), *objects_that_end]) as stage:
        await stage.look()
        stage.now += timedelta(minutes=10)
        await stage.look()
        assert stage.gathered == [IMAGE]
        stage.now += timedelta(seconds=1)
        await stage.look()
        assert stage.gathered == [IMAGE, IMAGE]


@pytest.mark.case("AUD-010")
async def test_the_digest_that_runs_is_the_specs_or_else_the_one_its_node_tells(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    names = ("pinned", "tagged", "config", "unknown")
    by_tag = [f"ghcr.io/acme/{name}:v1" for name in names[1:]]
    document = pod("web", f"ghcr.io/acme/pinned@{DIGEST}", *by_tag, namespace=namespace)
    told = (f"ghcr.io/acme/pinned@{OTHER}", f"mirror.example/x/y@{OTHER}", f"sha256:{'c' * 64}", None)
    stored = create(client, running(document, *told))
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        figures = await stage.look()
        assert figures.waiting
        assert set(stage.gathered) == {f"ghcr.io/acme/pinned@{DIGEST}", f"ghcr.io/acme/tagged:v1@{OTHER}"}
        (report,) = reports_in(client, namespace)
        by_image = {one["properties"]["image"]: one for one in report["results"]}
        assert by_image.keys() == {*stage.gathered, "ghcr.io/acme/config:v1"}
        assert by_image["ghcr.io/acme/config:v1"]["result"] == "error"
        assert "pin the digest" in by_image["ghcr.io/acme/config:v1"]["message"]
        statuses = running(document, *told[:3], f"ghcr.io/acme/unknown@{OTHER}")["status"]
        path = f"/api/v1/namespaces/{namespace}/pods/{stored['metadata']['name']}/status"
        assert client.patch(path, {"status": statuses})[0] == 200
        figures = await stage.look()
        assert not figures.waiting
        assert f"ghcr.io/acme/unknown:v1@{OTHER}" in stage.gathered


async def test_a_pod_that_ended_is_not_reported(client: Client, kubeconfig: Path, namespace: str) -> None:
    create(client, running(pod("done", IMAGE, namespace=namespace), f"x@{DIGEST}", phase="Succeeded"))
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    assert (reports_in(client, namespace), stage.gathered) == ([], [])


@pytest.mark.case("AUD-004")
async def test_the_report_of_a_workload_that_is_gone_is_removed(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    """Its owner collects it; where nobody collects, as here, the next look does."""
    stored = create(client, running(pod("web", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
        assert len(reports_in(client, namespace)) == 1
        delete(client, stored)
        await stage.look()
    assert reports_in(client, namespace) == []


@pytest.mark.case("AUD-013")
async def test_an_edited_report_is_put_back_and_a_deleted_one_made_anew(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployed(client, namespace, IMAGE)
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
        (written,) = reports_in(client, namespace)
        path = f"{REPORTS}/namespaces/{namespace}/policyreports/{written['metadata']['name']}"
        edits: list[Document] = [
            {"results": []},
            {"summary": {"fail": 0, "pass": 1}},
            {"metadata": {"ownerReferences": None}},
            {"metadata": {"labels": None}},
        ]
        for edit in edits:
            assert client.patch(path, edit)[0] == 200
            assert await stage.new_writes() != []
            assert await stage.new_writes() == []
            (restored,) = reports_in(client, namespace)
            for part in ("results", "summary", "scope"):
                assert restored[part] == written[part]
            for part in ("labels", "ownerReferences"):
                assert restored["metadata"][part] == written["metadata"][part]
        assert client.delete(path)[0] == 200
        assert len(await stage.new_writes()) == 1


@pytest.mark.case("AUD-015")
async def test_reports_of_other_tools_are_untouched(client: Client, kubeconfig: Path, namespace: str) -> None:
    deployment = deployed(client, namespace, IMAGE)
    uid = deployment["metadata"]["uid"]
    theirs = [
        {"apiVersion": "wgpolicyk8s.io/v1alpha2", "kind": "PolicyReport", "metadata": {"name": name, "labels": labels}}
        for name, labels in (
            (uid, {"app.kubernetes.io/managed-by": "another"}),
            ("by-navicert", {"app.kubernetes.io/managed-by": "navicert"}),
        )
    ]
    for one in theirs:
        assert client.create(f"{REPORTS}/namespaces/{namespace}/policyreports", one)[0] == 201
    before = {one["metadata"]["name"]: one for one in reports_in(client, namespace)}
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
        stage.objects = []
        await stage.look()
    assert {one["metadata"]["name"]: one for one in reports_in(client, namespace)} == before


@pytest.mark.case("AUD-016")
async def test_owners_are_followed_to_the_last_that_can_be_read_and_is_there(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    foreign = {"apiVersion": "acme.example/v1", "kind": "Shop", "metadata": {"name": "s", "uid": "1"}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n", "uid": "2"}}
    made_up = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "no", "uid": "3"}}
    of_shop = create(client, workload("StatefulSet", "db", owner=foreign, namespace=namespace))
    another = {**of_shop, "metadata": {**of_shop["metadata"], "uid": "4"}}
    below = {
        "db-0": (of_shop, "StatefulSet"),
        "by-shop": (foreign, "Pod"),
        "static": (node, "Pod"),
        "made-up": (made_up, "Pod"),
        "of-another": (another, "Pod"),
    }
    for name, (owner, _) in below.items():
        create(client, running(pod(name, IMAGE, owner=owner, namespace=namespace), f"x@{DIGEST}"))
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    scopes = [(one["scope"]["kind"], one["scope"]["name"]) for one in reports_in(client, namespace)]
    assert sorted(scopes) == [
        ("Pod", "by-shop"),
        ("Pod", "made-up"),
        ("Pod", "of-another"),
        ("Pod", "static"),
        ("StatefulSet", "db"),
    ]


async def test_an_owner_that_is_no_controller_does_not_own_the_report(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    deployment = create(client, workload("Deployment", "web", namespace=namespace))
    (reference,) = controlled_by(deployment)
    create(
        client, running(pod("p", IMAGE, owners=[reference | {"controller": False}], namespace=namespace), f"x@{DIGEST}")
    )
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    (report,) = reports_in(client, namespace)
    assert report["scope"]["kind"] == "Pod"


@pytest.mark.case("AUD-014")
@pytest.mark.case("COV-019")
async def test_uncovered_and_exempt_images_are_counted_by_namespace(
    client: Client, kubeconfig: Path, plane: ControlPlane, namespace: str
) -> None:
    exempt = f"{namespace}-exempt"
    plane.create_namespace(exempt)
    others = [f"quay.io/other/{name}@{DIGEST}" for name in ("a", "b")]
    for name, image in (("one", others[0]), ("two", others[0]), ("three", others[1]), ("four", IMAGE)):
        create(client, running(pod(name, image, namespace=namespace), f"x@{DIGEST}"))
    secret = create(client, running(pod("system", IMAGE, namespace=exempt), f"x@{DIGEST}"))
    async with staged(kubeconfig, nothing_attached, [policy()], exempt=(exempt,)) as stage:
        figures = await stage.look()
        assert (figures.uncovered, figures.exempt) == (2, 1)
        told = coverage(client)
        uncovered, exempted = told[(namespace, "Uncovered")], told[(exempt, "Exempt")]
        assert (uncovered["result"], uncovered["properties"]) == ("warn", {"images": "2", "named": ", ".join(others)})
        assert (exempted["result"], exempted["properties"]) == ("skip", {"images": "1", "named": IMAGE})
        assert [one["scope"]["name"] for one in reports_in(client, namespace)] == ["four"]
        assert reports_in(client, exempt) == []
        assert all("quay.io" not in one for one in stage.gathered)
        delete(client, secret)
        await stage.look()
        assert (exempt, "Exempt") not in coverage(client)


async def test_what_is_uncovered_is_a_result_where_it_would_be_refused(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    create(client, running(pod("web", f"quay.io/other/a@{DIGEST}", namespace=namespace), f"x@{DIGEST}"))
    async with staged(kubeconfig, nothing_attached, [policy()], uncovered=Uncovered.DENY) as stage:
        await stage.look()
        assert coverage(client)[(namespace, "Uncovered")]["result"] == "fail"
    (result,) = reports_in(client, namespace)[0]["results"]
    assert (result["policy"], result["result"], result["properties"]["reason"]) == ("uncovered", "fail", "Uncovered")


@pytest.mark.case("COV-021")
@pytest.mark.case("COV-022")
async def test_labels_that_change_make_a_stricter_policy_match(
    client: Client, kubeconfig: Path, plane: ControlPlane, namespace: str
) -> None:
    strict = objects.policy(
        "strict", match={"images": ["ghcr.io/acme/**"], "podSelector": {"matchLabels": {"tier": "gold"}}}
    )
    stored = create(client, running(pod("web", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    path = f"/api/v1/namespaces/{namespace}/pods/{stored['metadata']['name']}"
    async with staged(kubeconfig, nothing_attached, [strict]) as stage:
        await stage.look()
        assert reports_in(client, namespace) == []
        assert client.patch(path, {"metadata": {"labels": {"tier": "gold"}}})[0] == 200
        await stage.look()
    assert [one["policy"] for one in reports_in(client, namespace)[0]["results"]] == ["ClusterSLSAPolicy/strict"]
    selector = {"names": ["*"], "selector": {"matchLabels": {"tier": "gold"}}}
    by_namespace = objects.policy("strict", match={"images": ["ghcr.io/acme/**"], "namespaces": selector})
    async with staged(kubeconfig, nothing_attached, [by_namespace]) as stage:
        await stage.look()
        assert reports_in(client, namespace) == []
        assert client.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": {"tier": "gold"}}})[0] == 200
        await stage.look()
    assert [one["policy"] for one in reports_in(client, namespace)[0]["results"]] == ["ClusterSLSAPolicy/strict"]


async def test_open_reports_say_the_same(client: Client, kubeconfig: Path, namespace: str) -> None:
    deployed(client, namespace, IMAGE)
    for form in (ReportForm.POLICY_REPORT, ReportForm.OPEN_REPORTS):
        async with staged(kubeconfig, nothing_attached, [policy()], form=form) as stage:
            await stage.look()
            assert await stage.new_writes() == []
    (report,) = client.get(f"/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports")[1]["items"]
    (other,) = reports_in(client, namespace)
    assert report["source"] == "navicert"
    assert {name: report[name] for name in ("scope", "summary", "results")} == {
        name: other[name] for name in ("scope", "summary", "results")
    }


@pytest.mark.case("AUD-009")
async def test_without_report_kinds_the_scan_goes_on_and_says_so_once(
    client: Client, kubeconfig: Path, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    deployed(client, namespace, IMAGE)
    for one in OPEN_REPORTS:
        assert client.delete(f"{DEFINITIONS}/{one['metadata']['name']}")[0] == 200
    wait_until(lambda: client.get(ReportForm.OPEN_REPORTS.api)[0] == 404)
    async with staged(kubeconfig, nothing_attached, [policy()], form=ReportForm.OPEN_REPORTS) as stage:
        figures = [await stage.look(), await stage.look()]
        assert [one.reports for one in figures] == [False, False]
        assert figures[0].results[("fail", "Enforce")] == 1
        assert stage.writes == []
        told = [one for one in caplog.messages if "report kinds are not installed" in one]
        assert len(told) == 1
        install_reports(client, OPEN_REPORTS)
        figures.append(await stage.look())
        assert figures[-1].reports
        assert len(client.get(f"/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports")[1]["items"]) == 1


async def test_a_write_that_fails_is_made_by_the_next_look_and_nothing_is_removed_meanwhile(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    gone = create(client, running(pod("gone", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
    delete(client, gone)
    create(client, running(pod("web", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    failing = [True]

    def refuse(_verb: Verb, path: str) -> Exception | None:
        return ApiServerUnavailable("it answered 500") if failing[0] and namespace in path else None

    async with staged(kubeconfig, nothing_attached, [policy()], refuse=refuse) as stage:
        with pytest.raises(ApiServerUnavailable):
            await stage.look()
        assert [one["scope"]["name"] for one in reports_in(client, namespace)] == ["gone"]
        failing[0] = False
        await stage.look()
    assert [one["scope"]["name"] for one in reports_in(client, namespace)] == ["web"]


async def test_a_namespace_that_takes_no_reports_keeps_no_other_from_being_reported(
    client: Client, kubeconfig: Path, namespace: str, plane: ControlPlane
) -> None:
    """A namespace that is ending takes nothing new, and may end never: as many workloads as give a look up."""
    ending, number = f"a-{namespace}", MAX_FAILED + 1
    plane.create_namespace(ending)
    gone = create(client, running(pod("gone", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    held = [running(pod(f"held-{one}", IMAGE, namespace=ending), f"x@{DIGEST}") for one in range(number)]
    async with staged(kubeconfig, nothing_attached, [policy()]) as stage:
        await stage.look()
        for one in held:
            one["metadata"]["finalizers"] = ["acme.example/hold"]
            create(client, one)
        client.delete(f"/api/v1/namespaces/{ending}")
        delete(client, gone)
        create(client, running(pod("web", IMAGE, namespace=namespace), f"x@{DIGEST}"))
        figures = await stage.look()
    assert figures.results["fail", "Enforce"] == number + 1
    assert [one["scope"]["name"] for one in reports_in(client, namespace)] == ["web"]
    for one in held:
        client.patch(f"/api/v1/namespaces/{ending}/pods/{one['metadata']['name']}", {"metadata": {"finalizers": None}})
        delete(client, one)


@pytest.mark.case("AUD-006")
async def test_a_registry_that_is_gone_is_waited_for_a_few_times_and_not_for_each_image(
    client: Client, kubeconfig: Path, namespace: str
) -> None:
    """Everything after it waits else, and a change of policies with it."""
    clock = asyncio.get_running_loop().time
    patience: list[float] = []

    async def stalling(request: GatherRequest) -> Evidence:
        if request.reference.repository.host == "quay.io":
            patience.append(request.deadline - clock())
            gap = Gap(reason=Reason.DeadlineExceeded, detail="quay.io did not answer in time")
            return Evidence(digest=request.reference.digest, gaps=(gap,))
        assert request.deadline - clock() > STALLED_SECONDS
        return Evidence(digest=request.reference.digest)

    stalled = 20
    for number in range(stalled):
        image = f"quay.io/acme/shop-{number}@{DIGEST}"
        create(client, running(pod(f"stalled-{number}", image, namespace=namespace), f"x@{DIGEST}"))
    create(client, running(pod("web", IMAGE, namespace=namespace), f"x@{DIGEST}"))
    async with staged(kubeconfig, stalling, [objects.policy()]) as stage:
        figures = await stage.look()
        long = [one for one in patience if one > STALLED_SECONDS]
        assert (len(patience), len(long)) == (stalled, len(patience[:STALLS]))
        assert (figures.results["error", "Enforce"], figures.results["fail", "Enforce"]) == (stalled, 1)
        stage.objects = [objects.policy(mode="Warn")]
        await stage.look()
    assert len([one for one in patience if one > STALLED_SECONDS]) == 2 * STALLS
