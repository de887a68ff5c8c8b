"""Real registries that want to know who asks: Basic, tokens, private authorities, mirrors."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, ImageReference
from controller.registry.client import RegistryClient
from controller.registry.credentials import FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.wire.registries import parse_registries
from tests.support.pki import Authority
from tests.support.realm import TokenRealm
from tests.support.registries import Kind, Pushed, Registry
from tests.support.scripted import ScriptedServer

USER, PASSWORD = "user", "hidden"
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
HTPASSWD = "user:$2b$04$Sguk6yynNGs.ZgB1kMGZtuhf8.FQWohZ7gONEREGzpqzt.A4lPjTC\n"  # of that password
PATH = "acme/shop"


class Land:
    """What a test starts, with TLS under one private authority."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self._stack, self._folder = stack, folder
        self.authority = Authority()
        self.pem = self.authority.certificate.decode()

    async def registry(self, kind: Kind = Kind.DISTRIBUTION, **fields: Any) -> Registry:
        """Starts in a thread: its realm may be on this loop."""
        folder = self._folder / f"registry-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        identity = self.authority.server("127.0.0.1")
        return self._stack.enter_context(await asyncio.to_thread(Registry, kind, folder, identity, **fields))

    async def realm(self, realm: TokenRealm) -> ScriptedServer:
        certificate, key = self.authority.server("127.0.0.1").write(self._folder, "realm")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        return await self._stack.enter_async_context(ScriptedServer(realm).running(tls))

    async def client(self, *entries: dict[str, Any], **auths: dict[str, str]) -> RegistryClient:
        path = self._folder / "credentials.json"
        path.write_text(json.dumps({"auths": auths}))
        credentials = FileCredentials(path, programs=CredentialPrograms(None))
        registries = parse_registries(list(entries))
        client = RegistryClient(registries, named_hosts=frozenset, credentials=credentials)
        return await self._stack.enter_async_context(client)

    def trusted(self, *hosts: str) -> tuple[dict[str, Any], ...]:
        return tuple({"host": host, "caBundle": self.pem} for host in hosts)


@pytest.fixture
async def land(tmp_path: Path) -> AsyncIterator[Land]:
    async with AsyncExitStack() as stack:
        yield Land(stack, tmp_path)


async def pulled(client: RegistryClient, image: Pushed) -> bool:
    reference = ImageReference.parse(image.reference)
    fetched = await client.manifest(reference.repository, Digest.parse(image.digest))
    return fetched is not None and str(fetched.digest) == image.digest


async def basic(land: Land, tmp_path: Path) -> tuple[Registry, Pushed]:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}
    registry = await land.registry(auth=auth, authorization=BASIC)
    return registry, await asyncio.to_thread(registry.push_image, PATH)


@pytest.mark.case("REG-017")
async def test_a_registry_that_wants_a_password_gets_it(land: Land, tmp_path: Path) -> None:
    registry, image = await basic(land, tmp_path)
    auth = {"username": USER, "password": PASSWORD}
    assert await pulled(await land.client(*land.trusted(registry.host), **{registry.host: auth}), image)


@pytest.mark.case("REG-007")
@pytest.mark.case("REG-018")
@pytest.mark.parametrize("wrong", [True, False], ids=["wrong", "of another path"])
async def test_a_wrong_password_or_that_of_another_path_is_denied(land: Land, tmp_path: Path, *, wrong: bool) -> None:
    registry, image = await basic(land, tmp_path)
    auths = {
        registry.host: {"username": USER, "password": "wrong" if wrong else PASSWORD},
        f"{registry.host}/acme": {"username": USER, "password": "wrong"},
    }
    with pytest.raises(RegistryDenied):
        await pulled(await land.client(*land.trusted(registry.host), **auths), image)


@pytest.mark.case("REG-017")
@pytest.mark.case("NET-002")
@pytest.mark.parametrize(
    "auth",
    [{"username": USER, "password": PASSWORD}, {"identitytoken": f"identity-{PASSWORD}"}],
    ids=["password", "identity"],
)
async def test_a_registry_that_wants_a_token_gets_one_of_its_realm(
    land: Land, tmp_path: Path, auth: dict[str, str]
) -> None:
    realm, registry, image = await token_land(land, tmp_path)
    client = await land.client(*land.trusted(registry.host, realm.host), **{registry.host: auth})
    assert all(await asyncio.gather(*(pulled(client, image) for _ in range(10))))
    assert len(realm.seen) == 1


@pytest.mark.case("REG-007")
async def test_without_the_password_the_realm_grants_nothing(land: Land, tmp_path: Path) -> None:
    realm, registry, image = await token_land(land, tmp_path)
    with pytest.raises(RegistryDenied, match="realm"):
        await pulled(await land.client(*land.trusted(registry.host, realm.host)), image)


@pytest.mark.case("REG-010")
async def test_a_token_that_the_registry_takes_for_expired_is_refreshed_once(land: Land, tmp_path: Path) -> None:
    """Distribution forgives a minute of clock skew: so the first token is one of an hour ago."""
    realm, registry, image = await token_land(land, tmp_path)
    granting = realm.script
    assert isinstance(granting, TokenRealm)
    granting.seconds = -3600
    client = await land.client(
        *land.trusted(registry.host, realm.host), **{registry.host: {"username": USER, "password": PASSWORD}}
    )
    with pytest.raises(RegistryDenied):
        await pulled(client, image)
    granting.seconds = 300
    assert await pulled(client, image)
    assert len(realm.seen) == 2


async def token_land(land: Land, tmp_path: Path) -> tuple[ScriptedServer, Registry, Pushed]:
    granting = TokenRealm(tmp_path, user=USER, password=PASSWORD)
    realm = await land.realm(granting)
    pushing = f"Bearer {granting.token(PATH, 'pull', 'push')}"
    registry = await land.registry(auth=granting.auth(f"https://{realm.host}/token"), authorization=pushing)
    return realm, registry, await asyncio.to_thread(registry.push_image, PATH)


@pytest.mark.case("REG-013")
@pytest.mark.parametrize("kind", list(Kind))
async def test_a_private_authority_is_believed_where_it_is_configured(land: Land, kind: Kind) -> None:
    registry = await land.registry(kind)
    image = await asyncio.to_thread(registry.push_image, PATH)
    assert await pulled(await land.client(*land.trusted(registry.host)), image)
    other = {"host": "other.example", "caBundle": land.pem}
    with pytest.raises(RegistryUnavailable, match="TLS"):
        await pulled(await land.client({"host": registry.host}, other), image)
    with pytest.raises(RegistryUnavailable, match="TLS"):
        await pulled(await land.client({"host": registry.host, "caBundle": Authority().certificate.decode()}), image)


@pytest.mark.case("REG-014")
async def test_a_mirror_serves_a_registry_that_is_gone_under_its_name(land: Land, tmp_path: Path) -> None:
    origin, mirror = await land.registry(Kind.REFERRERS), await land.registry(Kind.REFERRERS)
    image = await asyncio.to_thread(origin.push_image, PATH)
    await asyncio.to_thread(mirror.push_image, f"cache/{PATH}")
    entry = {"host": origin.host, "caBundle": land.pem, "mirrors": [f"{mirror.host}/cache"]}
    client = await land.client(entry, *land.trusted(mirror.host))
    origin.stop()
    assert await pulled(client, image)
    mirror.stop()
    with pytest.raises(RegistryUnavailable, match=origin.host):
        await pulled(client, image)
