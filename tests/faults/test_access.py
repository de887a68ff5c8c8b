"""Authentication against registries and realms that lie: who is shown what, who is asked, and how often."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import ClientTimeout

from controller import __version__
from controller.core.errors import MalformedDocument, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry import retries, sessions
from controller.registry.client import RegistryClient
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.wire.registries import parse_registries
from tests.support.pki import Authority
from tests.support.scripted import Reply, Script, ScriptedServer, Seen

MANIFEST = b'{"schemaVersion": 2}'
DIGEST = Digest.of(MANIFEST)
BASIC = "Basic " + base64.b64encode(b"user:hidden").decode()


class Site:
    """A registry that wants a bearer token, its realm, and a bystander; all with TLS under one private authority."""

    def __init__(self, stack: AsyncExitStack, tls: ssl.SSLContext, authority: str, folder: Path) -> None:
        self.stack, self.tls, self.authority, self.folder = stack, tls, authority, folder
        self.registry = ScriptedServer(self.guarded)
        self.realm = ScriptedServer(self.grant)
        self.tokens = 0
        self.good: set[str] = set()
        self.grants: dict[str, Any] = {}
        self.challenge = ""

    async def start(self) -> None:
        for server in (self.registry, self.realm):
            await self.stack.enter_async_context(server.running(self.tls))
        self.challenge = f'Bearer realm="https://{self.realm.host}/token",service="registry"'
        self.repository = Repository.parse(f"{self.registry.host}/acme/shop")

    def guarded(self, seen: Seen) -> Reply:
        if seen.authorization not in self.good:
            return Reply(status=401, headers={"WWW-Authenticate": self.challenge}, body=b"{}")
        return Reply(body=MANIFEST)

    def grant(self, _seen: Seen) -> Reply:
        self.tokens += 1
        self.good.add(f"Bearer token{self.tokens}")
        return Reply(body=json.dumps({"token": f"token{self.tokens}"} | self.grants).encode())

    def credentials(self, *places: str, **auth: str) -> Credentials:
        path = self.folder / "config.json"
        told = auth or {"username": "user", "password": "hidden"}
        path.write_text(json.dumps({"auths": {place or self.registry.host: told for place in places}}))
        return FileCredentials(path, programs=CredentialPrograms(None))

    async def client(
        self, *entries: dict[str, Any], credentials: Credentials | None = None, named: frozenset[str] = frozenset()
    ) -> RegistryClient:
        hosts = (self.registry.host, self.realm.host)
        listed = entries or tuple({"host": host, "caBundle": self.authority} for host in hosts)
        client = RegistryClient(
            parse_registries(list(listed)),
            named_hosts=lambda: named,
            credentials=credentials or self.credentials(),
        )
        return await self.stack.enter_async_context(client)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    authority = Authority()
    certificate, key = authority.server("127.0.0.1", "localhost").write(tmp_path, "server")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with AsyncExitStack() as stack:
        made = Site(stack, tls, authority.certificate.decode(), tmp_path)
        await made.start()
        yield made


@pytest.mark.case("NET-002")
@pytest.mark.case("REG-017")
async def test_a_token_of_the_realm_that_the_registry_names_lets_in(site: Site) -> None:
    client = await site.client(credentials=site.credentials(""))
    assert await client.manifest(site.repository, DIGEST)
    (asked,) = site.realm.seen
    assert asked.authorization == BASIC
    query = parse_qs(urlsplit(asked.target).query)
    assert query == {"service": ["registry"], "scope": ["repository:acme/shop:pull"]}
    assert [seen.authorization for seen in site.registry.seen] == [None, "Bearer token1"]


@pytest.mark.case("REG-017")
async def test_anonymous_pull_shows_the_realm_nothing(site: Site) -> None:
    client = await site.client()
    assert await client.manifest(site.repository, DIGEST)
    assert [seen.authorization for seen in site.realm.seen] == [None]


async def test_an_identity_token_is_posted(site: Site) -> None:
    client = await site.client(credentials=site.credentials("", identitytoken="refresh"))
    assert await client.manifest(site.repository, DIGEST)
    (asked,) = site.realm.seen
    assert (asked.method, asked.authorization) == ("POST", None)
    assert parse_qs(asked.body.decode())["refresh_token"] == ["refresh"]


async def test_concurrent_reads_share_one_token_and_the_next_ones_use_it(site: Site) -> None:
    client = await site.client(credentials=site.credentials(""))
    await asyncio.gather(*(client.manifest(site.repository, DIGEST) for _ in range(30)))
    await client.manifest(site.repository, DIGEST)
    assert len(site.realm.seen) == 1
    assert site.registry.seen[-1].authorization == "Bearer token1"


@pytest.mark.case("CACHE-007")
async def test_a_token_is_fetched_on_for_the_others_when_the_first_gives_up(site: Site) -> None:
    gate = asyncio.Event()
    client = await site.client()
    first = asyncio.create_task(client.manifest(site.repository, DIGEST))
    while not site.realm.seen:  # noqa: ASYNC110 (nothing tells of a request)
        await asyncio.sleep(0)
    second = asyncio.create_task(client.manifest(site.repository, DIGEST))
    first.cancel()
    gate.set()
    assert await second
    assert len(site.realm.seen) == 1


@pytest.mark.case("CACHE-011")
@pytest.mark.case("NET-009")
@pytest.mark.parametrize("known", [True, False], ids=["one credential for both", "anonymous"])
async def test_a_token_is_not_shown_to_another_registry(site: Site, *, known: bool) -> None:
    """Another port is another registry, also for a repository of the same name."""
    other = ScriptedServer(site.guarded)
    await site.stack.enter_async_context(other.running(site.tls))
    hosts = (site.registry.host, other.host, site.realm.host)
    client = await site.client(
        *({"host": host, "caBundle": site.authority} for host in hosts),
        credentials=site.credentials(*(hosts[:2] if known else ())),
    )
    assert await client.manifest(site.repository, DIGEST)
    assert await client.manifest(Repository.parse(f"{other.host}/acme/shop"), DIGEST)
    assert [seen.authorization for seen in other.seen] == [None, "Bearer token2"]


@pytest.mark.case("NET-009")
async def test_a_token_serves_its_own_credential_and_repository_only(site: Site) -> None:
    client = await site.client(credentials=site.credentials(""))
    await client.manifest(site.repository, DIGEST)
    await client.manifest(Repository.parse(f"{site.registry.host}/acme/other"), DIGEST)
    await client.scoped(credentials=site.credentials()).manifest(site.repository, DIGEST)
    assert [seen.authorization for seen in site.realm.seen] == [BASIC, BASIC, None]
    scopes = [parse_qs(urlsplit(seen.target).query)["scope"][0] for seen in site.realm.seen]
    assert scopes == ["repository:acme/shop:pull", "repository:acme/other:pull", "repository:acme/shop:pull"]


@pytest.mark.case("REG-010")
async def test_a_token_that_ended_early_is_refreshed_once(site: Site) -> None:
    client = await site.client()
    await client.manifest(site.repository, DIGEST)
    site.good.clear()
    assert await client.manifest(site.repository, DIGEST)
    assert len(site.realm.seen) == 2
    assert len(site.registry.seen) == 4


@pytest.mark.case("REG-010")
async def test_a_token_that_is_about_to_end_is_not_used_again(site: Site) -> None:
    site.grants = {"expires_in": 0}
    client = await site.client()
    await client.manifest(site.repository, DIGEST)
    await client.manifest(site.repository, DIGEST)
    assert len(site.realm.seen) == 2


@pytest.mark.case("REG-007")
async def test_a_fresh_token_that_is_refused_is_denied_without_another(site: Site) -> None:
    site.registry.script = lambda _: Reply(status=401, headers={"WWW-Authenticate": site.challenge})
    client = await site.client(credentials=site.credentials(""))
    with pytest.raises(RegistryDenied):
        await client.manifest(site.repository, DIGEST)
    assert (len(site.registry.seen), len(site.realm.seen)) == (2, 1)


@pytest.mark.case("REG-010")
@pytest.mark.parametrize(
    ("reply", "expected", "asked"),
    [
        (Reply(status=401), RegistryDenied, 1),
        (Reply(status=403), RegistryDenied, 1),
        (Reply(status=404), RegistryUnavailable, 1),
        (Reply(status=500), RegistryUnavailable, 4),
        (Reply(status=429, headers={"Retry-After": "3600"}), RegistryUnavailable, 1),
        (Reply(status=307, headers={"Location": "/elsewhere"}), RegistryUnavailable, 1),
        (Reply(body=b"<html>"), RegistryUnavailable, 1),
        (Reply(body=b'{"token": "a\\r\\nb"}'), RegistryUnavailable, 1),
        (Reply(body=b'{"token": "' + b"a" * 100_000 + b'"}'), RegistryUnavailable, 1),
        (Reply(body=b'{"token": "x"}', headers={"Content-Encoding": "gzip"}), RegistryUnavailable, 1),
        (Reply(body=b"{}", cut=True), RegistryUnavailable, 4),
        (Reply(status=0), RegistryUnavailable, None),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_realm_that_grants_nothing_is_an_error(
    site: Site, reply: Reply, expected: type[Exception], asked: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "FIRST_PAUSE", 0.01)  # so that a slow machine gets to the last attempt in time
    site.realm.script = lambda _: reply
    client = await site.client(credentials=site.credentials(""))
    with pytest.raises(expected) as caught:
        await client.manifest(site.repository, DIGEST)
    assert "hidden" not in str(caught.value)
    assert len(site.registry.seen) == 1
    if asked is not None:
        assert len(site.realm.seen) == asked


@pytest.mark.case("NET-001")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["address", "name"])
async def test_a_realm_nearby_is_refused_before_a_request(site: Site, host: str) -> None:
    port = site.realm.host.partition(":")[2]
    site.challenge = f'Bearer realm="https://{host}:{port}/token"'
    client = await site.client(
        {"host": site.registry.host, "caBundle": site.authority}, credentials=site.credentials("")
    )
    with pytest.raises(RegistryDenied, match="at an address"):
        await client.manifest(site.repository, DIGEST)
    assert not site.realm.connections


@pytest.mark.case("NET-001")
@pytest.mark.parametrize(
    "realm", ["https://169.254.169.254/t", "https://10.0.0.1/t", "https://[fe80::1]/t", "http://{realm}/t", "https://2130706433/t"]
)  # fmt: skip
async def test_a_realm_at_an_address_or_without_tls_is_refused(site: Site, realm: str) -> None:
    site.challenge = f'Bearer realm="{realm.format(realm=site.realm.host)}"'
    client = await site.client(credentials=site.credentials(""))
    with pytest.raises(RegistryDenied):
        await client.manifest(site.repository, DIGEST)
    assert not site.realm.connections


@pytest.mark.case("NET-001")
@pytest.mark.case("NET-008")
async def test_a_private_host_that_a_policy_names_is_no_realm(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.registry.transport.TIMEOUT", ClientTimeout(total=10.0))
    site.challenge = 'Bearer realm="https://10.255.255.1/token"'
    client = await site.client(credentials=site.credentials(""), named=frozenset({"10.255.255.1"}))
    with pytest.raises(RegistryDenied, match="at an address"):
        await client.manifest(site.repository, DIGEST)


@pytest.mark.case("NET-002")
async def test_a_registry_without_tls_sends_no_password_to_another_host(site: Site) -> None:
    plain = ScriptedServer(site.guarded)
    await site.stack.enter_async_context(plain.running())
    entries = ({"host": plain.host, "plainHTTP": True}, {"host": site.realm.host, "caBundle": site.authority})
    client = await site.client(*entries, credentials=site.credentials(plain.host))
    with pytest.raises(RegistryDenied, match="no TLS"):
        await client.manifest(Repository.parse(f"{plain.host}/acme/shop"), DIGEST)
    assert not site.realm.connections


@pytest.mark.case("NET-004")
@pytest.mark.case("NET-009")
@pytest.mark.case("REG-021")
async def test_a_redirect_carries_no_token_and_its_challenge_is_not_answered(site: Site) -> None:
    storage = ScriptedServer(lambda _: Reply(status=401, headers={"WWW-Authenticate": site.challenge}))
    await site.stack.enter_async_context(storage.running(site.tls))
    redirect = Reply(status=307, headers={"Location": f"https://{storage.host}/x"})
    site.registry.script = lambda seen: redirect if seen.authorization else site.guarded(seen)
    hosts = (site.registry.host, site.realm.host, storage.host)
    entries = tuple({"host": host, "caBundle": site.authority} for host in hosts)
    client = await site.client(*entries, credentials=site.credentials("", storage.host))
    with pytest.raises(RegistryDenied):
        await client.manifest(site.repository, DIGEST)
    assert [seen.authorization for seen in storage.seen] == [None]
    assert len(site.realm.seen) == 1


@pytest.mark.case("NET-009")
@pytest.mark.parametrize(
    "place", ["{name}", "{name}:1", "localhost:{port}", "{name}:{port}/acme/other", "evil.{name}:{port}"]
)
async def test_credentials_of_another_host_port_or_path_are_not_shown(site: Site, place: str) -> None:
    site.registry.script = lambda _: Reply(status=401, headers={"WWW-Authenticate": "Basic"})
    name, _, port = site.registry.host.partition(":")
    client = await site.client(credentials=site.credentials(place.format(name=name, port=port)))
    with pytest.raises(RegistryDenied):
        await client.manifest(site.repository, DIGEST)
    assert [seen.authorization for seen in site.registry.seen] == [None]


@pytest.mark.case("REG-017")
async def test_basic_is_answered_once_and_remembered(site: Site) -> None:
    site.good.add(BASIC)
    site.challenge = 'Basic realm="x"'
    client = await site.client(credentials=site.credentials(""))
    for _ in range(3):
        assert await client.manifest(site.repository, DIGEST)
    assert [seen.authorization for seen in site.registry.seen] == [None, BASIC, BASIC, BASIC]


@pytest.mark.case("REG-018")
async def test_of_two_credentials_for_a_host_that_of_the_path_is_shown(site: Site) -> None:
    site.good.add("Basic " + base64.b64encode(b"team:word").decode())
    site.challenge = "Basic"
    client = await site.client(
        credentials=site.credentials(f"{site.registry.host}/acme", username="team", password="word")
    )
    assert await client.manifest(site.repository, DIGEST)
    with pytest.raises(RegistryDenied):
        await client.manifest(Repository.parse(f"{site.registry.host}/other/shop"), DIGEST)


@pytest.mark.case("NET-011")
async def test_no_secret_shows_in_what_is_kept_or_raised(site: Site) -> None:
    site.registry.script = lambda _: Reply(status=401, headers={"WWW-Authenticate": site.challenge})
    client = await site.client(credentials=site.credentials(""))
    with pytest.raises(RegistryDenied) as caught:
        await client.manifest(site.repository, DIGEST)
    kept = client._connected.sessions._passes
    shown = f"{caught.value!r} {kept!r} {client.scope(site.repository)}"
    assert not any(secret in shown for secret in ("hidden", "token1", BASIC))


async def test_what_is_remembered_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "REMEMBERED", 3)
    client = await site.client()
    for number in range(6):
        await client.manifest(Repository.parse(f"{site.registry.host}/acme/shop{number}"), DIGEST)
    assert len(client._connected.sessions._passes) == 3


async def test_connections_are_kept_and_say_who_asks(site: Site) -> None:
    client = await site.client(credentials=site.credentials(""))
    for _ in range(5):
        await client.manifest(site.repository, DIGEST)
    assert (site.registry.connections, site.realm.connections) == (1, 1)
    assert {seen.headers["user-agent"] for seen in [*site.registry.seen, *site.realm.seen]} == {
        f"navicert/{__version__}"
    }


def client_tls(site: Site, authority: Authority) -> ssl.SSLContext:
    wanting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    wanting.load_cert_chain(site.folder / "server.crt", site.folder / "server.key")
    wanting.load_verify_locations(cadata=authority.certificate.decode())
    wanting.verify_mode = ssl.CERT_REQUIRED
    return wanting


async def test_a_client_certificate_is_shown_to_its_registry_and_not_after_a_redirect(site: Site) -> None:
    authority = Authority("clients")
    certificate, key = authority.client("navicert").write(site.folder, "client")
    shown = {"cert": str(certificate), "key": str(key)}
    script: Script = lambda _: Reply(body=MANIFEST)  # noqa: E731
    guarded = ScriptedServer(script)
    await site.stack.enter_async_context(guarded.running(client_tls(site, authority)))
    site.registry.script = lambda _: Reply(status=307, headers={"Location": f"https://{guarded.host}/x"})
    redirecting = {"host": site.registry.host, "caBundle": site.authority}
    entry = {"host": guarded.host, "caBundle": site.authority, "clientCertificate": shown}
    client = await site.client(entry, redirecting)
    assert await client.manifest(Repository.parse(f"{guarded.host}/acme/shop"), DIGEST)
    with pytest.raises(RegistryUnavailable):
        await client.manifest(site.repository, DIGEST)
    assert len(guarded.seen) == 1


async def test_a_client_certificate_that_changed_is_shown_and_a_broken_one_is_not_taken(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = Authority("old"), Authority("new")
    certificate, key = old.client("navicert").write(site.folder, "client")
    guarded = ScriptedServer(lambda _: Reply(body=MANIFEST, headers={"Connection": "close"}))
    await site.stack.enter_async_context(guarded.running(client_tls(site, new)))
    shown = {"cert": str(certificate), "key": str(key)}
    client = await site.client({"host": guarded.host, "caBundle": site.authority, "clientCertificate": shown})
    repository = Repository.parse(f"{guarded.host}/acme/shop")
    with pytest.raises(RegistryUnavailable):
        await client.manifest(repository, DIGEST)
    new.client("navicert-renewed").write(site.folder, "client")
    assert await client.manifest(repository, DIGEST)
    certificate.write_text("broken")
    assert await client.manifest(repository, DIGEST)
    assert [record.message for record in caplog.records if record.name == "controller.registry.tls"] == [
        "client certificate not reloaded"
    ]


@pytest.mark.parametrize("field", ["caBundle", "clientCertificate"])
async def test_certificates_that_can_not_be_used_are_told_at_the_start(site: Site, field: str) -> None:
    (site.folder / "broken").write_text("broken")
    pair = {"cert": str(site.folder / "server.crt"), "key": str(site.folder / "broken")}
    bundle = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
    entry = {"host": "a.example", field: bundle if field == "caBundle" else pair}
    with pytest.raises(MalformedDocument, match=f"a.example.{field}"):
        await site.client(entry)
