"""What can be done to a genuine bundle, or to the trusted root that verifies it, one change at a time."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.foundry import Layer

# A change gets the bundle's JSON to edit, and another genuine bundle of the same kind to take parts from.
Change = Callable[[dict[str, Any], dict[str, Any]], None]


def changed(layer: Layer, donor: Layer, change: Change) -> Layer:
    """The same layer with the change made to its bundle."""
    document = json.loads(layer.content)
    change(document, json.loads(donor.content))
    return Layer(media_type=layer.media_type, content=json.dumps(document).encode(), annotations=layer.annotations)


def ended(trusted_root: bytes, part: str) -> bytes:
    """The trusted root with every window of one part closed as soon as it opened, so before anything was signed."""
    document = json.loads(trusted_root)
    for entry in document[part]:
        window = (entry.get("publicKey") or entry)["validFor"]
        window["end"] = window["start"]
    return json.dumps(document).encode()


def without(trusted_root: bytes, *parts: str) -> bytes:
    """The trusted root that has nothing in these parts."""
    return json.dumps(json.loads(trusted_root) | {part: [] for part in parts}).encode()


def with_parts_of(trusted_root: bytes, other: bytes, *parts: str) -> bytes:
    """The trusted root with these parts taken from another one."""
    donor = json.loads(other)
    return json.dumps(json.loads(trusted_root) | {part: donor[part] for part in parts}).encode()


def _material(document: dict[str, Any]) -> dict[str, Any]:
    material: dict[str, Any] = document["verificationMaterial"]
    return material


def _entry(document: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = _material(document)["tlogEntries"][0]
    return entry


def _flip(holder: dict[str, Any], name: str, *, at: int = -1) -> None:
    """Turns one bit of a base64 member."""
    content = bytearray(base64.b64decode(holder[name]))
    content[at] ^= 1
    holder[name] = base64.b64encode(content).decode()


def _flip_payload(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(document["dsseEnvelope"], "payload", at=-5)


def _flip_signature(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(document["dsseEnvelope"]["signatures"][0], "sig")


def _change_payload_type(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto.provenance+json"


def _take_envelope(document: dict[str, Any], donor: dict[str, Any]) -> None:
    document["dsseEnvelope"] = donor["dsseEnvelope"]


def _take_certificate(document: dict[str, Any], donor: dict[str, Any]) -> None:
    _material(document)["certificate"] = _material(donor)["certificate"]


def _flip_certificate(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(_material(document)["certificate"], "rawBytes")


def _take_entries(document: dict[str, Any], donor: dict[str, Any]) -> None:
    _material(document)["tlogEntries"] = _material(donor)["tlogEntries"]


def _drop_entries(document: dict[str, Any], _: dict[str, Any]) -> None:
    _material(document)["tlogEntries"] = []


def _repeat_entry(document: dict[str, Any], _: dict[str, Any]) -> None:
    _material(document)["tlogEntries"] *= 2


def _flip_body(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(_entry(document), "canonicalizedBody", at=20)


def _take_body(document: dict[str, Any], donor: dict[str, Any]) -> None:
    _entry(document)["canonicalizedBody"] = _entry(donor)["canonicalizedBody"]


def _flip_root_hash(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(_entry(document)["inclusionProof"], "rootHash")


def _drop_proof_hash(document: dict[str, Any], _: dict[str, Any]) -> None:
    _entry(document)["inclusionProof"]["hashes"].pop()


def _shift_index(document: dict[str, Any], _: dict[str, Any]) -> None:
    proof = _entry(document)["inclusionProof"]
    proof["logIndex"] = str(int(proof["logIndex"]) ^ 1)


def _drop_proof(document: dict[str, Any], _: dict[str, Any]) -> None:
    del _entry(document)["inclusionProof"]


def _drop_checkpoint(document: dict[str, Any], _: dict[str, Any]) -> None:
    del _entry(document)["inclusionProof"]["checkpoint"]


def _rename_checkpoint(document: dict[str, Any], _: dict[str, Any]) -> None:
    checkpoint = _entry(document)["inclusionProof"]["checkpoint"]
    checkpoint["envelope"] = "other." + checkpoint["envelope"]


def _unsign_checkpoint(document: dict[str, Any], _donor: dict[str, Any]) -> None:
    checkpoint = _entry(document)["inclusionProof"]["checkpoint"]
    text, _, _ = checkpoint["envelope"].partition("\n\n")
    checkpoint["envelope"] = f"{text}\n\n"


def _flip_checkpoint_signatures(document: dict[str, Any], _donor: dict[str, Any]) -> None:
    """Each signature of the note keeps its name and its key's hint (c2sp.org/signed-note)."""
    checkpoint = _entry(document)["inclusionProof"]["checkpoint"]
    text, _, lines = checkpoint["envelope"].partition("\n\n")
    signatures = [dict(zip(("dash", "name", "sig"), line.split(" "), strict=True)) for line in lines.splitlines()]
    for signature in signatures:
        _flip(signature, "sig")
    checkpoint["envelope"] = f"{text}\n\n" + "".join(" ".join(one.values()) + "\n" for one in signatures)


def _drop_timestamps(document: dict[str, Any], _: dict[str, Any]) -> None:
    _material(document)["timestampVerificationData"] = {"rfc3161Timestamps": []}


def _take_timestamps(document: dict[str, Any], donor: dict[str, Any]) -> None:
    _material(document)["timestampVerificationData"] = _material(donor)["timestampVerificationData"]


def _repeat_timestamp(document: dict[str, Any], _: dict[str, Any]) -> None:
    _material(document)["timestampVerificationData"]["rfc3161Timestamps"] *= 2


def _add_timestamp(document: dict[str, Any], donor: dict[str, Any]) -> None:
    tokens = _material(document)["timestampVerificationData"]["rfc3161Timestamps"]
    tokens += _material(donor)["timestampVerificationData"]["rfc3161Timestamps"]


def _flip_promise(document: dict[str, Any], _: dict[str, Any]) -> None:
    _flip(_entry(document)["inclusionPromise"], "signedEntryTimestamp")


def _drop_promise(document: dict[str, Any], _: dict[str, Any]) -> None:
    del _entry(document)["inclusionPromise"]


def _shift_integrated_time(document: dict[str, Any], _: dict[str, Any]) -> None:
    _entry(document)["integratedTime"] = str(int(_entry(document)["integratedTime"]) + 1)


def _repeat_signature(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["dsseEnvelope"]["signatures"] *= 2


def _add_unknown_member(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["laterAddition"] = {"of": "the format"}


def _unknown_version(document: dict[str, Any], _: dict[str, Any]) -> None:
    document["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json"


# For any bundle that a certificate signed and a log of either generation holds.
CHANGES: Mapping[str, Change] = {
    "payload changed": _flip_payload,
    "signature changed": _flip_signature,
    "payload type changed": _change_payload_type,
    "envelope of another": _take_envelope,
    "certificate of another": _take_certificate,
    "certificate changed": _flip_certificate,
    "entry of another": _take_entries,
    "no entry": _drop_entries,
    "entry twice": _repeat_entry,
    "entry body changed": _flip_body,
    "entry body of another": _take_body,
    "root hash changed": _flip_root_hash,
    "proof too short": _drop_proof_hash,
    "proof for another index": _shift_index,
    "no inclusion proof": _drop_proof,
    "no checkpoint": _drop_checkpoint,
    "checkpoint of another origin": _rename_checkpoint,
    "checkpoint unsigned": _unsign_checkpoint,
    "checkpoint signature changed": _flip_checkpoint_signatures,
    "signature twice": _repeat_signature,
    "unknown version": _unknown_version,
}
# For those that carry a timestamp and no other time.
TIMESTAMP_CHANGES: Mapping[str, Change] = {
    "no timestamp": _drop_timestamps,
    "timestamp of another": _take_timestamps,
    "timestamp twice": _repeat_timestamp,
}
# For those of Rekor v1.
PROMISE_CHANGES: Mapping[str, Change] = {
    "promise changed": _flip_promise,
    "no promise": _drop_promise,
    "integrated time changed": _shift_integrated_time,
}
# What leaves a genuine bundle genuine.
HARMLESS: Mapping[str, Change] = {
    "unknown member": _add_unknown_member,
    "another's timestamp besides": _add_timestamp,
}
