"""Where a registry may send Navicert: redirects and further pages, over real TLS."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult

from controller.core.errors import LimitExceeded, RegistryDenied, RegistryUnavailable
from controller.core.image import Digest, Repository
from controller.registry.client import MAX_PAGES, RegistryClient
from controller.registry.transport import MAX_REDIRECTS
from controller.wire.oci import Descriptor
from controller.wire.registries import parse_registries
from tests.support.faults import Fault, FaultServer
from tests.support.pki import Authority
from tests.support.shelf import INDEX_TYPE, Page, Shelf

CONTENT = b"content"
BLOB = Descriptor(media_type="text/plain", digest=Digest.of(CONTENT), size=len(CONTENT))
PATH = f"blobs/{BLOB.digest}"


class Hosts:
    """A registry, and somewhere else, both with TLS that is trusted."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.registry, self.elsewhere = FaultServer(Shelf()), FaultServer(Shelf())
        self.elsewhere.shelf.put_blob(CONTENT, "text/plain")
        self._stack = stack

    async def start(self, tls: ssl.SSLContext) -> None:
        for server in (self.registry, self.elsewhere):
            await self._stack.enter_async_context(server.running(tls))
        self.repository = Repository.parse(f"{self.registry.host}/acme/shop")

    async def client(self, *configured: FaultServer | str, named: frozenset[str] = frozenset()) -> RegistryClient:
        hosts = (server if isinstance(server, str) else server.host for server in configured)
        registries = parse_registries([{"host": host} for host in hosts])
        return await self._stack.enter_async_context(RegistryClient(registries, named_hosts=lambda: named))


@pytest.fixture
async def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hosts]:
    authority = Authority()
    certificate, key = authority.server("127.0.0.1", "localhost").write(tmp_path, "server")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    async with AsyncExitStack() as stack:
        hosts = Hosts(stack)
        await hosts.start(tls)
        yield hosts


@pytest.mark.case("NET-004")
@pytest.mark.case("REG-021")
async def test_a_redirect_is_followed_with_nothing_of_the_registrys(hosts: Hosts) -> None:
    hosts.registry.redirects[PATH] = f"https://{hosts.elsewhere.host}/v2/acme/shop/{PATH}"
    client = await hosts.client(hosts.registry, hosts.elsewhere)
    assert await client.blob(hosts.repository, BLOB) == CONTENT
    assert await client.blob(hosts.repository, BLOB) == CONTENT
    for head in hosts.elsewhere.headers:
        assert b"authorization" not in head.lower()
        assert b"cookie" not in head.lower()
        assert b"referer" not in head.lower()


@pytest.mark.case("NET-003")
async def test_a_redirect_to_an_address_nearby_is_refused_before_a_request(hosts: Hosts) -> None:
    hosts.registry.redirects[PATH] = f"https://{hosts.elsewhere.host}/v2/acme/shop/{PATH}"
    client = await hosts.client(hosts.registry, named=frozenset({hosts.elsewhere.host}))
    with pytest.raises(RegistryDenied):
        await client.blob(hosts.repository, BLOB)
    assert not hosts.elsewhere.requests


class PrivateResolver(AbstractResolver):
    """Every name is at a private address where nobody answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="10.255.255.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@pytest.mark.case("NET-003")
@pytest.mark.case("NET-008")
@pytest.mark.parametrize("target", ["10.255.255.1", "storage.example"], ids=["address", "name"])
async def test_a_private_host_that_a_policy_names_is_refused_after_a_redirect(
    hosts: Hosts, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.registry.transport.SystemResolver", PrivateResolver)
    monkeypatch.setattr("controller.registry.transport.TIMEOUT", ClientTimeout(total=3.0))
    hosts.registry.redirects[PATH] = f"https://{target}/v2/acme/shop/{PATH}"
    client = await hosts.client(hosts.registry, named=frozenset({target}))
    with pytest.raises(RegistryDenied, match="at an address"):
        await client.blob(hosts.repository, BLOB)
    with pytest.raises(RegistryUnavailable):  # it is the redirect that is refused: the policy's own image is asked for
        await client.blob(Repository.parse(f"{target}/acme/shop"), BLOB)


@pytest.mark.case("NET-005")
@pytest.mark.parametrize(
    "location",
    [
        "http://localhost:{}/",
        "ftp://localhost:{}/",
        "https://user:word@localhost:{}/",
        "https://user@localhost:{}/",
        "https://:word@localhost:{}/",
        "//user@localhost:{}/",
        "//:{}/",
    ],
)
async def test_a_redirect_to_anything_but_a_plain_https_address_is_refused(hosts: Hosts, location: str) -> None:
    port = hosts.elsewhere.host.partition(":")[2]
    hosts.registry.redirects[PATH] = location.format(port)
    client = await hosts.client(hosts.registry.host, f"localhost:{port}")
    with pytest.raises(RegistryDenied, match="other than an https address"):
        await client.blob(hosts.repository, BLOB)
    assert not hosts.elsewhere.requests


@pytest.mark.case("NET-012")
@pytest.mark.parametrize("redirected", [False, True])
async def test_proxies_and_passwords_of_the_environment_are_not_used(
    hosts: Hosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, redirected: bool
) -> None:
    proxy = FaultServer(Shelf())
    netrc = tmp_path / "netrc"
    netrc.write_text("default login user password word\n")
    netrc.chmod(0o600)
    hosts.registry.shelf.put_blob(CONTENT, "text/plain")
    if redirected:
        hosts.registry.redirects[PATH] = f"https://{hosts.elsewhere.host}/v2/acme/shop/{PATH}"
    async with proxy.running():
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")
            monkeypatch.setenv(name.upper(), f"http://{proxy.host}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NETRC", str(netrc))
        client = await hosts.client(hosts.registry, hosts.elsewhere)
        assert await client.blob(hosts.repository, BLOB) == CONTENT
    assert not proxy.requests
    heads = [*hosts.registry.headers, *hosts.elsewhere.headers]
    assert len(heads) == (2 if redirected else 1)
    assert not any(b"authorization" in head.lower() for head in heads)


@pytest.mark.case("NET-010")
async def test_endless_redirects_end(hosts: Hosts) -> None:
    hosts.registry.faults[PATH] = Fault.REDIRECT_LOOP
    client = await hosts.client(hosts.registry)
    with pytest.raises(RegistryUnavailable):
        await client.blob(hosts.repository, BLOB)
    assert len(hosts.registry.requests) == MAX_REDIRECTS + 1


@pytest.mark.case("NET-004")
async def test_a_challenge_met_after_a_redirect_is_not_answered(hosts: Hosts) -> None:
    hosts.registry.redirects[PATH] = f"https://{hosts.elsewhere.host}/v2/acme/shop/{PATH}"
    hosts.elsewhere.faults[PATH] = Fault.UNAUTHORIZED
    client = await hosts.client(hosts.registry, hosts.elsewhere)
    with pytest.raises(RegistryDenied):
        await client.blob(hosts.repository, BLOB)
    assert len(hosts.elsewhere.requests) == 1


@pytest.mark.case("NET-008")
async def test_a_registry_on_loopback_is_refused_unless_it_is_configured(hosts: Hosts) -> None:
    client = await hosts.client(named=frozenset({hosts.registry.host}))
    with pytest.raises(RegistryDenied):
        await client.manifest(hosts.repository, "v1")
    assert not hosts.registry.requests
    assert await (await hosts.client(hosts.registry)).manifest(hosts.repository, "v1")


@pytest.mark.case("REG-006")
async def test_a_certificate_of_an_unknown_authority_is_an_error(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(Authority().certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    client = await hosts.client(hosts.registry)
    with pytest.raises(RegistryUnavailable, match="TLS"):
        await client.manifest(hosts.repository, "v1")


@pytest.mark.case("REG-006")
@pytest.mark.parametrize("name", [f"{'a' * 64}.example", "registry.invalid"])
async def test_a_host_that_cannot_be_reached_is_an_error_of_ours(hosts: Hosts, name: str) -> None:
    client = await hosts.client()
    with pytest.raises(RegistryUnavailable):
        await client.manifest(Repository.parse(f"{name}/acme/shop"), "v1")


def page(link: str, *entries: dict[str, Any]) -> Page:
    headers = {"Link": f'<{link}>; rel="next"'} if link else {}
    return Page(content=Shelf.index_of(*entries), content_type=INDEX_TYPE, headers=headers)


@pytest.mark.case("SET-006")
@pytest.mark.parametrize("absolute", [True, False])
async def test_further_pages_on_the_same_host_are_read(hosts: Hosts, *, absolute: bool) -> None:
    shelf = hosts.registry.shelf
    path = f"referrers/{shelf.subject}"
    origin = f"https://{hosts.registry.host}" if absolute else ""
    shelf.pages[path] = page(f"{origin}/v2/acme/shop/{path}?n=2")
    shelf.pages[f"{path}?n=2"] = page("")
    client = await hosts.client(hosts.registry)
    assert len([found async for found in client.referrers(hosts.repository, shelf.subject)]) == 2


@pytest.mark.case("NET-006")
@pytest.mark.parametrize(
    "target",
    [
        "https://{elsewhere}/v2/x",
        "//{elsewhere}/v2/x",
        "http://{registry}/v2/x",
        "https://user:word@{registry}/v2/x",  # it would be shown as Basic, whoever chose it
    ],
)
async def test_a_further_page_on_another_host_or_as_somebody_else_is_refused(hosts: Hosts, target: str) -> None:
    shelf = hosts.registry.shelf
    link = target.format(elsewhere=hosts.elsewhere.host, registry=hosts.registry.host)
    shelf.pages[f"referrers/{shelf.subject}"] = page(link)
    client = await hosts.client(hosts.registry, hosts.elsewhere)
    pages = client.referrers(hosts.repository, shelf.subject)
    await anext(pages)
    with pytest.raises(RegistryDenied):
        await anext(pages)
    assert not hosts.elsewhere.requests


async def test_a_further_page_that_is_not_there_is_ignorance(hosts: Hosts) -> None:
    shelf = hosts.registry.shelf
    shelf.pages[f"referrers/{shelf.subject}"] = page("/v2/acme/shop/missing")
    pages = (await hosts.client(hosts.registry)).referrers(hosts.repository, shelf.subject)
    await anext(pages)
    with pytest.raises(RegistryUnavailable):
        await anext(pages)


@pytest.mark.case("NET-010")
async def test_endless_pages_end(hosts: Hosts) -> None:
    shelf = hosts.registry.shelf
    path = f"referrers/{shelf.subject}"
    shelf.pages[path] = page(f"/v2/acme/shop/{path}")
    client = await hosts.client(hosts.registry)
    with pytest.raises(LimitExceeded):
        [found async for found in client.referrers(hosts.repository, shelf.subject)]
    assert len(hosts.registry.requests) == MAX_PAGES
