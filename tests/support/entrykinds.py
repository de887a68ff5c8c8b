"""What logs record of a signature: the body of each kind of entry."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tests.support.rekor import b64

Json = dict[str, Any]


class EntryKind(Enum):
    """Kind and version of a log entry."""

    HASHEDREKORD = ("hashedrekord", "0.0.1")
    REKORD = ("rekord", "0.0.1")
    DSSE = ("dsse", "0.0.1")
    INTOTO_1 = ("intoto", "0.0.1")
    INTOTO_2 = ("intoto", "0.0.2")
    HASHEDREKORD_2 = ("hashedrekord", "0.0.2")


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What is recorded. `verifier` is the certificate's DER, or the key's SPKI; `pem` the same in PEM.

    `message` is what the signature covers, `envelope` the DSSE envelope in JSON as it was uploaded.
    """

    payload_type: str
    payload: bytes
    message: bytes
    envelope: bytes
    signature: bytes
    pem: bytes
    verifier: bytes
    certified: bool
    details: str


def body_of(kind: EntryKind, logged: Logged) -> Json:
    """The body, to be broken further before it is logged."""
    name, version = kind.value
    return {"apiVersion": version, "kind": name, "spec": _SPECS[kind](logged)}


def _hashedrekord(logged: Logged) -> Json:
    signature = {"content": b64(logged.signature), "publicKey": {"content": b64(logged.pem)}}
    return {"data": {"hash": _hash(logged.message)}, "signature": signature}


def _rekord(logged: Logged) -> Json:
    spec = _hashedrekord(logged)
    return {**spec, "signature": {**spec["signature"], "format": "x509"}}


def _dsse(logged: Logged) -> Json:
    signature = {"signature": b64(logged.signature), "verifier": b64(logged.pem)}
    return {"envelopeHash": _hash(logged.envelope), "payloadHash": _hash(logged.payload), "signatures": [signature]}


def _intoto_1(logged: Logged) -> Json:
    content = {"hash": _hash(logged.envelope), "payloadHash": _hash(logged.payload)}
    return {"content": content, "publicKey": b64(logged.pem)}


def _intoto_2(logged: Logged) -> Json:
    # Encoded twice: the text of the envelope's signature is taken for bytes.
    signature = {"publicKey": b64(logged.pem), "sig": b64(b64(logged.signature).encode())}
    envelope = {"payloadType": logged.payload_type, "signatures": [signature]}
    hashes = {"hash": _hash(logged.envelope), "payloadHash": _hash(logged.payload)}
    return {"content": {"envelope": envelope, **hashes}}


def _hashedrekord_2(logged: Logged) -> Json:
    key = "x509Certificate" if logged.certified else "publicKey"
    verifier = {"keyDetails": logged.details, key: {"rawBytes": b64(logged.verifier)}}
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(logged.message).digest())}
    return {"hashedRekordV002": {"data": digest, "signature": {"content": b64(logged.signature), "verifier": verifier}}}


def _hash(content: bytes) -> Json:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


_SPECS = {
    EntryKind.HASHEDREKORD: _hashedrekord,
    EntryKind.REKORD: _rekord,
    EntryKind.DSSE: _dsse,
    EntryKind.INTOTO_1: _intoto_1,
    EntryKind.INTOTO_2: _intoto_2,
    EntryKind.HASHEDREKORD_2: _hashedrekord_2,
}
