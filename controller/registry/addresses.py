"""Which network addresses Navicert talks to, decided where names become addresses: at the time of connecting.

A name is no promise of an address (DNS rebinding), so the resolver itself leaves out what is not allowed, and what it
returns is what is connected to (NET-007).
"""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from controller.core.errors import RegistryDenied
from controller.core.image import DEFAULT_HOST, normalise_host
from controller.core.text import printable
from controller.wire.registries import Network, Registries

DOCKER_HUB = "registry-1.docker.io"  # serves the images that are named docker.io

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291, 2.4, as IANA allocates it
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, 2.1: the IPv4 address is the last 32 bits
_SPECIAL = (
    ipaddress.ip_network("240.0.0.0/4"),  # reserved, and the broadcast address
    ipaddress.ip_network("64:ff9b:1::/48"),  # RFC 8215: NAT64 to whatever the local network makes of it
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890; the metadata service of one cloud
    ipaddress.ip_network("168.63.129.16/32"),  # answers inside one cloud's virtual networks only
)


class Reach(IntEnum):
    """How far from this machine an address is; a host is allowed all addresses from a reach on."""

    LOCAL = 0  # this machine, its link (metadata services), and what is no unicast address
    PRIVATE = 1  # everything else that is not globally routable
    PUBLIC = 2


def reach_of(address: _Address) -> Reach:
    """Where this address is. An IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) is judged as itself."""
    inner = _embedded(address)
    if inner is not None:
        return reach_of(inner)
    if address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast:
        return Reach.LOCAL
    if address.version == 4 and int(address) >> 24 == 0:  # 0.0.0.0/8, "this network": Linux connects to itself
        return Reach.LOCAL
    if any(address in network for network in _SPECIAL):
        return Reach.LOCAL
    routable = address.is_global and (address.version == 4 or address in _GLOBAL_UNICAST)
    return Reach.PUBLIC if routable else Reach.PRIVATE


def _embedded(address: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # the latter: RFC 4291, 2.5.5.1, deprecated
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At which addresses a host may be: from `reach` on; of those that are not public, only in `ranges` if given."""

    reach: Reach
    ranges: tuple[Network, ...] | None = None

    def admits(self, address: _Address) -> bool:
        """Whether the host may be there. An IPv4 address inside an IPv6 one is judged as itself."""
        reach = reach_of(address)
        if reach is Reach.PUBLIC or self.ranges is None:
            return reach >= self.reach
        judged = _embedded(address) or address
        return reach >= self.reach and any(judged in network for network in self.ranges)


AllowanceOf = Callable[[str], Allowance]
"""Where a host (`host` or `host:port`, as in a URL) may be."""

NamedHosts = Callable[[], frozenset[str]]
"""The hosts that ClusterSLSAPolicies name literally, normalised, as of now."""


class Allowances:
    """How near a host may be: where the setting says when it is configured, and at a private address when a
    ClusterSLSAPolicy names it literally. A tenant's policy, a redirect and a token realm give nothing (NET-008)."""

    def __init__(self, registries: Registries, named_hosts: NamedHosts) -> None:
        self._registries = registries
        self._named_hosts = named_hosts

    def of_registry(self, authority: str) -> Allowance:
        """For a host that an image reference names."""
        least = self.of_referral(authority)
        named = least.reach is Reach.PUBLIC and self.host_of(authority) in self._named_hosts()
        return Allowance(reach=Reach.PRIVATE) if named else least

    def of_referral(self, authority: str) -> Allowance:
        """For a host that a registry sends us to: a redirect, or a token realm."""
        host = self.host_of(authority)
        if not self._registries.configured(host):
            return Allowance(reach=Reach.PUBLIC)
        return Allowance(reach=Reach.LOCAL, ranges=self._registries.private_addresses(host))

    def host_of(self, authority: str) -> str:
        """How image references call the host of a connection: one to http shows the port that they may leave out."""
        plain = normalise_host(authority.removesuffix(":80"))
        return plain if self._registries.plain_http(plain) else image_host(authority)


def image_host(authority: str) -> str:
    """How image references call the host of a connection over TLS."""
    host = normalise_host(authority)
    return DEFAULT_HOST if host == DOCKER_HUB else host


def refuse_address(url: URL, allowed: AllowanceOf) -> None:
    """Raise RegistryDenied if the host of `url` is itself an address that is not allowed, in whatever spelling.

    Says nothing about names: the resolver does.
    """
    host = url.host or ""
    if ":" not in host and not host.replace(".", "").isdigit():
        return
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # 127.1, 2130706433: the system would know what to do with them
        raise RegistryDenied(f"{printable(host, limit=80)} is not an address in its usual form") from None
    if not allowed(url.authority).admits(address):
        raise RegistryDenied(_refusal(url.authority))


class GuardedResolver(AbstractResolver):
    """Resolves names to those of their addresses that are allowed; RegistryDenied when none is left.

    Every new connection is judged by the addresses it goes to, whatever `inner` remembers.
    """

    def __init__(self, inner: AbstractResolver, allowed: AllowanceOf) -> None:
        self._inner = inner
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """As the interface says; raises OSError for a name that does not resolve."""
        allowance = self._allowed(f"{host}:{port}")
        found = await self._inner.resolve(host, port, family)
        kept = [result for result in found if allowance.admits(_parse(result["host"]))]
        if found and not kept:
            raise RegistryDenied(_refusal(host))
        return kept

    async def close(self) -> None:
        """Nothing: what is inside is shared."""


def _parse(text: str) -> _Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _refusal(host: str) -> str:
    return f"{printable(host, limit=120)} is at an address that Navicert does not talk to unless it is configured"
