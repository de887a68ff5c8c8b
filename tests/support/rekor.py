"""Transparency logs: Rekor v1 with its signed entry timestamps, and Rekor v2 without. RFC 6962 trees, signed notes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.support.signing import KeyKind, KeyPair

Json = dict[str, Any]
SHARD_OFFSET = 25_579  # what stood in earlier shards: Rekor v1's own index of an entry is not that of its tree
INDEX, SIZE = 3, 6  # the usual place of an entry: a proof of three hashes, from both sides


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in which tree an entry stands."""

    index: int = INDEX
    size: int = SIZE


class Log:
    """What both versions share. Every entry gets a tree of its own, filled up with entries of others."""

    def __init__(self, host: str, key: KeyPair, origin: str, key_id: bytes) -> None:
        self.host, self.key, self.origin, self.id = host, key, origin, key_id

    def inclusion(self, body: bytes, place: Place) -> Json:
        """An inclusion proof with its checkpoint, as bundles hold it: zero and empty values are absent."""
        leaves = [f"entry {number} of another".encode() for number in range(place.size)]
        leaves[place.index] = body
        hashes = [_leaf(leaf) for leaf in leaves]
        root = _root(hashes)
        proof = {
            "logIndex": str(place.index),
            "rootHash": b64(root),
            "treeSize": str(place.size),
            "hashes": [b64(node) for node in _path(hashes, place.index)],
            "checkpoint": {"envelope": self.checkpoint(place.size, root)},
        }
        absent = {name for name, value in proof.items() if value in ("0", [])}
        return {name: value for name, value in proof.items() if name not in absent}

    def checkpoint(self, size: int, root: bytes, *, origin: str | None = None, signed_by: Log | None = None) -> str:
        """A checkpoint (C2SP tlog-checkpoint) signed by this log, or by another one in this log's name."""
        note = f"{origin or self.origin}\n{size}\n{b64(root)}\n"
        return f"{note}\n{(signed_by or self).signature_line(note, self.host)}"

    def signature_line(self, note: str, name: str | None = None) -> str:
        """The line of a signed note (C2SP signed-note): name, hint of the key, signature."""
        return f"\u2014 {name or self.host} {b64(self.id[:4] + self.key.sign(note.encode()))}\n"


class RekorV1(Log):
    """Rekor v1: signs a promise over body, time and index, and the checkpoints of its tree."""

    def __init__(self, host: str, kind: KeyKind = KeyKind.P256) -> None:
        key = KeyPair(f"rekor {host}", kind)
        super().__init__(host, key, f"{host} - 1193050959916656506", key.id)

    def entry(self, body: bytes, *, kind: str, version: str, at: datetime, place: Place | None = None) -> Json:
        """An entry as a bundle holds it, with promise and proof."""
        place = place or Place()
        index = SHARD_OFFSET + place.index if place.size > 1 else place.index
        log_index = {"logIndex": str(index)} if index else {}
        return {
            **log_index,
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": kind, "version": version},
            "integratedTime": str(int(at.timestamp())),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise(body, at, index))},
            "inclusionProof": self.inclusion(body, place),
            "canonicalizedBody": b64(body),
        }

    def promise(self, body: bytes, at: datetime, index: int) -> bytes:
        """The signed entry timestamp: over the canonical JSON (RFC 8785) of the entry."""
        signed = {
            "body": b64(body),
            "integratedTime": int(at.timestamp()),
            "logID": self.id.hex(),
            "logIndex": index,
        }
        return self.key.sign(canonical(signed))


class RekorV2(Log):
    """Rekor v2: no promise and no time; Ed25519 checkpoints of a tree in tiles, with cosignatures of witnesses."""

    def __init__(self, host: str) -> None:
        key = KeyPair(f"rekor v2 {host}", KeyKind.ED25519)
        # The id is the key id of signed notes: name, line feed, signature type 1 (Ed25519), the raw key.
        super().__init__(host, key, host, hashlib.sha256(host.encode() + b"\n\x01" + key.raw).digest())

    def entry(self, body: bytes, *, kind: str, version: str, place: Place | None = None) -> Json:
        place = place or Place()
        log_index = {"logIndex": str(place.index)} if place.index else {}
        return {
            **log_index,
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": kind, "version": version},
            "inclusionProof": self.inclusion(body, place),
            "canonicalizedBody": b64(body),
        }


def cosignature(note: str, witness: str, at: datetime) -> str:
    """A witness's line (C2SP tlog-cosignature, type 4) under a checkpoint."""
    key = KeyPair(f"witness {witness}", KeyKind.ED25519)
    time = int(at.timestamp())
    hint = hashlib.sha256(witness.encode() + b"\n\x04" + key.raw).digest()[:4]
    signature = key.sign(f"cosignature/v1\ntime {time}\n{note}".encode())
    return f"\u2014 {witness} {b64(hint + time.to_bytes(8, 'big') + signature)}\n"


def canonical(document: object) -> bytes:
    """RFC 8785 for what stands in logs: ASCII keys, no fractions."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962, 2.1)."""
    return 1 << ((size - 1).bit_length() - 1)


def _root(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = _split(len(hashes))
    return _node(_root(hashes[:middle]), _root(hashes[middle:]))


def _path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path from the leaf upwards (RFC 6962, 2.1.1)."""
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*_path(hashes[:middle], index), _root(hashes[middle:])]
    return [*_path(hashes[middle:], index - middle), _root(hashes[:middle])]
