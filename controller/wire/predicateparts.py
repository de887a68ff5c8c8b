"""What the provenance predicates of all versions are made of, and how much of it is read."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.provenance import Dependency
from controller.wire.sources import Resource, read_part
from controller.wire.strictjson import parse_part

MAX_RESOURCES = 10_000
MAX_DIGESTS = 32  # of one resource
MAX_PARAMETER_BYTES = 1024 * 1024  # they are kept as objects, at up to thirty times their size

Required = Annotated[str, msgspec.Meta(min_length=1)]
# Read after they were counted, for the sake of memory.
Resources = Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=MAX_RESOURCES)]
DigestSet = Annotated[dict[str, str], msgspec.Meta(max_length=MAX_DIGESTS)]


class Builder(msgspec.Struct, frozen=True):
    """Who built it, by its own word. Only verification tells whether it was."""

    id: str | None = None


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    uri: str | None = None
    digest: DigestSet | None = None
    name: str | None = None
    media_type: str | None = None
    download_location: str | None = None


_Descriptors = tuple[_Descriptor, ...]


def builder_id(builder: Builder, *, signed: bool) -> str:
    """The builder's id; only a statement that nobody signed may lack it (BuildKit's default), and then has ""."""
    if signed and not builder.id:
        raise MalformedAttestation("the provenance: there is no builder.id")
    return builder.id or ""


def resources(texts: Resources | None) -> tuple[Resource, ...]:
    """Materials or resolved dependencies, in their order. Raises MalformedAttestation."""
    listed = b"[%b]" % b",".join(texts or ())
    return tuple(_resource(read) for read in parse_part(listed, _Descriptors, what="the resources of the provenance"))


def dependencies(found: tuple[Resource, ...]) -> tuple[Dependency, ...]:
    """The same for the record, with the addresses as written."""
    return tuple(
        Dependency(
            uri=each.uri or None,
            digests=each.digests,
            name=each.name or None,
            media_type=each.media_type or None,
            download_location=each.download_location or None,
        )
        for each in found
    )


def parameters(text: msgspec.Raw) -> Mapping[str, object]:
    """Untrusted parameters as decoded JSON; null and nothing are none. Raises MalformedAttestation."""
    if len(bytes(text)) > MAX_PARAMETER_BYTES:
        raise MalformedAttestation(f"the provenance has over {MAX_PARAMETER_BYTES} bytes of parameters")
    return read_part(bytes(text), dict[str, Any])


def one(*spellings: str | None, what: str) -> str | None:
    """The value of a member that producers spell in several ways (PARSE-002); two values are a contradiction."""
    found = {spelling for spelling in spellings if spelling}
    if len(found) > 1:
        raise MalformedAttestation(f"the provenance has two {what}")
    return found.pop() if found else None


def _resource(read: _Descriptor) -> Resource:
    return Resource(
        uri=read.uri or "",
        digests=read.digest or {},
        name=read.name or "",
        media_type=read.media_type or "",
        download_location=read.download_location or "",
    )
