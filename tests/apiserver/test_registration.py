"""Certificates and webhook configurations, kept by the real operator on a real API server."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from controller.kube.client import ApiClient
from controller.kube.connection import from_kubeconfig
from controller.reconcile.certificates import AUTHORITY_LIFETIME, RENEWED_AFTER
from controller.reconcile.keeping import OVERLAP, GivenCertificates
from controller.reconcile.names import Home
from controller.trust.issuing import KeyPair, authorities, issue_authority, issue_server, serves
from controller.wire.webhooks import Registration, render_mutating, render_policy_validation, render_validating
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import HOME, MUTATING, NAME, SECRETS, VALIDATING, Operator, install, make_ready
from tests.support.processes import wait_until
from tests.support.secrets import put_secret

PERIOD = 5.0
AUTHORITY, SERVING = f"{SECRETS}/{NAME}-authority", f"{SECRETS}/{NAME}-tls"
DNS = f"{NAME}.{HOME}.svc"
EMPTY: tuple[list[Any], list[Any]] = ([], [])

Document = dict[str, Any]


@pytest.fixture
def plane(new_controlplane: Callable[[], ControlPlane]) -> ControlPlane:
    running = new_controlplane()
    install(running)
    return running


@pytest.fixture
def client(plane: ControlPlane) -> Client:
    return plane.client()


@pytest.fixture
def start(plane: ControlPlane, tmp_path: Path) -> Iterator[Callable[..., Operator]]:
    started: list[Operator] = []

    def one(*arguments: str) -> Operator:
        started.append(Operator(plane, tmp_path / f"operator-{len(started)}", *arguments))
        wait_until(lambda: started[-1].leads)
        return started[-1]

    yield one
    for operator in started:
        operator.stop()


def webhooks(client: Client) -> tuple[list[Document], list[Document]]:
    first, second = (client.get(path)[1].get("webhooks") or [] for path in (VALIDATING, MUTATING))
    return first, second


def filled(client: Client) -> bool:
    return all(webhooks(client))


def secret(client: Client, path: str) -> dict[str, bytes]:
    status, body = client.get(path)
    fields = body["data"] if status == HTTPStatus.OK else {}
    return {name: base64.b64decode(text) for name, text in fields.items()}


def pair(client: Client, path: str) -> KeyPair:
    contents = secret(client, path)
    return KeyPair(certificate=contents["tls.crt"], key=contents["tls.key"])


def bundles(client: Client) -> set[bytes]:
    return {base64.b64decode(one["clientConfig"]["caBundle"]) for side in webhooks(client) for one in side}


def expected(client: Client, **changed: Any) -> tuple[list[Any], list[Any]]:
    registration = Registration(
        **{"namespace": HOME, "service": NAME, "port": 443, "authorities": secret(client, SERVING)["ca.crt"], **changed}
    )
    judging = [*render_validating(registration), *render_policy_validation(registration)]
    return judging, render_mutating(registration)


@pytest.mark.case("OPS-015")
@pytest.mark.case("OPS-006")
@pytest.mark.case("OPS-002")
def test_webhooks_are_registered_when_a_replica_is_ready_put_back_when_changed_and_never_created(
    client: Client, start: Callable[..., Operator]
) -> None:
    start("--exempt-namespace", "network")
    wait_until(lambda: bool(secret(client, SERVING)))
    assert serves(pair(client, SERVING), secret(client, AUTHORITY)["tls.crt"], [DNS])
    time.sleep(PERIOD * 1.5)
    assert webhooks(client) == EMPTY
    make_ready(client)
    wait_until(lambda: filled(client))
    assert webhooks(client) == expected(client, exempt=("network",))

    edited, untouched = webhooks(client)
    edited[0]["clientConfig"]["caBundle"] = ""
    edited[1]["rules"] = edited[1]["rules"][:1]
    edited[2]["namespaceSelector"] = {"matchLabels": {"nobody": "has-it"}}
    assert client.patch(VALIDATING, {"webhooks": edited})[0] == HTTPStatus.OK
    wait_until(lambda: webhooks(client) == expected(client, exempt=("network",)))
    wait_until(lambda: bool(events(client)))
    told = [(one["reason"], one["involvedObject"]["name"], one["type"]) for one in events(client)]
    assert told == [("WebhooksRestored", NAME, "Warning")]

    client.patch(VALIDATING, {"webhooks": []})
    wait_until(lambda: filled(client))

    client.delete(VALIDATING)
    time.sleep(PERIOD * 1.5)
    assert client.get(VALIDATING)[0] == HTTPStatus.NOT_FOUND
    assert untouched == client.get(MUTATING)[1]["webhooks"]


def test_a_serving_secret_that_is_deleted_is_made_anew_by_the_same_authority(
    client: Client, start: Callable[..., Operator]
) -> None:
    start()
    make_ready(client)
    wait_until(lambda: filled(client))
    before, authority, announced = pair(client, SERVING), secret(client, AUTHORITY), bundles(client)
    client.delete(SERVING)
    wait_until(lambda: bool(secret(client, SERVING)))
    assert pair(client, SERVING) != before
    assert (secret(client, AUTHORITY), bundles(client)) == (authority, announced)
    for held in (before, pair(client, SERVING)):
        assert serves(held, authority["tls.crt"], [DNS])


def test_an_authority_is_announced_before_anything_it_issued_is_served(
    client: Client, start: Callable[..., Operator]
) -> None:
    now = datetime.now(UTC)
    made = now - AUTHORITY_LIFETIME * RENEWED_AFTER - timedelta(days=1)
    old = issue_authority("old", now=made, lifetime=AUTHORITY_LIFETIME)
    served = issue_server(old, [DNS], now=now - timedelta(days=1), lifetime=timedelta(days=90))
    put_secret(client, f"{NAME}-authority", old, old.certificate)
    put_secret(client, f"{NAME}-tls", served, old.certificate)
    filled_in = expected(client)
    for path, side in zip((VALIDATING, MUTATING), filled_in, strict=True):
        assert client.patch(path, {"webhooks": side})[0] == HTTPStatus.OK
    start()
    new = partial(_current, client)
    wait_until(lambda: new() != old.certificate)

    def rotated() -> bool:
        """Looks at both sides, the served one first: what it sees there must be vouched for in what it sees next."""
        serving, vouched = pair(client, SERVING), bundles(client)
        issuer = old.certificate if serves(serving, old.certificate, [DNS]) else new()
        assert all(issuer in authorities(bundle, now=now) for bundle in vouched)
        return issuer != old.certificate

    wait_until(rotated)
    assert max(version(client, path) for path in (VALIDATING, MUTATING)) < version(client, SERVING)
    assert bundles(client) == {new() + old.certificate}
    assert events(client) == []


def version(client: Client, path: str) -> int:
    """When it was written last, as the API server counts its writes of whatever kind."""
    return int(client.get(path)[1]["metadata"]["resourceVersion"])


def events(client: Client) -> list[dict[str, Any]]:
    """What people were told of the cluster's objects."""
    return list(client.get("/api/v1/namespaces/default/events")[1]["items"])


def _current(client: Client) -> bytes:
    return secret(client, AUTHORITY)["tls.crt"]


def test_a_given_certificate_is_announced_and_left_alone(client: Client, start: Callable[..., Operator]) -> None:
    authority = issue_authority("theirs", now=datetime.now(UTC), lifetime=timedelta(days=30))
    given = issue_server(authority, [DNS], now=datetime.now(UTC), lifetime=timedelta(days=9))
    start("--certificates", "given")
    make_ready(client)
    time.sleep(PERIOD * 1.5)
    assert webhooks(client) == EMPTY
    put_secret(client, f"{NAME}-tls", given, authority.certificate)
    wait_until(lambda: filled(client))
    assert bundles(client) == {authority.certificate}
    assert pair(client, SERVING) == given
    assert client.get(AUTHORITY)[0] == HTTPStatus.NOT_FOUND
    after = issue_authority("their next", now=datetime.now(UTC), lifetime=timedelta(days=30))
    put_secret(
        client,
        f"{NAME}-tls",
        issue_server(after, [DNS], now=datetime.now(UTC), lifetime=timedelta(days=9)),
        after.certificate,
    )
    wait_until(lambda: bundles(client) == {after.certificate + authority.certificate})


@pytest.mark.case("OPS-005")
async def test_a_given_authority_is_believed_until_no_replica_serves_by_it_any_more(
    plane: ControlPlane, client: Client
) -> None:
    now = datetime.now(UTC)
    first, second = (issue_authority(name, now=now, lifetime=timedelta(days=30)) for name in ("first", "second"))
    async with ApiClient(from_kubeconfig(plane.admin_kubeconfig)) as api:
        keeper = GivenCertificates(api, Home(namespace=HOME, name=NAME))

        async def announced(after: timedelta, authority: KeyPair) -> bytes | None:
            put_secret(client, f"{NAME}-tls", authority, authority.certificate)
            return await keeper.keep((), now + after)

        assert await announced(timedelta(), first) == first.certificate
        later = timedelta(hours=1)
        assert await announced(later, first) == first.certificate
        assert await announced(later + timedelta(seconds=5), second) == second.certificate + first.certificate
        until = later + OVERLAP
        assert await announced(until - timedelta(seconds=1), second) == second.certificate + first.certificate
        assert await announced(until, second) == second.certificate
        client.delete(SERVING)
        assert await keeper.keep((), now + until) is None
