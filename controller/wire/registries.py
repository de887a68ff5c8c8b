"""The setting `registries`: what the administrator says of single registry hosts.

A host that is configured may be anywhere, on this machine too, unless `privateAddresses` says where; any other is
reached by HTTPS and at public addresses only. What a host is a mirror or a place of evidence of is configured with it.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from controller.core.errors import MalformedDocument, MalformedReference
from controller.core.image import Repository, normalise_host
from controller.core.text import printable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_RATE = 10_000.0  # requests per second

_PEM = re.compile(r"(?:\s*-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+")


def _host(text: str) -> str:
    host = normalise_host(text)
    try:
        Repository(host, "repository")
    except MalformedReference:
        raise ValueError("not a host: write it as in image references, host or host:port") from None
    return host


def _place(text: str) -> str:
    """A host, or a host and the path below which it keeps what it mirrors."""
    host, _, path = text.partition("/")
    try:
        Repository(normalise_host(host), path or "repository")
    except MalformedReference:
        raise ValueError("not a host, or a host and a path: mirror.example or mirror.example/path") from None
    return f"{normalise_host(host)}/{path}".rstrip("/")


def _repository(text: str) -> str:
    host, _, path = text.partition("/")
    try:
        return str(Repository(normalise_host(host), path))
    except MalformedReference:
        raise ValueError("not a repository: write host and path, evidence.example/path") from None


def _pem(text: str) -> str:
    if not _PEM.fullmatch(text):
        raise ValueError("not PEM of certificates, and nothing else")
    return text


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise ValueError("not a range of addresses: write it as 10.1.0.0/16, without bits beyond the prefix") from None


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


class ClientCertificate(_Model):
    """Paths of PEM files: what Navicert shows to a registry that asks for a certificate. Re-read when they change."""

    cert: str = Field(min_length=1)
    key: str = Field(min_length=1)


class RegistryEntry(_Model):
    """One entry of the setting. `host` is normalised as in image references, with the port where there is one.

    `caBundle` (PEM) is believed for this host besides the system's authorities, and for no other host.
    `privateAddresses`: the only addresses that are not public at which the host may be. `rateLimit`: requests per
    second, of this process. `evidenceRepository`: where evidence about this host's images is kept besides.
    """

    host: Annotated[str, AfterValidator(_host)]
    plain_http: bool = Field(default=False, alias="plainHTTP")
    ca_bundle: Annotated[str, AfterValidator(_pem)] | None = Field(default=None, alias="caBundle")
    client_certificate: ClientCertificate | None = Field(default=None, alias="clientCertificate")
    mirrors: list[Annotated[str, AfterValidator(_place)]] = Field(default=[], max_length=8)
    evidence_repository: Annotated[str, AfterValidator(_repository)] | None = Field(
        default=None, alias="evidenceRepository"
    )
    private_addresses: list[Annotated[str, AfterValidator(_network)]] | None = Field(
        default=None, alias="privateAddresses"
    )
    rate_limit: float | None = Field(default=None, alias="rateLimit", gt=0, le=MAX_RATE, allow_inf_nan=False)

    @model_validator(mode="after")
    def _one_transport(self) -> "RegistryEntry":
        if self.plain_http and (self.ca_bundle or self.client_certificate):
            raise ValueError("plainHTTP has no use for caBundle or clientCertificate")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Registries:
    """All configured registries, by host. The empty one configures nothing."""

    entries: Mapping[str, RegistryEntry] = field(default_factory=dict)

    @classmethod
    def of(cls, entries: Iterable[RegistryEntry]) -> "Registries":
        """From entries with distinct hosts; raises MalformedDocument."""
        known: dict[str, RegistryEntry] = {}
        for entry in entries:
            if entry.host in known:
                raise MalformedDocument(f"registries: {entry.host} is configured twice")
            known[entry.host] = entry
        return cls(entries=known)

    def configured(self, host: str) -> bool:
        """Whether the administrator named this host: for itself, as a mirror or as a place of evidence."""
        return host in self.entries or any(host in _others(entry) for entry in self.entries.values())

    def plain_http(self, host: str) -> bool:
        """Whether this host is spoken to without TLS. Only where the administrator said so (REG-015)."""
        return host in self.entries and self.entries[host].plain_http

    def private_addresses(self, host: str) -> tuple[Network, ...] | None:
        """The ranges of non-public addresses at which this configured host may be; None for any."""
        ranges = self.entries[host].private_addresses if host in self.entries else None
        return None if ranges is None else tuple(ipaddress.ip_network(text) for text in ranges)

    def mirrors(self, repository: Repository) -> tuple[Repository, ...]:
        """Where else the content of this repository may be, in the order to ask. One whose name would be too long is
        left out."""
        entry = self.entries.get(repository.host)
        return tuple(mirror for place in (entry.mirrors if entry else ()) for mirror in _mirrored(place, repository))

    def evidence_repository(self, repository: Repository) -> Repository | None:
        """Where evidence about this repository's images is kept besides the repository itself (REG-005)."""
        entry = self.entries.get(repository.host)
        return Repository(*_split(entry.evidence_repository)) if entry and entry.evidence_repository else None


def parse_registries(document: Any) -> Registries:
    """Read the setting as YAML or JSON gave it; raises MalformedDocument with every problem and its place."""
    try:
        entries = TypeAdapter(list[RegistryEntry]).validate_python(document)
    except ValidationError as error:
        problems = (f"registries{_location(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise MalformedDocument(printable("; ".join(problems), limit=1000)) from error
    return Registries.of(entries)


def _location(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _others(entry: RegistryEntry) -> Iterable[str]:
    places = [*entry.mirrors, *([entry.evidence_repository] if entry.evidence_repository else [])]
    return (_split(place)[0] for place in places)


def _split(place: str) -> tuple[str, str]:
    host, _, path = place.partition("/")
    return host, path


def _mirrored(place: str, repository: Repository) -> Iterable[Repository]:
    host, path = _split(place)
    try:
        return (Repository(host, f"{path}/{repository.path}" if path else repository.path),)
    except MalformedReference:
        return ()
