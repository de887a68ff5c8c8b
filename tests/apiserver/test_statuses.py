"""Statuses of all five kinds, written by the real operator with its rights and no others."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.instance import acme
from tests.support.nested import create_nested
from tests.support.operator import API, Operator, install
from tests.support.processes import wait_until

Document = dict[str, Any]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("controlplane")) as running:
        install(running)
        yield running


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with Operator(plane, tmp_path_factory.mktemp("operator")) as running:
        wait_until(lambda: running.leads)
        yield running


@pytest.fixture
def client(plane: ControlPlane, operator: Operator) -> Client:
    return plane.client()


def path_of(document: Document) -> str:
    namespace = document["metadata"].get("namespace")
    inside = f"namespaces/{namespace}/" if namespace else ""
    return f"{API}/{inside}{KINDS[document['kind']].plural}/{document['metadata']['name']}"


def apply(client: Client, document: Document) -> Document:
    status, body = client.apply(path_of(document), document)
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED), body
    return dict(body)


def ready(client: Client, document: Document) -> Document:
    status, body = client.get(path_of(document))
    assert status == HTTPStatus.OK
    conditions = body.get("status", {}).get("conditions", [])
    found: Document = next((one for one in conditions if one["type"] == "Ready"), {})
    return found if found.get("observedGeneration") == body["metadata"]["generation"] else {}


def until(client: Client, document: Document, holds: Callable[[Document], bool]) -> Document:
    try:
        wait_until(lambda: holds(ready(client, document)))
    except TimeoutError as error:
        error.add_note(str(client.get(path_of(document))[1]))
        raise
    return ready(client, document)


def is_ready(condition: Document) -> bool:
    return condition.get("status") == "True"


def is_broken(condition: Document) -> bool:
    return condition.get("status") == "False"


@pytest.mark.case("POL-001")
@pytest.mark.case("POL-026")
def test_a_policy_is_broken_until_what_it_names_is_there_and_mends_itself(client: Client) -> None:
    policy = objects.policy("waiting", require={"buildLevel": 2, "builders": ["late"]})
    apply(client, policy)
    broken = until(client, policy, is_broken)
    assert broken["reason"] == "Broken"
    assert "spec.require.builders[0]: there is no TrustedBuilder late: apply it" in broken["message"]
    builder = objects.builder("late", signers=[objects.named_key(root="late")])
    apply(client, builder)
    assert "TrustRoot late" in until(client, builder, is_broken)["message"]
    apply(client, objects.root("late"))
    assert until(client, builder, is_ready)["reason"] == "Sound"
    mended = until(client, policy, is_ready)
    assert mended["message"] == "in force"
    client.delete(path_of(builder))
    until(client, policy, is_broken)


def test_a_namespaced_policy_has_a_status_of_its_own(client: Client, plane: ControlPlane) -> None:
    plane.create_namespace("shop")
    policy = objects.policy("own", namespace="shop")
    apply(client, policy)
    until(client, policy, is_ready)
    apply(client, objects.policy("own"))
    until(client, objects.policy("own"), is_ready)


def test_a_root_tells_which_logs_it_does_not_understand(client: Client) -> None:
    """They are left out, and everything else of the root is believed."""
    document = acme().trusted_root()
    document["ctlogs"][0]["publicKey"]["keyDetails"] = "ML_DSA_65"
    root = objects.document("TrustRoot", "newer", {"sigstore": {"trustedRoot": {"inline": json.dumps(document)}}})
    apply(client, root)
    told = until(client, root, is_ready)
    assert told["message"] == "in force; ctlogs[0] is left out: keys of kind 'ML_DSA_65' are not known"
    assert client.get(path_of(root))[1]["status"]["ctLogs"] == 0


def test_every_problem_is_told_with_its_field_path(client: Client) -> None:
    policy = objects.policy("misspelt", mach={"images": ["x"]}, match={"images": ["ghcr.io/[a"]})
    apply(client, policy)
    message = until(client, policy, is_broken)["message"]
    assert "spec.mach" in message
    assert "spec.match.images[0]" in message


def test_a_root_tells_what_it_holds(client: Client) -> None:
    keys, public = (
        objects.root("two", *({"name": name, "pem": objects.new_pem()} for name in ("a", "b"))),
        "public-good",
    )
    apply(client, keys)
    until(client, keys, is_ready)
    status = client.get(path_of(keys))[1]["status"]
    assert (status["keys"], status["certificateAuthorities"], len(status["revision"])) == (2, 0, 64)
    root = objects.document("TrustRoot", public, {"sigstore": {"publicGood": {}}})
    apply(client, root)
    until(client, root, is_ready)
    status = client.get(path_of(root))[1]["status"]
    assert min(status[name] for name in ("certificateAuthorities", "transparencyLogs", "ctLogs")) > 0
    assert "staleAt" not in status


def test_nothing_is_written_twice_and_the_transition_time_stays(client: Client, operator: Operator) -> None:
    policy = objects.policy("steady")
    apply(client, policy)
    first = until(client, policy, is_ready)
    versions = client.get(path_of(policy))[1]["metadata"]["resourceVersion"]
    other = objects.policy("another")
    apply(client, other)
    until(client, other, is_ready)
    assert client.get(path_of(policy))[1]["metadata"]["resourceVersion"] == versions
    apply(client, objects.policy("steady", mode="Warn"))
    second = until(client, policy, lambda one: is_ready(one) and one["observedGeneration"] == 2)
    assert second["lastTransitionTime"] == first["lastTransitionTime"]

    def written() -> int:
        return len([line for line in operator.told("status written") if line["object"].endswith("/steady")])

    wait_until(lambda: written() >= 2)
    assert written() == 2


@pytest.mark.case("EXC-002")
def test_an_exception_says_at_that_second_that_it_has_expired(client: Client) -> None:
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=20)  # beyond the first look at it
    exception = objects.exception("brief", expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    apply(client, exception)
    assert until(client, exception, bool)["reason"] != "Expired"
    expired = until(client, exception, lambda one: one.get("reason") == "Expired")
    assert expires <= datetime.now(UTC) < expires + timedelta(seconds=60)
    assert expired["status"] == "False"


@pytest.mark.case("EXC-005")
def test_an_exception_that_reaches_beyond_the_maximum_says_so(client: Client) -> None:
    expires = datetime.now(UTC) + timedelta(days=91)
    exception = objects.exception("long", expires=expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    apply(client, exception)
    assert until(client, exception, is_broken)["reason"] == "BeyondMaximum"


def test_a_policy_that_is_nested_too_deep_is_told_once_and_takes_nothing_from_the_others(
    client: Client, plane: ControlPlane, operator: Operator
) -> None:
    """Whoever may write policies in a namespace could stop the operator else."""
    plane.create_namespace("deep")
    nested = objects.policy("nested", namespace="deep")
    create_nested(plane, path_of(nested).rpartition("/")[0], "nested")
    path = path_of(nested)
    try:
        wait_until(lambda: bool(told(operator, "SLSAPolicy/deep/nested")))
        for number in range(3):
            time.sleep(1.1)  # the times of conditions are whole seconds
            other = objects.policy(f"beside-{number}")
            apply(client, other)
            until(client, other, is_ready)
        assert len(told(operator, "SLSAPolicy/deep/nested")) == 1
        assert operator.process.running
    finally:
        client.delete(path)


def told(operator: Operator, title: str) -> list[Document]:
    return [line for line in operator.told("status written") if line["object"] == title]


def test_objects_carry_nothing_of_the_operator_but_their_status(client: Client) -> None:
    policy = objects.policy("clean")
    apply(client, policy)
    until(client, policy, is_ready)
    metadata = client.get(path_of(policy))[1]["metadata"]
    assert "finalizers" not in metadata
    assert "annotations" not in metadata


def test_the_operator_tells_its_health_and_metrics(operator: Operator) -> None:
    assert operator.ask("/livez") == (HTTPStatus.OK, "ok")
    assert operator.ask("/readyz")[0] == HTTPStatus.OK
    status, metrics = operator.ask("/metrics")
    assert status == HTTPStatus.OK
    assert "navicert_operator_leading 1.0" in metrics
    assert operator.ask("/validate")[0] == HTTPStatus.NOT_FOUND


def test_an_operator_whose_watch_gives_up_ends_instead_of_missing_what_happens(
    client: Client, operator: Operator
) -> None:
    """Last: the kind does not come back, and neither does the operator."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/slsaexceptions.navicert.dev"
    assert client.delete(path)[0] == HTTPStatus.OK
    wait_until(lambda: not operator.process.running)
    assert "the watch of policies ended" in operator.told("ending")[0]["error"]
