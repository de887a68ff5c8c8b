"""The right to write, as one elector in this process has it of a real API server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controller.kube.client import ApiClient, Verb
from controller.kube.connection import from_kubeconfig
from controller.kube.lease import LeaseName
from controller.reconcile.lease import RENEW_SECONDS, Elector, LeaseLost, NotLeading
from tests.support.controlplane import ControlPlane

NAMESPACE = "electing"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"


class Clock:
    """What the elector goes by, which stands still unless a test says otherwise: no machine is too slow for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("controller.reconcile.lease._clock", made)
    return made


def now() -> datetime:
    return datetime.now(UTC)


async def write(elector: Elector) -> None:
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "written-"}}
    assert await elector.write(Verb.CREATE, CONFIG_MAPS, document) is not None


@pytest.mark.case("OPS-004")
async def test_nothing_is_written_before_leading_after_the_last_renewal_has_run_out_and_after_releasing(
    controlplane: ControlPlane, clock: Clock
) -> None:
    controlplane.create_namespace(NAMESPACE)
    async with ApiClient(from_kubeconfig(controlplane.admin_kubeconfig)) as client:
        elector = Elector(client, LeaseName(namespace=NAMESPACE, name="own"), identity="here", now=now)

        async def expect_refusal() -> None:
            with pytest.raises(NotLeading):
                await write(elector)

        await expect_refusal()
        await elector.acquire()
        await write(elector)
        clock.seconds += RENEW_SECONDS - 0.5
        await write(elector)
        clock.seconds += 0.5
        await expect_refusal()
        await elector.acquire()
        await write(elector)
        await elector.release()
        await expect_refusal()
        written = await client.get(CONFIG_MAPS)
    names = [one["metadata"]["name"] for one in (written or {})["items"]]
    assert len([name for name in names if name.startswith("written-")]) == 3


@pytest.mark.case("OPS-004")
@pytest.mark.usefixtures("clock")
async def test_who_finds_another_holding_the_lease_has_lost_it_at_once(controlplane: ControlPlane) -> None:
    controlplane.create_namespace(NAMESPACE)
    lease = LeaseName(namespace=NAMESPACE, name="taken")
    async with ApiClient(from_kubeconfig(controlplane.admin_kubeconfig)) as client:
        elector = Elector(client, lease, identity="here", now=now)
        await elector.acquire()
        status, _ = controlplane.client().patch(lease.path, {"spec": {"holderIdentity": "somebody"}})
        assert status == 200
        with pytest.raises(LeaseLost, match="another process holds it"):
            await elector.keep()
        with pytest.raises(NotLeading):
            await write(elector)
