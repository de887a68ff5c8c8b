"""Which addresses are public, private or local, and what is left of a name's addresses."""

import ipaddress
import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from controller.core.errors import RegistryDenied
from controller.registry.addresses import Allowance, Allowances, GuardedResolver, Reach, reach_of, refuse_address
from controller.registry.transport import Transport
from controller.wire.registries import parse_registries

PUBLIC_ONLY = Allowance(reach=Reach.PUBLIC)
PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1")
PRIVATE = ("10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "203.0.113.1", "fc00::1", "2001:db8::1")
LOCAL = (
    *("127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "255.255.255.255"),
    *("192.0.0.192", "168.63.129.16", "::1", "::", "fe80::1", "ff02::1", "::ffff:127.0.0.1", "::7f00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2002:7f00:1::1"),
)


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    ("text", "reach"),
    [
        *((text, Reach.PUBLIC) for text in PUBLIC),
        *((text, Reach.PRIVATE) for text in (*PRIVATE, "fec0::1", "2001::1", "4000::1", "::ffff:10.0.0.1")),
        *((text, Reach.LOCAL) for text in LOCAL),
    ],
)
def test_every_kind_of_address_has_its_reach(text: str, reach: Reach) -> None:
    assert reach_of(ipaddress.ip_address(text)) is reach


class Zone(AbstractResolver):
    """A name server that knows one answer at a time."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.addresses = ()


async def resolve(least: Reach, *addresses: str) -> list[str]:
    resolver = GuardedResolver(Zone(*addresses), lambda _: Allowance(reach=least))
    return [result["host"] for result in await resolver.resolve("registry.example", 443)]


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    ("least", "kept"),
    [
        (Reach.PUBLIC, ["8.8.8.8"]),
        (Reach.PRIVATE, ["8.8.8.8", "10.0.0.1"]),
        (Reach.LOCAL, ["8.8.8.8", "10.0.0.1", "fe80::1%eth0"]),
    ],
)
async def test_only_allowed_addresses_of_a_name_are_left(least: Reach, kept: list[str]) -> None:
    assert await resolve(least, "8.8.8.8", "10.0.0.1", "fe80::1%eth0") == kept


@pytest.mark.case("NET-007")
async def test_a_name_that_moved_to_a_private_address_is_refused_at_the_next_connection() -> None:
    zone = Zone("8.8.8.8")
    resolver = GuardedResolver(zone, lambda _: PUBLIC_ONLY)
    assert await resolver.resolve("registry.example", 443)
    zone.addresses = ("10.0.0.1",)
    with pytest.raises(RegistryDenied):
        await resolver.resolve("registry.example", 443)


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "127.1", "2130706433", "0", "[::ffff:10.0.0.1]", "1.1.1.1.1"],
)
def test_an_address_in_a_url_is_refused_in_whatever_spelling(host: str) -> None:
    with pytest.raises(RegistryDenied):
        refuse_address(URL(f"https://{host}:5000/v2/"), lambda _: PUBLIC_ONLY)


def test_a_public_address_and_a_name_pass() -> None:
    refuse_address(URL("https://8.8.8.8/v2/"), lambda _: PUBLIC_ONLY)
    refuse_address(URL("https://registry.example/v2/"), lambda _: PUBLIC_ONLY)


@pytest.mark.case("NET-008")
@pytest.mark.parametrize(
    ("authority", "registry", "redirect"),
    [
        ("configured.example:5000", Reach.LOCAL, Reach.LOCAL),
        ("configured.example:443", Reach.PUBLIC, Reach.PUBLIC),
        ("plain.example:80", Reach.LOCAL, Reach.LOCAL),
        ("secure.example:80", Reach.PUBLIC, Reach.PUBLIC),
        ("secure.example:443", Reach.LOCAL, Reach.LOCAL),
        ("named.example:443", Reach.PRIVATE, Reach.PUBLIC),
        ("named.example:8443", Reach.PUBLIC, Reach.PUBLIC),
        ("registry-1.docker.io:443", Reach.PRIVATE, Reach.PUBLIC),
        ("other.example:443", Reach.PUBLIC, Reach.PUBLIC),
    ],
)
def test_only_configured_and_literally_named_hosts_may_be_near(
    authority: str, registry: Reach, redirect: Reach
) -> None:
    entries = [
        {"host": "configured.example:5000"},
        {"host": "plain.example", "plainHTTP": True},
        {"host": "secure.example"},
    ]
    allowances = Allowances(parse_registries(entries), lambda: frozenset({"named.example", "docker.io"}))
    reaches = (allowances.of_registry(authority).reach, allowances.of_referral(authority).reach)
    assert reaches == (registry, redirect)


@pytest.mark.parametrize(
    ("host", "named", "address"),
    [
        ("plain.example", "plain.example", "http://plain.example/v2/"),
        ("plain.example:5000", "plain.example:5000", "http://plain.example:5000/v2/"),
        ("mirror", "mirror:443", "http://mirror/v2/"),
        ("mirror:80", "mirror:80", "http://mirror/v2/"),
        ("docker.io", "docker.io", "http://registry-1.docker.io/v2/"),
    ],
)
def test_a_host_without_tls_is_at_port_80_and_known_by_the_name_that_images_have_for_it(
    host: str, named: str, address: str
) -> None:
    registries = parse_registries([{"host": host, "plainHTTP": True}])
    url = Transport(registries, frozenset).url(named, "/v2/")
    assert str(url) == address
    assert Allowances(registries, frozenset).host_of(url.authority) == named
    assert Allowances(registries, frozenset).of_registry(url.authority).reach is Reach.LOCAL
