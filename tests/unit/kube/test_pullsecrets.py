"""Secrets that images are pulled with: what is read, for how long it counts, and what is never asked for."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from controller.core.errors import ApiServerUnavailable, LimitExceeded, NavicertError, RegistryDenied
from controller.core.image import Repository
from controller.kube import pullsecrets as module
from controller.kube.client import Forbidden, Object
from controller.kube.pullsecrets import MAX_SECRET_BYTES, PullSecrets
from controller.wire.dockerconfig import Credential, DockerConfig

JSON_TYPE, OLD_TYPE = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
SHOP = Repository.parse("ghcr.io/acme/shop")
PATH = "/api/v1/namespaces/shop/secrets/pull"


def secret(config: bytes, *, kind: str = JSON_TYPE, key: str = "", **metadata: str) -> dict[str, Any]:
    key = key or {OLD_TYPE: ".dockercfg"}.get(kind, ".dockerconfigjson")
    named = {"namespace": "shop", "name": "pull"} | metadata
    return {"type": kind, "metadata": named, "data": {key: base64.b64encode(config).decode()}}


def config_of(user: str, *, bare: bool = False, padding: int = 0) -> bytes:
    auths = {"ghcr.io": {"username": user, "password": "word"}}
    return json.dumps(auths if bare else {"auths": auths, "padding": " " * padding}).encode()


class Server:
    """Holds objects by path, fails as told, and answers only while it is not held."""

    def __init__(self, answer: Object | Exception | None = None, *, path: str = PATH) -> None:
        self.asked: list[str] = []
        self.objects: dict[str, Object | Exception | None] = {path: answer}
        self.answering = asyncio.Event()
        self.answering.set()

    async def __call__(self, path: str) -> Object | None:
        self.asked.append(path)
        await self.answering.wait()
        found = self.objects.get(path)
        if isinstance(found, Exception):
            raise found
        return found


def user_of(config: DockerConfig) -> str | None:
    source = config.source(SHOP)
    return source.username if isinstance(source, Credential) else None


@pytest.mark.parametrize(
    "document",
    [secret(config_of("robot")), secret(config_of("robot", bare=True), kind=OLD_TYPE)],
    ids=["json", "older form"],
)
async def test_both_forms_are_read(document: Object) -> None:
    assert user_of(await PullSecrets(Server(document)).config("shop", "pull")) == "robot"


async def test_programs_that_a_secret_names_are_nobodys_to_run() -> None:
    named = json.dumps({"credHelpers": {"ghcr.io": "cloud"}, "credsStore": "desktop"}).encode()
    config = await PullSecrets(Server(secret(named))).config("shop", "pull")
    assert config == DockerConfig()


@pytest.mark.case("NET-011")
@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (None, RegistryDenied, "is not there"),
        (secret(config_of("robot"), kind="Opaque"), RegistryDenied, "of no type"),
        (secret(b"hidden"), RegistryDenied, "can't be read"),
        (secret(config_of("robot"), key="other"), RegistryDenied, "can't be read"),
        (secret(config_of("robot", padding=MAX_SECRET_BYTES)), LimitExceeded, "larger than"),
        (secret(config_of("robot"), name="another"), ApiServerUnavailable, "another object"),
        (secret(config_of("robot"), namespace="another"), ApiServerUnavailable, "another object"),
        (Forbidden("403"), RegistryDenied, "may not be read by Navicert"),
        (ApiServerUnavailable("gone"), ApiServerUnavailable, "does not tell"),
    ],
)
async def test_what_is_no_secret_to_pull_with_is_told_by_its_name(
    answer: Object | Exception | None, error: type[NavicertError], told: str
) -> None:
    with pytest.raises(error, match=told) as caught:
        await PullSecrets(Server(answer)).config("shop", "pull")
    assert "Secret shop/pull" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "../../kube-system/secrets/x", "A", "x?y", "a" * 254, "x\n"])
async def test_a_name_that_leads_elsewhere_is_never_asked_for(name: str) -> None:
    server = Server()
    secrets = PullSecrets(server)
    with pytest.raises(RegistryDenied, match="no name of a Secret"):
        await secrets.config("shop", name)
    assert await secrets.named_by("shop", name) == ()
    assert server.asked == []


@pytest.mark.parametrize(
    ("account", "names"),
    [
        ({"imagePullSecrets": [{"name": "a"}, {"name": "b"}, {"name": "a"}, {}, None, {"name": ""}]}, ("a", "b")),
        ({"imagePullSecrets": None}, ()),
        ({}, ()),
        (None, ()),
    ],
)
async def test_a_service_account_names_secrets(account: Object | None, names: tuple[str, ...]) -> None:
    server = Server(account, path="/api/v1/namespaces/shop/serviceaccounts/builder")
    assert await PullSecrets(server).named_by("shop", "builder") == names


async def test_who_needs_the_same_at_the_same_time_shares_one_read() -> None:
    server = Server(secret(config_of("robot")))
    server.answering.clear()
    secrets = PullSecrets(server)
    leaving, staying = (asyncio.create_task(secrets.config("shop", "pull")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    server.answering.set()
    assert user_of(await staying) == "robot"
    assert server.asked == [PATH]


@pytest.mark.parametrize("before", [secret(config_of("old")), None], ids=["there", "absent"])
async def test_a_secret_that_changed_counts_once_it_is_forgotten(
    before: Object | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "_now", lambda: now)
    server = Server(before)
    secrets = PullSecrets(server)

    async def user() -> str | None:
        try:
            return user_of(await secrets.config("shop", "pull"))
        except RegistryDenied:
            return None

    first = await user()
    server.objects[PATH] = secret(config_of("new"))
    now += module.REMEMBERED_SECONDS - 0.1 if before else module.FAILED_SECONDS - 0.1
    assert await user() == first
    now += 0.2
    assert await user() == "new"


async def test_what_could_not_be_found_out_is_asked_again_at_once() -> None:
    server = Server(ApiServerUnavailable("gone"))
    secrets = PullSecrets(server)
    with pytest.raises(ApiServerUnavailable):
        await secrets.config("shop", "pull")
    server.objects[PATH] = secret(config_of("robot"))
    assert user_of(await secrets.config("shop", "pull")) == "robot"


async def test_what_is_remembered_is_bounded_in_number_and_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    names = [f"pull-{number}" for number in range(20)]
    for name in names:
        server.objects[f"/api/v1/namespaces/shop/secrets/{name}"] = secret(config_of("robot", padding=900), name=name)

    async def kept() -> int:
        secrets = PullSecrets(server)
        for name in names:
            await secrets.config("shop", name)
        server.asked.clear()
        for name in reversed(names):
            await secrets.config("shop", name)
        return len(names) - len(server.asked)

    assert await kept() == 20
    monkeypatch.setattr(module, "MAX_REMEMBERED", 5)
    assert await kept() == 5
    monkeypatch.setattr(module, "MAX_REMEMBERED", 100)
    monkeypatch.setattr(module, "MAX_REMEMBERED_BYTES", 7_000)
    assert await kept() == 7


async def test_of_more_secrets_than_are_remembered_that_come_in_one_moment_the_last_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_REMEMBERED", 1)
    broken = list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: broken.append(context["exception"]))
    server = Server()
    server.answering.clear()
    names = [f"pull{number}" for number in range(4)]
    for name in names:
        server.objects[PATH.removesuffix("pull") + name] = secret(config_of(name), name=name)
    secrets = PullSecrets(server)
    reading = [asyncio.create_task(secrets.config("shop", name)) for name in names]
    await asyncio.sleep(0.01)
    server.answering.set()
    assert [user_of(await one) for one in reading] == names
    await asyncio.sleep(0)
    assert broken == []
    assert user_of(await secrets.config("shop", names[-1])) == names[-1]
    assert len(server.asked) == len(names)
