"""Bodies of log entries, as the logs write them: each kind in its own spelling."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def pem(label: str, der: bytes) -> str:
    """One block in base64, as every kind of Rekor v1 holds its verifiers."""
    body = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return b64(f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode())


def sha256(content: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(content).hexdigest()}


def hashedrekord_001(message: bytes, signature: bytes, verifier: str) -> dict[str, Any]:
    record = {"content": b64(signature), "publicKey": {"content": verifier}}
    return document("hashedrekord", "0.0.1", {"data": {"hash": sha256(message)}, "signature": record})


def rekord_001(message: bytes, signature: bytes, verifier: str, *, form: str = "x509") -> dict[str, Any]:
    record = {"content": b64(signature), "format": form, "publicKey": {"content": verifier}}
    return document("rekord", "0.0.1", {"data": {"hash": sha256(message)}, "signature": record})


def hashedrekord_002(message: bytes, signature: bytes, certificate: bytes | None, key: bytes | None) -> dict[str, Any]:
    verifier: dict[str, Any] = {"keyDetails": "PKIX_ECDSA_P256_SHA_256"}
    if certificate is not None:
        verifier["x509Certificate"] = {"rawBytes": b64(certificate)}
    if key is not None:
        verifier["publicKey"] = {"rawBytes": b64(key)}
    record = {
        "data": {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(message).digest())},
        "signature": {"content": b64(signature), "verifier": verifier},
    }
    return document("hashedrekord", "0.0.2", {"hashedRekordV002": record})


def dsse_001(payload: bytes, envelope: bytes, signature: bytes, verifier: str) -> dict[str, Any]:
    signatures = [{"signature": b64(signature), "verifier": verifier}]
    spec = {"envelopeHash": sha256(envelope), "payloadHash": sha256(payload), "signatures": signatures}
    return document("dsse", "0.0.1", spec)


def intoto_001(payload: bytes, envelope: bytes, verifier: str) -> dict[str, Any]:
    spec = {"content": {"hash": sha256(envelope), "payloadHash": sha256(payload)}, "publicKey": verifier}
    return document("intoto", "0.0.1", spec)


def intoto_002(payload: bytes, payload_type: str, signature: bytes, verifier: str) -> dict[str, Any]:
    """Its `hash` is over JSON that the log put together: any will do."""
    signatures = [{"sig": b64(b64(signature).encode()), "publicKey": verifier}]
    envelope = {"payloadType": payload_type, "signatures": signatures}
    content = {"envelope": envelope, "hash": sha256(b"unknown"), "payloadHash": sha256(payload)}
    return document("intoto", "0.0.2", {"content": content})


def document(kind: str, version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "spec": spec}


def encode(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
