"""Trust roots refreshed by the real operator into ConfigMaps that every process can read."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.trust.root import PUBLIC_GOOD
from controller.wire.refreshed import LABEL, RefreshedRoot, config_map_name, parse_refreshed
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, Operator, install
from tests.support.processes import READY_SECONDS, wait_until
from tests.support.tufrepository import TufRepository

DOCUMENT = (files("controller.trust") / "data" / PUBLIC_GOOD).read_text()
MAPS = f"/api/v1/namespaces/{HOME}/configmaps"


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path / "controlplane") as running:
        install(running)
        yield running


def refreshed(client: Client, root: str = "private") -> RefreshedRoot | None:
    status, body = client.get(f"{MAPS}/{config_map_name('navicert', root)}")
    return parse_refreshed(body) if status == HTTPStatus.OK else None


def status_of(client: Client, root: str = "private") -> dict[str, Any]:
    return dict(client.get(f"{API}/trustroots/{root}")[1].get("status", {}))


@pytest.mark.case("OPS-013")
@pytest.mark.case("TIME-021")
def test_a_root_is_fetched_kept_while_its_repository_fails_and_told_about_in_its_status(
    plane: ControlPlane, tmp_path: Path
) -> None:
    client = plane.client()
    with TufRepository(tmp_path / "tuf", DOCUMENT.encode()) as repository:
        client.create(f"{API}/trustroots", objects.document("TrustRoot", "private", repository.spec()))
        environment = {**os.environ, "SSL_CERT_FILE": str(repository.authority)}
        with Operator(plane, tmp_path / "first", env=environment) as first:
            wait_until(lambda: "lastRefresh" in status_of(client))
            fetched = refreshed(client)
            assert fetched is not None
            assert (fetched.root, fetched.document) == ("private", DOCUMENT)
            metadata = client.get(f"{MAPS}/{config_map_name('navicert', 'private')}")[1]["metadata"]
            assert metadata["labels"] == {LABEL: "true"}
            assert [one["name"] for one in metadata["ownerReferences"]] == ["private"]
            status = status_of(client)
            assert status["staleAt"] > status["lastRefresh"]
            never = 'navicert_trust_root_refreshed_timestamp_seconds{root="private"} 0'
            wait_until(lambda: never not in first.ask("/metrics")[1])  # shown once a second
            assert first.process.terminate() == 0
        repository.publish(b"not a trusted root")
        with Operator(plane, tmp_path / "second", env=environment) as second:
            wait_until(lambda: bool(second.told("trust root not refreshed")))
            assert refreshed(client) == fetched
            assert status_of(client)["lastRefresh"] == status["lastRefresh"]
            other = repository.spec()
            other["sigstore"]["tuf"]["target"] = "other.json"  # type: ignore[index]
            client.patch(f"{API}/trustroots/private", {"spec": other})
            wait_until(lambda: "lastRefresh" not in status_of(client))


def test_what_was_changed_by_hand_is_not_what_was_fetched(plane: ControlPlane) -> None:
    client = plane.client()
    annotations = {"navicert.dev/trust-root": "private", "navicert.dev/source": "x", "navicert.dev/sha256": "0" * 64}
    metadata = {"name": "forged", "annotations": {**annotations, "navicert.dev/refreshed": "2026-01-01T00:00:00Z"}}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"trusted_root.json": DOCUMENT}}
    assert client.create(MAPS, document)[0] == HTTPStatus.CREATED
    with pytest.raises(MalformedDocument, match="not what was fetched"):
        parse_refreshed(client.get(f"{MAPS}/forged")[1])


def test_a_repository_that_does_not_answer_keeps_nobody_from_ending(plane: ControlPlane, tmp_path: Path) -> None:
    """An operator that lost its lease ends in the same way."""
    with TufRepository(tmp_path / "tuf", DOCUMENT.encode()) as repository:
        spec = repository.spec()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(READY_SECONDS)
        spec["sigstore"]["tuf"]["url"] = f"https://127.0.0.1:{silent.getsockname()[1]}"  # type: ignore[index]
        assert plane.client().create(f"{API}/trustroots", objects.document("TrustRoot", "private", spec))[0] == 201
        with Operator(plane, tmp_path / "operator") as operator:
            asking, _ = silent.accept()
            with asking:
                assert operator.process.terminate(timeout=25) == 0
