"""Single looks of the operator at a real API server: at objects that somebody edits meanwhile, and later ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import Any

import pytest

from controller.kube.client import ApiClient, Object, Verb
from controller.kube.connection import from_kubeconfig
from controller.reconcile.names import Home
from controller.reconcile.roots import RootRefresher
from controller.reconcile.statuses import RETRY_SECONDS, Statuses
from controller.trust.root import PUBLIC_GOOD_DAY
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.operator import API, HOME, NAME, install
from tests.support.processes import wait_until

POLICY = objects.policy("raced", require={"buildLevel": 3, "builders": ["absent"]})
PATH = f"{API}/clusterslsapolicies/raced"
SOUND = {"spec": {"require": {"builders": None}}}


class Racing:
    """Writes to the API server, and lets somebody mend the policy just before the first write of its status."""

    def __init__(self, client: ApiClient, other: Client) -> None:
        self._client = client
        self._other = other
        self.raced = False

    async def write(self, verb: Verb, path: str, document: Object) -> Object | None:
        if path == f"{PATH}/status" and not self.raced:
            self.raced = True
            assert self._other.patch(PATH, SOUND)[0] == HTTPStatus.OK
        return await self._client.write(verb, path, document)


@pytest.fixture
def plane(new_controlplane: Callable[[], ControlPlane]) -> ControlPlane:
    running = new_controlplane()
    install(running)
    return running


@pytest.fixture
async def statuses(plane: ControlPlane) -> AsyncIterator[Statuses]:
    home = Home(namespace=HOME, name=NAME)
    async with ApiClient(from_kubeconfig(plane.admin_kubeconfig)) as client:
        write = Racing(client, plane.client()).write
        roots = RootRefresher(client, write, home, now=now)
        yield Statuses(client, write, roots, home=HOME, maximum=timedelta(days=90), now=now)


def now() -> datetime:
    """A while after the snapshot of the public-good instance."""
    return datetime.combine(PUBLIC_GOOD_DAY, time(), UTC) + timedelta(days=40)


def conditions(client: Client, path: str = PATH) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(path)[1].get("status", {}).get("conditions", [])
    return found


@pytest.mark.case("OPS-004")
async def test_what_was_found_of_an_older_version_is_not_told_of_a_newer_one(
    plane: ControlPlane, statuses: Statuses
) -> None:
    """Nor, for the same reason, by an operator that another one follows: its writes name versions of the past."""
    client = plane.client()
    assert client.create(f"{API}/clusterslsapolicies", POLICY)[0] == HTTPStatus.CREATED
    assert await statuses.look() <= RETRY_SECONDS
    assert conditions(client) == []
    await statuses.look()
    (condition,) = conditions(client)
    assert (condition["reason"], condition["observedGeneration"]) == ("Sound", 2)


async def test_a_root_that_nothing_refreshes_is_in_force_and_warned_of(plane: ControlPlane, statuses: Statuses) -> None:
    client = plane.client()
    root = objects.document("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}})
    assert client.create(f"{API}/trustroots", root)[0] == HTTPStatus.CREATED
    await statuses.look()
    (condition,) = conditions(client, f"{API}/trustroots/sigstore")
    assert (condition["status"], condition["reason"]) == ("True", "Sound")
    assert condition["message"].startswith(f"in force; nothing refreshes this snapshot of {PUBLIC_GOOD_DAY}")


async def test_nobody_meets_what_was_applied_half_while_a_look_goes_on(plane: ControlPlane, statuses: Statuses) -> None:
    """The scan takes what is in force at any time: a policy without the builder that came with it would be broken."""
    client, met = plane.client(), set()

    async def meet() -> None:
        while True:
            snapshot = statuses.snapshot()
            met.add(snapshot and (len(snapshot.policies.policies), len(snapshot.policies.builders), *snapshot.problems))
            await asyncio.sleep(0)

    await statuses.look()
    applied = {
        "trustroots": objects.root(),
        "trustedbuilders": objects.builder("absent"),
        "clusterslsapolicies": POLICY,
    }
    for plural, one in applied.items():
        assert client.create(f"{API}/{plural}", one)[0] == HTTPStatus.CREATED
    meeting = asyncio.create_task(meet())
    await statuses.look()
    await asyncio.sleep(0)
    meeting.cancel()
    assert met == {(0, 0), (1, 1)}


async def test_an_object_whose_status_is_not_taken_keeps_no_other_from_being_told(
    plane: ControlPlane, statuses: Statuses
) -> None:
    client = plane.client()
    for name in ("a", "b"):
        assert client.create(f"{API}/clusterslsapolicies", objects.policy(name))[0] == HTTPStatus.CREATED
    deny_statuses_of(client, "a")
    await statuses.look()
    assert statuses.looked.is_set()
    told = [conditions(client, f"{API}/clusterslsapolicies/{name}") for name in ("a", "b")]
    assert [[one["reason"] for one in listed] for listed in told] == [[], ["Sound"]]


def deny_statuses_of(client: Client, name: str) -> None:
    """As another policy of the cluster may; in force when this returns."""
    group = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolic"
    rule = {
        "apiGroups": ["navicert.dev"],
        "apiVersions": ["*"],
        "resources": ["clusterslsapolicies/status"],
        "operations": ["UPDATE"],
    }
    denying = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": f"object.metadata.name != '{name}'"}],
    }
    binding = {"policyName": "denying", "validationActions": ["Deny"]}
    for plural, kind, spec in (("ies", "", denying), ("ybindings", "Binding", binding)):
        document = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": f"ValidatingAdmissionPolicy{kind}",
            "metadata": {"name": "denying"},
            "spec": spec,
        }
        assert client.create(f"{group}{plural}", document)[0] == HTTPStatus.CREATED
    path = f"{API}/clusterslsapolicies/{name}/status?dryRun=All"

    def denied() -> bool:
        status, body = client.patch(path, {"status": {"conditions": []}})
        return status == HTTPStatus.UNPROCESSABLE_ENTITY and "'denying' denied request" in body["message"]

    wait_until(denied)
