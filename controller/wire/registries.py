"""The setting `registries`: what the administrator says of single registry hosts.

A host that is configured may be anywhere, on this machine too; any other is reached by HTTPS and at public addresses
only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from controller.core.errors import MalformedDocument, MalformedReference
from controller.core.image import Repository, normalise_host
from controller.core.text import printable


def _host(text: str) -> str:
    host = normalise_host(text)
    try:
        Repository(host, "repository")
    except MalformedReference:
        raise ValueError("not a host: write it as in image references, host or host:port") from None
    return host


class RegistryEntry(BaseModel):
    """One entry of the setting. `host` is normalised as in image references, with the port where there is one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    host: Annotated[str, AfterValidator(_host)]
    plain_http: bool = Field(default=False, alias="plainHTTP")


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
        """Whether the administrator named this host."""
        return host in self.entries

    def plain_http(self, host: str) -> bool:
        """Whether this host is spoken to without TLS. Only where the administrator said so (REG-015)."""
        return host in self.entries and self.entries[host].plain_http


_ENTRIES = TypeAdapter(list[RegistryEntry])


def parse_registries(document: Any) -> Registries:
    """Read the setting as YAML or JSON gave it; raises MalformedDocument with every problem and its place."""
    try:
        entries = _ENTRIES.validate_python(document)
    except ValidationError as error:
        problems = (f"registries{_place(problem['loc'])}: {problem['msg']}" for problem in error.errors())
        raise MalformedDocument(printable("; ".join(problems), limit=1000)) from error
    return Registries.of(entries)


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
