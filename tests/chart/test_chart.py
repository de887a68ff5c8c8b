"""The chart, rendered by the real helm."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.chart import CLIENT_CA, PULLING, rights, template
from tests.support.plainyaml import read_documents
from tests.support.tools import Helm

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "navicert"
OWN_KINDS = {"clusterslsapolicies", "slsapolicies", "trustedbuilders", "trustroots", "slsaexceptions"}


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


def rendered(helm: Helm, *arguments: str) -> list[dict[str, Any]]:
    text = helm.run("template", "navicert", CHART, "--namespace", "navicert-system", *arguments)
    return read_documents(text)


def test_chart_passes_the_linter_strictly(helm: Helm) -> None:
    assert "0 chart(s) failed" in helm.run("lint", "--strict", CHART, "--namespace", "navicert-system")


@pytest.mark.case("OPS-016")
@pytest.mark.parametrize("arguments", [(), ("--namespace", "default")], ids=["no namespace", "default"])
def test_default_namespace_is_refused_with_the_way_out(helm: Helm, arguments: tuple[str, ...]) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        helm.run("template", "navicert", CHART, *arguments)
    said = "".join(refused.value.__notes__)
    assert "needs a namespace of its own" in said
    assert "--namespace navicert-system --create-namespace" in said


def test_webhook_may_read_its_kinds_and_namespaces_and_nothing_else() -> None:
    expected = {("navicert.dev", kind) for kind in OWN_KINDS} | {("", "namespaces"), ("", "configmaps")}
    watched = {(verb, *what) for what in expected for verb in ("list", "watch")}
    assert rights("navicert-webhook") == watched | {("get", "", "namespaces")}


def test_secrets_of_other_namespaces_are_read_one_by_one_where_that_is_turned_on() -> None:
    more = {
        account: rights(account, *PULLING) - rights(account) for account in ("navicert-webhook", "navicert-operator")
    }
    assert more == {
        "navicert-webhook": {("get", "", "secrets"), ("get", "", "serviceaccounts")},
        "navicert-operator": set(),  # its own Secrets it may get already, in its own namespace
    }
    given = [rule for one in template(*PULLING) for rule in cluster_rules(one) if "secrets" in rule["resources"]]
    assert [rule["verbs"] for rule in given] == [["get"], ["get"]]
    assert not any("secrets" in rule["resources"] for one in template() for rule in cluster_rules(one))


def cluster_rules(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["rules"]) if document["kind"] == "ClusterRole" else []


@pytest.mark.parametrize("value", ["podPullSecrets=true", "clientNames={apiserver}"])
def test_what_needs_the_api_servers_certificate_is_refused_without_its_authority(helm: Helm, value: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(helm, "--set", value)
    assert "clientCA" in "".join(refused.value.__notes__)
    assert rendered(helm, "--set", value, "--set", f"clientCA={CLIENT_CA}")


def test_values_of_a_client_and_of_pulling_reach_the_programs() -> None:
    values = (*PULLING, "--set", "clientNames={apiserver,another}")
    given = {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]["containers"][0]["args"]
        for one in template(*values)
        if one["kind"] == "Deployment"
    }
    assert {"--pod-pull-secrets", "--client-ca=/settings/client-ca.pem", "--client-names=apiserver,another"} <= {
        *given["navicert-webhook"]
    }
    assert "--pod-pull-secrets" in given["navicert-operator"]


def test_no_right_is_a_wildcard_and_secrets_are_named() -> None:
    for document in template():
        for rule in document.get("rules", ()) if document["kind"] in ("ClusterRole", "Role") else ():
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}
            if "secrets" in rule["resources"] and rule["verbs"] != ["create"]:
                assert rule["resourceNames"] == ["navicert-authority", "navicert-tls"]


def test_roles_are_bound_to_the_programs_of_this_release_only() -> None:
    accounts = {one["metadata"]["name"] for one in template() if one["kind"] == "ServiceAccount"}
    for document in template():
        if document["kind"] in ("ClusterRoleBinding", "RoleBinding"):
            (subject,) = document["subjects"]
            assert subject["name"] in accounts
            assert (subject["kind"], subject["namespace"]) == ("ServiceAccount", "navicert-system")
            assert subject["name"] == document["roleRef"]["name"] == document["metadata"]["name"]


def test_all_five_kinds_are_installed(helm: Helm) -> None:
    documents = rendered(helm, "--include-crds")
    names = {one["spec"]["names"]["plural"] for one in documents if one["kind"] == "CustomResourceDefinition"}
    assert names == OWN_KINDS


def test_older_clusters_are_refused(helm: Helm) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(helm, "--kube-version", "1.29.9")
    assert "1.30.0" in "".join(refused.value.__notes__)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "kubectl -n navicert-system rollout status deployment/navicert-webhook"),
        ((), "kubectl get validatingwebhookconfiguration navicert -o jsonpath='{.webhooks[*].name}'"),
        ((), "kubectl get policyreports -A -l app.kubernetes.io/managed-by=navicert"),
        ((), "helm test navicert --namespace navicert-system"),
        ((), "Images that no policy in Enforce or Warn is about are let in (uncovered: Allow)"),
        ((), "set image.digest in production"),
        (("--set", "starterPolicy=false"), "Write a ClusterSLSAPolicy in mode Audit"),
        (("--set", "reports=openreports"), "kubectl get reports.openreports.io -A"),
        (("--set", "reports=none"), "navicert scan"),
    ],
)
def test_notes_say_what_to_do_next(helm: Helm, arguments: tuple[str, ...], told: str) -> None:
    dry = ("install", "navicert", CHART, "--namespace", "navicert-system", "--dry-run=client")
    assert told in helm.run(*dry, *arguments).partition("NOTES:")[2]
