"""Connections from the files of a pod and from kubeconfigs."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import kubernetes.config  # noqa: F401 (urllib3 tries out IPv6 when it is imported, which no unit test may)
import pytest

from controller.core.errors import ApiServerUnavailable, MalformedDocument
from controller.kube.connection import from_kubeconfig, in_cluster
from tests.support.pki import Authority

POD = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def mounted(folder: Path, authority: Authority, token: str = "first") -> Path:
    (folder / "ca.crt").write_bytes(authority.certificate)
    (folder / "token").write_text(f"{token}\n")
    return folder


def test_a_pod_reaches_the_server_it_is_told_and_reads_its_token_each_time(
    tmp_path: Path, authority: Authority
) -> None:
    connection = in_cluster(POD, mounted(tmp_path, authority))
    assert connection.server == "https://10.96.0.1:443"
    assert connection.tls.verify_mode is ssl.CERT_REQUIRED
    assert connection.authorization() == "Bearer first"
    (tmp_path / "token").write_text("second")
    assert connection.authorization() == "Bearer second"


def test_a_token_that_went_is_ignorance(tmp_path: Path, authority: Authority) -> None:
    connection = in_cluster(POD, mounted(tmp_path, authority))
    (tmp_path / "token").unlink()
    with pytest.raises(ApiServerUnavailable):
        connection.authorization()


def test_an_ipv6_server_is_bracketed(tmp_path: Path, authority: Authority) -> None:
    connection = in_cluster(POD | {"KUBERNETES_SERVICE_HOST": "fd00::1"}, mounted(tmp_path, authority))
    assert connection.server == "https://[fd00::1]:443"


@pytest.mark.parametrize("environment", [{}, POD])
def test_what_is_no_pod_is_said_so(environment: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(MalformedDocument):
        in_cluster(environment, tmp_path)


def kubeconfig(path: Path, cluster: dict[str, Any], user: dict[str, Any]) -> Path:
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path.write_text(json.dumps(document))
    return path


def test_a_kubeconfig_gives_server_trust_and_token(tmp_path: Path, authority: Authority) -> None:
    cluster = {
        "server": "https://api.example:6443/",
        "certificate-authority-data": base64.b64encode(authority.certificate).decode(),
        "tls-server-name": "kubernetes",
    }
    connection = from_kubeconfig(kubeconfig(tmp_path / "config", cluster, {"token": "abc"}))
    assert connection.server == "https://api.example:6443"
    assert connection.authorization() == "Bearer abc"
    assert connection.tls_server_name == "kubernetes"
    assert connection.tls.verify_mode is ssl.CERT_REQUIRED


def test_a_client_certificate_needs_no_token(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.client("admin").write(tmp_path, "client")
    user = {"client-certificate": str(certificate), "client-key": str(key)}
    connection = from_kubeconfig(kubeconfig(tmp_path / "config", {"server": "https://api.example"}, user))
    assert connection.authorization() is None


def test_an_unverified_server_is_not_asked_for_policies(tmp_path: Path) -> None:
    cluster = {"server": "https://api.example", "insecure-skip-tls-verify": True}
    with pytest.raises(MalformedDocument, match="insecure-skip-tls-verify"):
        from_kubeconfig(kubeconfig(tmp_path / "config", cluster, {}))


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "kind: Config", "current-context: x\ncontexts: 7", "\x00"])
def test_what_is_no_kubeconfig_is_malformed_and_nothing_else(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(MalformedDocument):
        from_kubeconfig(path)


def test_a_kubeconfig_that_is_not_there_is_malformed(tmp_path: Path) -> None:
    with pytest.raises(MalformedDocument):
        from_kubeconfig(tmp_path / "config")
