"""As whom registries are read for a workload: what is granted, what is missing, and that nobody learns by another's."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import pytest

from controller.core.evidence import Evidence, Gap
from controller.core.image import ImageReference, Repository
from controller.core.reasons import Reason
from controller.core.workload import Form, PulledWith, Workload
from controller.engine.access import (
    MAX_SECRETS,
    SECRET_SECONDS,
    FindAccess,
    Granted,
    PullAccess,
    as_navicert,
    find_access_of,
    gathering_as,
)
from controller.engine.caching import CachingGatherer
from controller.engine.evidence import Gatherer
from controller.engine.gathering import Access, GatherRequest, Known
from controller.engine.pinning import Resolver
from controller.kube.client import Object
from controller.kube.pullsecrets import PullSecrets
from controller.registry.client import RegistryClient
from controller.registry.credentials import Anonymous
from controller.wire.dockerconfig import DockerConfig
from controller.wire.registries import parse_registries
from tests.support.foundry import Foundry
from tests.support.shelf import Shelf
from tests.support.shelves import REPOSITORY, Shelves, attested, request_of

ELSEWHERE = Repository.parse("evidence.example/acme/shop")
SHOP = PulledWith(secrets=("pull",))


class Server:
    """Secrets and ServiceAccounts by path; stalls while told to."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.asked: list[str] = []
        self.stalling = False

    def put(self, name: str, user: str = "robot", *, namespace: str = "shop", host: str = "ghcr.io") -> None:
        config = json.dumps({"auths": {host: {"username": user, "password": "word"}}}).encode()
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        self.objects[path] = {
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"namespace": namespace, "name": name},
            "data": {".dockerconfigjson": base64.b64encode(config).decode()},
        }

    async def __call__(self, path: str) -> Object | None:
        self.asked.append(path)
        if self.stalling:
            await asyncio.Event().wait()
        return self.objects.get(path)


class Scene:
    """An attested image, which only who is known sees, and evidence elsewhere."""

    def __init__(self, foundry: Foundry, executor: Executor) -> None:
        self.server = Server()
        self.foundry = foundry
        self.shelf, _ = attested(foundry)
        self.hidden = Shelves(self.shelf)
        self.shown = Shelves()
        self.own = Anonymous()
        self.elsewhere: Repository | None = None
        self.gather = CachingGatherer(
            Gatherer(registry=self.shown, executor=executor, evidence_repository=lambda _repository: self.elsewhere),
            clock=lambda: 0.0,
            scope=self.own.scope,
        )
        self.find_access: FindAccess = PullAccess(PullSecrets(self.server), self.opened)
        self.opened_with: list[DockerConfig] = []

    def opened(self, config: DockerConfig) -> Access:
        self.opened_with.append(config)
        return Access(registry=self.hidden, scope=self.own.beside(config).scope)

    async def granted(self, pulled_with: PulledWith = SHOP, *, seconds: float = 10) -> Granted:
        return await self.find_access(workload(pulled_with), asyncio.get_running_loop().time() + seconds)

    async def gathered(self, pulled_with: PulledWith = SHOP, *, namespace: str = "shop", **fields: Any) -> Evidence:
        gather = gathering_as(workload(pulled_with, namespace), self.gather, self.find_access)
        return await gather(request_of(self.foundry.roots, **({"digest": self.shelf.subject} | fields)))


def workload(pulled_with: PulledWith, namespace: str = "shop") -> Workload:
    labels: Mapping[str, str] = {}
    return Workload(
        kind="Pod",
        namespace=namespace,
        name="web",
        form=Form.POD,
        labels=labels,
        images=(),
        namespace_labels=labels,
        pulled_with=pulled_with,
    )


@pytest.fixture
async def scene(foundry: Foundry, executor: Executor) -> AsyncIterator[Scene]:
    made = Scene(foundry, executor)
    async with made.gather:
        yield made


def details(granted: Granted) -> list[str]:
    return [gap.detail for gap in granted.gaps]


@pytest.mark.case("CACHE-009")
@pytest.mark.case("CACHE-011")
async def test_what_one_namespaces_secret_showed_is_shown_to_no_other(scene: Scene) -> None:
    scene.server.put("pull")
    assert (await scene.gathered()).statements
    assert not (await scene.gathered(PulledWith())).found
    other = await scene.gathered(namespace="other")
    assert (other.statements, [gap.reason for gap in other.gaps]) == ((), [Reason.RegistryDenied])
    asked = scene.hidden.asked.total()
    scene.server.put("pull", namespace="third")
    assert (await scene.gathered(namespace="third")).statements
    assert scene.hidden.asked.total() == asked, "equal credentials share"


@pytest.mark.case("CACHE-009")
async def test_who_may_not_read_where_the_evidence_is_does_not_learn_of_it(scene: Scene) -> None:
    """The image is everybody's, and the evidence elsewhere is not: its credentials are part of the key, too."""
    scene.elsewhere = ELSEWHERE
    scene.shown.shelves[REPOSITORY] = Shelf()
    scene.server.put("pull", host=ELSEWHERE.host)
    assert (await scene.gathered()).statements
    assert not (await scene.gathered(PulledWith())).statements


@pytest.mark.case("CACHE-009")
async def test_a_tag_that_is_being_resolved_is_told_to_equal_credentials_only(scene: Scene) -> None:
    scene.server.put("pull")
    scene.hidden.answering.clear()
    known = asyncio.create_task(scene.gathered(digest=None, tag="v1"))
    while not scene.hidden.asked:  # noqa: ASYNC110 (a counter tells nobody when it moves)
        await asyncio.sleep(0)
    assert not (await scene.gathered(PulledWith(), digest=None, tag="v1")).found
    scene.hidden.answering.set()
    assert (await known).digest == scene.shelf.subject


async def test_nobodys_secrets_are_looked_at_for_a_workload_that_names_none(scene: Scene) -> None:
    assert await scene.granted(PulledWith()) == Granted()
    assert scene.server.asked == []


async def test_a_templates_service_account_tells_the_names(scene: Scene) -> None:
    scene.server.put("pull")
    path = "/api/v1/namespaces/shop/serviceaccounts/builder"
    scene.server.objects[path] = {"imagePullSecrets": [{"name": "pull"}, {"name": "absent"}]}
    granted = await scene.granted(PulledWith(service_account="builder"))
    assert granted.access is not None
    assert details(granted) == ["Secret shop/absent is not there"]
    assert await scene.granted(PulledWith(service_account="unknown")) == Granted()


async def test_of_two_secrets_for_one_place_the_first_decides(scene: Scene) -> None:
    scene.server.put("first", "first")
    scene.server.put("second", "second")
    await scene.granted(PulledWith(secrets=("first", "second")))
    await scene.granted(PulledWith(secrets=("second", "first")))
    users = [getattr(config.source(REPOSITORY), "username", None) for config in scene.opened_with]
    assert users == ["first", "second"]


async def test_secrets_are_bounded_in_number(scene: Scene) -> None:
    names = tuple(f"pull-{number}" for number in range(MAX_SECRETS + 1))
    for name in names:
        scene.server.put(name)
    granted = await scene.granted(PulledWith(secrets=names))
    assert len(scene.server.asked) == MAX_SECRETS
    assert [gap.reason for gap in granted.gaps] == [Reason.LimitExceeded]
    assert granted.access is not None


@pytest.mark.parametrize("pulled_with", [SHOP, PulledWith(service_account="builder")])
@pytest.mark.parametrize(("seconds", "most"), [(3.0, 2.5), (60.0, SECRET_SECONDS + 20)])
@pytest.mark.slow
async def test_an_api_server_that_stalls_takes_no_more_than_its_time(
    scene: Scene, pulled_with: PulledWith, seconds: float, most: float
) -> None:
    scene.server.stalling = True
    started = asyncio.get_running_loop().time()
    granted = await scene.granted(pulled_with, seconds=seconds)
    assert asyncio.get_running_loop().time() - started < most
    assert [gap.reason for gap in granted.gaps] == [Reason.DeadlineExceeded]


@pytest.mark.case("CACHE-009")
async def test_the_credential_of_a_mirror_is_part_of_the_scope(scene: Scene) -> None:
    """Whoever may read only the mirror learns by it, and what he learns is his."""
    registries = parse_registries([{"host": REPOSITORY.host, "mirrors": ["cache.example"]}])
    client = RegistryClient(registries, named_hosts=frozenset)
    scene.server.put("pull", host="cache.example")
    scene.find_access = find_access_of(client, PullSecrets(scene.server), observed=lambda registry: registry)
    access = (await scene.granted()).access
    assert access is not None
    assert access.scope(REPOSITORY) != client.scope(REPOSITORY) == client.beside(DockerConfig()).scope(REPOSITORY)


async def test_nothing_is_read_where_it_is_not_turned_on(scene: Scene) -> None:
    scene.server.put("pull")
    client = RegistryClient(parse_registries([]), named_hosts=frozenset)
    scene.find_access = find_access_of(client, None, observed=lambda registry: registry)
    assert (await scene.granted(), scene.server.asked) == (Granted(), [])


MISSING = Granted(gaps=(Gap(reason=Reason.RegistryDenied, detail="Secret shop/pull is not there"),))


def test_what_strangers_are_not_shown_is_not_taken_for_absent(foundry: Foundry) -> None:
    assert MISSING.qualify(Evidence(digest=None, found=False)) == Evidence(digest=None, gaps=MISSING.gaps)
    shelf, _ = attested(foundry)
    child = Evidence(digest=shelf.subject)
    qualified = MISSING.qualify(Evidence(digest=shelf.subject, children=(child,)))
    assert (qualified.gaps, qualified.children[0].gaps) == (MISSING.gaps, MISSING.gaps)


def test_a_denial_is_told_with_the_secret_that_is_missing(foundry: Foundry) -> None:
    denied = Gap(reason=Reason.RegistryDenied, detail="ghcr.io answers 401")
    down = Gap(reason=Reason.RegistryUnavailable, detail="ghcr.io answers 503")
    qualified = MISSING.qualify(Evidence(digest=None, gaps=(denied, down)))
    assert [gap.detail for gap in qualified.gaps] == [
        "Secret shop/pull is not there",
        "ghcr.io answers 401; Secret shop/pull is not there",
        "ghcr.io answers 503",
    ]


async def test_a_tag_resolved_by_one_is_not_shared_with_a_stranger(scene: Scene) -> None:
    """At the same time, for the same tag: the answer that one may see is not the other's."""
    scene.shelf.tag(scene.shelf.image, "v1")
    tagged = ImageReference.parse(f"{REPOSITORY}:v1")
    resolve = Resolver(scene.shown)
    deadline = asyncio.get_running_loop().time() + 5
    scene.server.put("pull")
    access = (await scene.granted()).access
    asked: list[Any] = [resolve([tagged], deadline=deadline, access=one) for one in (access, None, access)]
    scene.hidden.answering.clear()
    waiting = asyncio.gather(*asked)
    await asyncio.sleep(0)
    scene.hidden.answering.set()
    assert await waiting == [{tagged: scene.shelf.subject}, {}, {tagged: scene.shelf.subject}]
    assert scene.hidden.asked.total() == 1


async def test_what_is_at_hand_stays_so_where_nobodys_own_secrets_are_looked_at(scene: Scene) -> None:
    def gather(_request: GatherRequest) -> Known:
        return Known(Evidence(digest=scene.shelf.subject))

    request = request_of(scene.foundry.roots, digest=scene.shelf.subject)
    pod = workload(PulledWith(secrets=("pull",)))
    assert isinstance(gathering_as(pod, gather, as_navicert)(request), Known)


async def test_the_request_itself_is_not_changed_for_who_reads_as_navicert(scene: Scene) -> None:
    request = request_of(scene.foundry.roots, digest=scene.shelf.subject)
    seen = []

    async def gather(one: Any) -> Evidence:
        seen.append(one)
        return Evidence(digest=scene.shelf.subject)

    await gathering_as(workload(PulledWith()), gather, scene.find_access)(request)
    assert seen == [replace(request, access=None)]
