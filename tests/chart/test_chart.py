"""The chart, rendered by the real helm."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.tools import Helm, binary
from tests.tools.render import render

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "navicert"
INSTALL = ROOT / "manifests" / "install.yaml"
OWN_KINDS = {"clusterslsapolicies", "slsapolicies", "trustedbuilders", "trustroots", "slsaexceptions"}
READ = {"get", "list", "watch"}


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    return Helm(tmp_path)


def rendered(helm: Helm, *arguments: str) -> list[dict[str, Any]]:
    text = helm.run("template", "navicert", CHART, "--namespace", "navicert-system", *arguments)
    return [document for document in yaml.safe_load_all(text) if document]


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


def test_webhook_may_read_its_kinds_and_namespaces_and_nothing_else(helm: Helm) -> None:
    (role,) = [document for document in rendered(helm) if document["kind"] == "ClusterRole"]
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    expected = {("navicert.dev", resource) for resource in OWN_KINDS} | {("", "namespaces")}
    assert allowed == dict.fromkeys(expected, READ)
    assert all(set(rule) == {"apiGroups", "resources", "verbs"} for rule in role["rules"])


def test_role_is_bound_to_the_webhook_of_this_release_only(helm: Helm) -> None:
    documents = {document["kind"]: document for document in rendered(helm)}
    account, binding = documents["ServiceAccount"]["metadata"], documents["ClusterRoleBinding"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["name"], "namespace": "navicert-system"}]
    assert account["namespace"] == "navicert-system"
    assert binding["roleRef"]["name"] == documents["ClusterRole"]["metadata"]["name"]


def test_nothing_but_kinds_and_identity_is_installed(helm: Helm) -> None:
    kinds = {document["kind"] for document in rendered(helm, "--include-crds")}
    assert kinds == {"CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"}


def test_all_five_kinds_are_installed(helm: Helm) -> None:
    documents = rendered(helm, "--include-crds")
    names = {document["spec"]["names"]["plural"] for document in documents if "spec" in document}
    assert names == OWN_KINDS


@pytest.mark.case("OPS-010")
def test_unknown_values_are_refused_by_name(helm: Helm) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(helm, "--set", "replicaCuont=3")
    assert "replicaCuont" in "".join(refused.value.__notes__)


def test_older_clusters_are_refused(helm: Helm) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        rendered(helm, "--kube-version", "1.29.9")
    assert "1.30.0" in "".join(refused.value.__notes__)


def test_install_manifest_is_what_the_chart_renders() -> None:
    assert INSTALL.read_text() == render(binary("helm")), "run make manifests"
