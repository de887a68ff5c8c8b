"""Webhooks registered as the operator does it, behind a Service that leads to this machine.

A Service of type ExternalName needs no network of pods, and the API server calls it by its name.
"""

from __future__ import annotations

from http import HTTPStatus

from controller.wire.webhooks import Registration, render_mutating, render_validating
from tests.support.controlplane import Client
from tests.support.operator import ADMISSION, HOME, NAME
from tests.support.pki import Authority, Identity

DNS = f"{NAME}.{HOME}.svc"


class ServiceAuthority:
    """Issues certificates for the name that the API server calls the webhook by, too."""

    def __init__(self) -> None:
        self._authority = Authority("service")

    @property
    def certificate(self) -> bytes:
        return self._authority.certificate

    def server(self, *names: str) -> Identity:
        return self._authority.server(*names, DNS)


def create_service(client: Client, address: str) -> int:
    """Leads to this address, and returns its port. The namespace is there already."""
    port = int(address.rpartition(":")[2])
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    document = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec}
    status, body = client.create(f"/api/v1/namespaces/{HOME}/services", document)
    assert status == HTTPStatus.CREATED, body
    return port


def register(client: Client, address: str, authority: bytes, *, exempt: tuple[str, ...] = ()) -> None:
    """Has the API server ask there about every workload outside of the exempt namespaces."""
    port = create_service(client, address)
    registration = Registration(namespace=HOME, service=NAME, port=port, authorities=authority, exempt=exempt)
    for kind, webhooks in (
        ("Validating", render_validating(registration)),
        ("Mutating", render_mutating(registration)),
    ):
        document = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"{kind}WebhookConfiguration",
            "metadata": {"name": NAME},
            "webhooks": webhooks,
        }
        status, body = client.create(f"{ADMISSION}/{kind.lower()}webhookconfigurations", document)
        assert status == HTTPStatus.CREATED, body
