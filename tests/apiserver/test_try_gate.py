"""`navicert try-gate`, with the rights of the pod of `helm test`: a real API server, operator and replica."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from controller.trust.issuing import KeyPair
from tests.support.chart import rules
from tests.support.cluster import service_account
from tests.support.controlplane import ControlPlane
from tests.support.operator import API, HOME, NAME, RBAC, ROOT, VALIDATING, Operator, install, make_ready
from tests.support.processes import wait_until
from tests.support.registered import DNS, ServiceAuthority, create_service
from tests.support.rights import grant
from tests.support.secrets import put_secret
from tests.support.webhook import Webhook

ACCOUNT = "navicert-test"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        install(running)
        running.create_service_account(HOME, ACCOUNT)
        base = {"apiVersion": f"{RBAC}/v1", "metadata": {"name": "trying", "namespace": HOME}}
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": HOME}
        reference = {"apiGroup": RBAC, "kind": "Role", "name": "trying"}
        role = {**base, "kind": "Role", "rules": rules("Role", ACCOUNT)}
        binding = {**base, "kind": "RoleBinding", "subjects": [subject], "roleRef": reference}
        grant(running.client(), role, binding)
        yield running


@pytest.fixture(scope="module")
def authority() -> ServiceAuthority:
    return ServiceAuthority()


@pytest.fixture(scope="module")
def webhook(
    plane: ControlPlane, authority: ServiceAuthority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Webhook]:
    folder = tmp_path_factory.mktemp("webhook")
    with Webhook(folder, "--kubeconfig", service_account(plane), authority=authority) as running:
        running.wait_synced()
        yield running


def tried(plane: ControlPlane, *arguments: str, account: str = ACCOUNT) -> tuple[int, str]:
    """How it ended, and the last line that it logged."""
    kubeconfig = plane.service_account_kubeconfig(HOME, account)
    options = (f"--kubeconfig={kubeconfig}", f"--namespace={HOME}", *arguments)
    command = [sys.executable, "-m", "controller.cli.main", "try-gate", *options]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    return ended.returncode, ended.stderr.splitlines()[-1]


def test_a_cluster_that_asks_nobody_fails(plane: ControlPlane) -> None:
    status, told = tried(plane, "--wait=1.5")
    assert status == 1
    assert json.loads(told)["message"] == "the API server took what Navicert refuses: it asks nobody, or nobody answers"


def test_who_may_not_offer_a_policy_learns_nothing(plane: ControlPlane) -> None:
    plane.create_service_account(HOME, "nobody")
    status, told = tried(plane, "--wait=0", account="nobody")
    assert status == 3
    assert "answered 403" in told


def test_it_holds_once_the_operator_registered_a_replica_that_answers_and_no_longer_when_that_ends(
    plane: ControlPlane, webhook: Webhook, authority: ServiceAuthority, tmp_path: Path
) -> None:
    client = plane.client()
    port = create_service(client, webhook.admission)
    given = authority.server(DNS)
    put_secret(client, f"{NAME}-tls", KeyPair(certificate=given.certificate, key=given.key), authority.certificate)
    with Operator(plane, tmp_path / "operator", "--certificates=given", f"--service-port={port}"):
        make_ready(client)
        wait_until(lambda: bool(client.get(VALIDATING)[1].get("webhooks")))
        status, told = tried(plane, "--wait=120")
        assert status == 0, told
        wait_until(lambda: len(webhook.reviews("validate-policy")) >= 2)
        stored = client.get(f"{API}/namespaces/{HOME}/slsapolicies")
        assert (stored[0], stored[1]["items"]) == (HTTPStatus.OK, [])
        webhook.stop()
        assert tried(plane, "--wait=0")[0] == 1
