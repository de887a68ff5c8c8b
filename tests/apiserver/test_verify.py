"""`navicert verify` by the policies of a cluster: for a user who may read them, and for one who may not."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from tests.support.cluster import HOME, apply, install_kinds, policy, service_account, trust
from tests.support.commands import Commands
from tests.support.controlplane import ControlPlane
from tests.support.foundry import SigningKey
from tests.support.layouts import LayoutFolder, image

LABELS = {"tier": "production"}


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        client = running.client()
        install_kinds(client)
        asked = policy(namespaces={"selector": {"matchLabels": LABELS}})
        for document in (*trust(SigningKey().pem), asked):
            apply(client, document)
        for name, labels in (("shop", LABELS), ("sandbox", {})):
            running.create_namespace(name)
            status, body = client.patch(f"/api/v1/namespaces/{name}", {"metadata": {"labels": labels}})
            assert status == HTTPStatus.OK, body
        yield running


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    LayoutFolder(tmp_path / "shop").add(image("shop"))
    monkeypatch.chdir(tmp_path)
    return Commands(tmp_path, monkeypatch, capsys)


def test_policies_and_labels_of_namespaces_are_the_clusters(
    plane: ControlPlane, run: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(plane.admin_kubeconfig))
    refused = run("verify", "--namespace", "shop", "oci:shop")
    assert (refused.code, "NoProvenance" in refused.out) == (1, True)
    assert run("verify", "--namespace", "sandbox", "oci:shop").code == 0
    unknown = run("verify", "--namespace", "nowhere", "oci:shop")
    assert (unknown.code, "nowhere are not known" in unknown.out) == (3, True)


def test_who_may_read_policies_and_no_namespace_does_not_find_out(plane: ControlPlane, run: Commands) -> None:
    ended = run(
        "verify", "--kubeconfig", service_account(plane, without="namespaces"), "--namespace", "sandbox", "oci:shop"
    )
    assert ended.code == 3
    assert "the labels of namespace sandbox are not known: " in ended.err


def test_roots_in_config_maps_are_read_from_navicerts_namespace(plane: ControlPlane, run: Commands) -> None:
    client = plane.client()
    plane.create_namespace(HOME)
    root = {
        "apiVersion": "navicert.dev/v1alpha1",
        "kind": "TrustRoot",
        "metadata": {"name": "kept"},
        "spec": {"sigstore": {"trustedRoot": {"configMapRef": {"name": "roots", "key": "root.json"}}}},
    }
    apply(client, root)
    named = ["--kubeconfig", str(plane.admin_kubeconfig), "--namespace", "sandbox", "oci:shop"]
    assert "TrustRoot/kept is broken" in run("verify", *named).err
    document = (Path(__file__).resolve().parents[2] / "controller" / "trust").rglob("*.json")
    content = next(path.read_text() for path in document)
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "roots"},
        "data": {"root.json": content},
    }
    status, body = client.apply(f"/api/v1/namespaces/{HOME}/configmaps/roots", config_map)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
    assert run("verify", *named).err == ""


def test_who_may_not_read_policies_finds_nothing_out(plane: ControlPlane, run: Commands) -> None:
    plane.create_namespace("nobody")
    kubeconfig = plane.service_account_kubeconfig("nobody", "default")
    ended = run("verify", "--kubeconfig", kubeconfig, "oci:shop")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err


def test_a_kubeconfig_that_is_not_there_is_a_mistake(run: Commands) -> None:
    ended = run("verify", "--kubeconfig", "nowhere", "oci:shop")
    assert (ended.code, ended.out) == (2, "")
