"""Settings: what is read, and what is refused."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.core.policy import Uncovered
from controller.settings import Address, Settings


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("0.0.0.0:8443", "0.0.0.0", 8443), ("127.0.0.1:0", "127.0.0.1", 0), ("[::]:8443", "::", 8443)],
)
def test_an_address_is_an_ip_address_and_a_port(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "8443",
        ":8443",
        "localhost:1",
        "127.0.0.1",
        "127.0.0.1:",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4:٣",
        "::1:80x",
        "1.2.3.4:8\n",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(MalformedDocument) as caught:
        Address.parse(text)
    assert str(caught.value).isprintable()


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "tls_cert": Path("tls.crt"),
        "tls_key": Path("tls.key"),
        "client_ca": None,
        "client_names": frozenset(),
        "drain_seconds": 2.0,
        "listen": Address.parse("0.0.0.0:8443"),
        "status_listen": Address.parse("0.0.0.0:8080"),
        "policies": None,
        "namespace": None,
        "exception_maximum": timedelta(days=90),
        "kubeconfig": None,
        "uncovered": Uncovered.ALLOW,
        "registries": None,
        "credentials": None,
        "credential_programs": None,
        "pod_pull_secrets": False,
        "log_level": "info",
    }
    return Settings(**(given | changes))


def test_policies_come_from_one_place() -> None:
    assert settings(policies=Path("policies")).kubeconfig is None
    with pytest.raises(MalformedDocument, match="exclude"):
        settings(policies=Path("policies"), kubeconfig=Path("config"))


def test_names_of_clients_need_an_authority_that_issued_them() -> None:
    assert settings(client_names=frozenset({"apiserver"}), client_ca=Path("ca.crt")).client_names == {"apiserver"}
    with pytest.raises(MalformedDocument, match="client-ca"):
        settings(client_names=frozenset({"apiserver"}))


def test_pull_secrets_of_pods_are_for_an_api_server_that_shows_who_it_is() -> None:
    assert settings(pod_pull_secrets=True, client_ca=Path("ca.crt")).pod_pull_secrets
    with pytest.raises(MalformedDocument, match="client-ca"):
        settings(pod_pull_secrets=True)
    with pytest.raises(MalformedDocument, match="cluster"):
        settings(pod_pull_secrets=True, client_ca=Path("ca.crt"), policies=Path("policies"))
