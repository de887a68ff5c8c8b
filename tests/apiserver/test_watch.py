"""The reflector on a real API server: what it lists and watches, and what it does when the server says 410."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import ApiServerUnavailable
from controller.core.policy import BrokenPolicy, Policy
from controller.engine.compiling import KeyedPolicy
from controller.engine.namespaces import Namespaces
from controller.engine.policies import compile_object
from controller.kube.client import ApiClient, Object, Resource, VersionExpired
from controller.kube.connection import from_kubeconfig
from controller.kube.reflector import Callbacks, Reflector
from tests.support import objects
from tests.support.controlplane import Client, ControlPlane
from tests.support.nested import create_nested
from tests.support.plainyaml import read_yaml
from tests.support.processes import wait_until

CONFIG_MAPS = Resource(kind="ConfigMap", path="/api/v1/namespaces/watched/configmaps")
NAMESPACES = Resource(kind="Namespace", path="/api/v1/namespaces")
POLICIES = Resource(kind="SLSAPolicy", path="/apis/navicert.dev/v1alpha1/slsapolicies")
CRD = Path(__file__).resolve().parents[2] / "charts" / "navicert" / "crds" / "navicert.dev_slsapolicies.yaml"
SECONDS = 180.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 (what is waited for raises no event)
            await asyncio.sleep(0.01)


class Seen:
    """The state that the callbacks end with, and how often each was called."""

    def __init__(self) -> None:
        self.contents: dict[str, Any] = {}
        self.calls: list[str] = []

    def replace(self, objects: Any) -> None:
        self.contents = {one["metadata"]["name"]: one.get("data") for one in objects}
        self.calls.append("replace")

    def apply(self, one: Object) -> None:
        self.contents[one["metadata"]["name"]] = one.get("data")
        self.calls.append("apply")

    def remove(self, namespace: str, name: str) -> None:
        assert namespace == "watched"
        self.contents.pop(name)
        self.calls.append("remove")


@asynccontextmanager
async def connected(kubeconfig: Path) -> AsyncIterator[ApiClient]:
    async with ApiClient(from_kubeconfig(kubeconfig)) as client:
        yield client


@asynccontextmanager
async def running(reflector: Reflector) -> AsyncIterator[None]:
    task = asyncio.create_task(reflector.run())
    try:
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.case("SVC-003")
async def test_changes_arrive_once_each(controlplane: ControlPlane) -> None:
    controlplane.create_namespace("watched")
    admin = controlplane.client()

    def config_map(name: str, text: str) -> dict[str, Any]:
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"text": text}}

    assert admin.create(CONFIG_MAPS.path, config_map("first", "1"))[0] == HTTPStatus.CREATED
    seen = Seen()
    async with connected(controlplane.admin_kubeconfig) as client:
        callbacks = Callbacks(replace=seen.replace, apply=seen.apply, remove=seen.remove)
        reflector = Reflector(client, CONFIG_MAPS, callbacks)
        async with running(reflector):
            await until(lambda: reflector.synced)
            assert seen.contents["first"] == {"text": "1"}
            admin.create(CONFIG_MAPS.path, config_map("second", "2"))
            admin.patch(f"{CONFIG_MAPS.path}/first", {"data": {"text": "changed"}})
            admin.delete(f"{CONFIG_MAPS.path}/second")
            await until(lambda: "remove" in seen.calls)
    assert seen.calls == ["replace", "apply", "apply", "remove"]
    assert seen.contents["first"] == {"text": "changed"}


@pytest.fixture
def things(controlplane: ControlPlane) -> Resource:
    """A kind made a moment ago: of what was before it the server knows nothing, and so watches from there expire."""
    names = {"plural": "things", "singular": "thing", "kind": "Thing"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.watch.example"},
        "spec": {"group": "watch.example", "scope": "Cluster", "names": names, "versions": [version]},
    }
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.watch.example"
    assert controlplane.client().apply(path, definition)[0] in (HTTPStatus.OK, HTTPStatus.CREATED)
    resource = Resource(kind="Thing", path="/apis/watch.example/v1/things")
    wait_until(lambda: watched(controlplane.client(), resource.path))
    return resource


def watched(client: Client, path: str) -> bool:
    """Whether watches of this collection are answered, as they are some time after lists: from memory, which the server
    fills meanwhile."""
    return all(client.get(one)[0] == HTTPStatus.OK for one in (path, f"{path}?watch=true&timeoutSeconds=1"))


@pytest.mark.case("SVC-003")
async def test_a_version_that_the_server_has_forgotten_is_told_as_expired(
    controlplane: ControlPlane, things: Resource
) -> None:
    async with connected(controlplane.admin_kubeconfig) as client:
        with pytest.raises(VersionExpired):
            await anext(client.watch(things, "1"))


async def test_a_list_longer_than_a_page_is_whole(controlplane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.kube.client.PAGE_OBJECTS", 2)
    everywhere = ("default", "kube-system", "kube-public", "kube-node-lease")  # made in the server's first seconds
    admin = controlplane.client()
    wait_until(lambda: all(admin.get(f"{NAMESPACES.path}/{name}")[0] == HTTPStatus.OK for name in everywhere))
    async with connected(controlplane.admin_kubeconfig) as client:
        listing = await client.list(NAMESPACES)
    names = [one["metadata"]["name"] for one in listing.objects]
    assert set(everywhere) <= set(names)
    assert len(names) == len(set(names))


async def test_who_may_not_list_learns_nothing(controlplane: ControlPlane) -> None:
    controlplane.create_namespace("powerless")
    kubeconfig = controlplane.service_account_kubeconfig("powerless", "default")
    async with connected(kubeconfig) as client:
        with pytest.raises(ApiServerUnavailable, match="403"):
            await client.list(NAMESPACES)


@pytest.mark.case("POL-011")
async def test_the_labels_of_a_namespace_that_no_watch_told_of_are_fetched(controlplane: ControlPlane) -> None:
    controlplane.create_namespace("unwatched")
    loop = asyncio.get_running_loop()
    async with connected(controlplane.admin_kubeconfig) as client:
        namespaces = Namespaces(lambda name: client.get(f"{NAMESPACES.path}/{name}"))
        assert await namespaces.labels("unwatched", loop.time() + SECONDS) == {
            "kubernetes.io/metadata.name": "unwatched"
        }
        assert await namespaces.labels("nowhere", loop.time() + SECONDS) is None


@pytest.fixture
def policies(controlplane: ControlPlane) -> Iterator[str]:
    """The path of SLSAPolicies in a namespace of their own."""
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/slsapolicies.navicert.dev"
    status, _ = controlplane.client().apply(definitions, read_yaml(CRD.read_text()))
    assert status in (HTTPStatus.OK, HTTPStatus.CREATED)
    controlplane.create_namespace("deep")
    path = "/apis/navicert.dev/v1alpha1/namespaces/deep/slsapolicies"
    wait_until(lambda: watched(controlplane.client(), path))
    yield path
    for name in ("good", "nested"):
        controlplane.client().delete(f"{path}/{name}")


def compiled_policy(source: Mapping[str, object]) -> Policy | BrokenPolicy:
    keyed = compile_object(source)
    assert isinstance(keyed, KeyedPolicy)
    return keyed.unlinked.policy


async def test_a_policy_nested_too_deep_is_broken_and_the_others_still_load(
    controlplane: ControlPlane, policies: str
) -> None:
    good = objects.policy("good", namespace="deep")
    assert controlplane.client().create(policies, good)[0] == HTTPStatus.CREATED
    async with connected(controlplane.admin_kubeconfig) as client:
        before = await client.list(POLICIES)
        create_nested(controlplane, policies, "nested")
        event = await anext(client.watch(POLICIES, before.version))
        listing = await client.list(POLICIES)
    loaded = {one["metadata"]["name"]: one for one in listing.objects if one["metadata"]["namespace"] == "deep"}
    assert loaded["good"]["spec"]["require"] == good["spec"]["require"]
    assert event.object == loaded["nested"]
    broken = compiled_policy(loaded["nested"])
    assert isinstance(broken, BrokenPolicy)
    assert (str(broken.name), broken.match.namespace) == ("SLSAPolicy/deep/nested", "deep")
    assert not isinstance(compiled_policy(loaded["good"]), BrokenPolicy)
