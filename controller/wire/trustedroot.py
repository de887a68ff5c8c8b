"""Sigstore's trusted roots (sigstore/protobuf-specs, sigstore_trustroot.proto), in protobuf's JSON form."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation, MalformedDocument
from controller.core.text import printable
from controller.core.window import Window
from controller.wire.encoding import parse_base64
from controller.wire.policy.nodes import instant
from controller.wire.strictjson import parse_strict

MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    }
)
MAX_BYTES = 1024 * 1024  # the public-good one has about 7,000
MAX_ENTRIES = 64  # of each kind
MAX_CERTIFICATES = 10  # of one chain


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityEntry:
    """A certificate or timestamp authority: its chain in DER, leaf-most first, the last one the anchor."""

    certificates: tuple[bytes, ...]
    valid: Window
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntryKey:
    """A log and the key it signs with: a DER SubjectPublicKeyInfo, and `PublicKeyDetails` by name.

    `key_id` is what entries and SCTs call the log; empty where the document does not say.
    """

    base_url: str
    key_id: bytes
    key_der: bytes
    key_details: str
    valid: Window


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRootDocument:
    """A trusted root as it was written. Certificates and keys are not parsed."""

    authorities: tuple[AuthorityEntry, ...]
    logs: tuple[LogEntryKey, ...]
    ct_logs: tuple[LogEntryKey, ...]
    timestamp_authorities: tuple[AuthorityEntry, ...]


class _TimeRange(msgspec.Struct, frozen=True):
    start: str | None = None
    end: str | None = None


class _RawBytes(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str = ""


class _Chain(msgspec.Struct, frozen=True):
    certificates: Annotated[tuple[_RawBytes, ...], msgspec.Meta(min_length=1, max_length=MAX_CERTIFICATES)]


class _Authority(msgspec.Struct, frozen=True, rename="camel"):
    cert_chain: _Chain
    uri: str | None = None
    valid_for: _TimeRange | None = None


class _PublicKey(msgspec.Struct, frozen=True, rename="camel"):
    raw_bytes: str = ""
    key_details: str | None = None
    valid_for: _TimeRange | None = None


class _LogId(msgspec.Struct, frozen=True, rename="camel"):
    key_id: str | None = None


class _Log(msgspec.Struct, frozen=True, rename="camel"):
    public_key: _PublicKey
    base_url: str | None = None
    log_id: _LogId | None = None


_Authorities = Annotated[tuple[_Authority, ...], msgspec.Meta(max_length=MAX_ENTRIES)]
_Logs = Annotated[tuple[_Log, ...], msgspec.Meta(max_length=MAX_ENTRIES)]


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str
    tlogs: _Logs | None = None
    certificate_authorities: _Authorities | None = None
    ctlogs: _Logs | None = None
    timestamp_authorities: _Authorities | None = None


def parse_trusted_root(text: str | bytes) -> TrustedRootDocument:
    """Read exactly one trusted root, of any published media type; unknown fields are ignored.

    Guarantees that every entry has a window with a start (an end that is null or absent leaves it open), and bytes
    for each key and certificate. Bounded by MAX_BYTES, MAX_ENTRIES and MAX_CERTIFICATES. Not guaranteed: that keys and
    certificates can be read, or fit each other. Raises MalformedDocument, whose message names the field.
    """
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(content) > MAX_BYTES:
        raise MalformedDocument(f"the trusted root is larger than {MAX_BYTES // 1024} KiB")
    if _is_several(content):
        raise MalformedDocument("these are several trusted roots, one a line: give each of them a TrustRoot of its own")
    try:
        return _document(parse_strict(content, _Document, what="the trusted root"))
    except MalformedAttestation as error:  # a trusted root is no attestation
        raise MalformedDocument(str(error)) from None


def _is_several(content: bytes) -> bool:
    """Whether these are JSON Lines, as `gh attestation trusted-root` prints them."""
    lines = [line for line in map(bytes.strip, content.splitlines()) if line]
    return len(lines) > 1 and all(line.startswith(b"{") and line.endswith(b"}") for line in lines)


def _document(document: _Document) -> TrustedRootDocument:
    if document.media_type not in MEDIA_TYPES:
        shown = printable(document.media_type, limit=80)
        raise MalformedDocument(f"trusted roots of type {shown!r} are not known")
    return TrustedRootDocument(
        authorities=tuple(_authorities(document.certificate_authorities or (), "certificateAuthorities")),
        logs=tuple(_logs(document.tlogs or (), "tlogs")),
        ct_logs=tuple(_logs(document.ctlogs or (), "ctlogs")),
        timestamp_authorities=tuple(_authorities(document.timestamp_authorities or (), "timestampAuthorities")),
    )


def _authorities(entries: Iterable[_Authority], name: str) -> Iterable[AuthorityEntry]:
    for index, entry in enumerate(entries):
        path = f"{name}[{index}]"
        yield AuthorityEntry(
            certificates=tuple(
                _bytes(one.raw_bytes, f"{path}.certChain.certificates[{place}].rawBytes")
                for place, one in enumerate(entry.cert_chain.certificates)
            ),
            valid=_window(entry.valid_for, f"{path}.validFor"),
            uri=entry.uri or "",
        )


def _logs(entries: Iterable[_Log], name: str) -> Iterable[LogEntryKey]:
    for index, entry in enumerate(entries):
        path = f"{name}[{index}]"
        key_id = entry.log_id.key_id if entry.log_id else None
        yield LogEntryKey(
            base_url=entry.base_url or "",
            key_id=parse_base64(key_id or "", what=f"{path}.logId.keyId"),
            key_der=_bytes(entry.public_key.raw_bytes, f"{path}.publicKey.rawBytes"),
            key_details=entry.public_key.key_details or "",
            valid=_window(entry.public_key.valid_for, f"{path}.publicKey.validFor"),
        )


def _bytes(text: str, path: str) -> bytes:
    content = parse_base64(text, what=path)
    if not content:
        raise MalformedDocument(f"{path} is empty")
    return content


def _window(given: _TimeRange | None, path: str) -> Window:
    if given is None or given.start is None:
        raise MalformedDocument(f"{path}.start is missing: nothing says from when on it is believed")
    end = None if given.end is None else _time(given.end, f"{path}.end")
    window = Window(start=_time(given.start, f"{path}.start"), end=end)
    if end is not None and end < window.start:
        raise MalformedDocument(f"{path} ends before it starts")
    return window


def _time(text: str, path: str) -> datetime:
    time = instant(text)
    if time is None:
        raise MalformedDocument(f"{path} is no RFC 3339 time")
    return time
