"""Log entries in protobuf's JSON form (sigstore/protobuf-specs, sigstore_rekor.proto, TransparencyLogEntry)."""

from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.wire.encoding import parse_base64
from controller.wire.rekor import InclusionProof, LogEntry

MAX_HASHES = 64  # of an inclusion proof: more than a tree of 2^63 leaves has levels

_INT64_CHARACTERS = 20  # digits and a sign

Int64 = int | str | None
"""protobuf writes 64-bit integers as JSON strings, others as numbers; absent and null are zero (TIME-026)."""


class _LogID(msgspec.Struct, frozen=True, rename="camel"):
    key_id: str | None = None


class _KindVersion(msgspec.Struct, frozen=True):
    kind: str | None = None
    version: str | None = None


class _Promise(msgspec.Struct, frozen=True, rename="camel"):
    signed_entry_timestamp: str | None = None


class _Checkpoint(msgspec.Struct, frozen=True):
    envelope: str | None = None


class _Proof(msgspec.Struct, frozen=True, rename="camel"):
    log_index: Int64 = None
    root_hash: str | None = None
    tree_size: Int64 = None
    hashes: Annotated[tuple[str, ...], msgspec.Meta(max_length=MAX_HASHES)] | None = None
    checkpoint: _Checkpoint | None = None

    def read(self) -> InclusionProof | None:
        """The proof; None without a checkpoint: a root that no log signed proves nothing."""
        checkpoint = self.checkpoint.envelope if self.checkpoint else None
        if not checkpoint:
            return None
        return InclusionProof(
            log_index=_int64(self.log_index, what="the index of the inclusion proof"),
            root_hash=parse_base64(self.root_hash or "", what="the root hash of the inclusion proof"),
            tree_size=_int64(self.tree_size, what="the tree size of the inclusion proof"),
            hashes=tuple(parse_base64(text, what="a hash of the inclusion proof") for text in self.hashes or ()),
            checkpoint=checkpoint,
        )


class EntryDocument(msgspec.Struct, frozen=True, rename="camel"):
    """The JSON form of a log entry. Fields that are not named here are ignored."""

    log_index: Int64 = None
    log_id: _LogID | None = None
    kind_version: _KindVersion | None = None
    integrated_time: Int64 = None
    inclusion_promise: _Promise | None = None
    inclusion_proof: _Proof | None = None
    canonicalized_body: str | None = None

    def read(self) -> LogEntry:
        """The entry, as it claims to be. Raises MalformedAttestation."""
        promise = self.inclusion_promise.signed_entry_timestamp if self.inclusion_promise else None
        kind_version = self.kind_version or _KindVersion()
        return LogEntry(
            log_index=_int64(self.log_index, what="the index of the log entry"),
            log_id=parse_base64((self.log_id.key_id if self.log_id else None) or "", what="the log id"),
            kind=kind_version.kind or None,
            version=kind_version.version or None,
            integrated_time=_int64(self.integrated_time, what="the integrated time") or None,
            body=parse_base64(self.canonicalized_body or "", what="the body of the log entry"),
            signed_entry_timestamp=parse_base64(promise, what="the signed entry timestamp") if promise else None,
            inclusion=self.inclusion_proof.read() if self.inclusion_proof else None,
        )


def _int64(value: Int64, *, what: str) -> int:
    if value is None:
        return 0
    number = _integer(value)
    if number is None or not -(2**63) <= number < 2**63:
        raise MalformedAttestation(f"{what} is no 64-bit integer")
    return number


def _integer(value: int | str) -> int | None:
    """The number of an integer or of its one decimal spelling."""
    if isinstance(value, int):
        return value
    try:
        number = int(value) if len(value) <= _INT64_CHARACTERS else None
    except ValueError:
        return None
    return number if str(number) == value else None
