"""Evidence as decision cases write it down: what is said about which digest, who signs it and how, what is broken.

An entry is one statement: `provenance`, `summary`, `source_summary`, `sbom`, `attestation`, `signature` or
`simple_signing`, with what makes it differ from the usual one. `by` names a key, or says what the certificate of a
private Sigstore carries; `form` is one of `forms.FORMS`.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.core.image import Digest
from controller.wire.candidate import Candidate, Container
from tests.support.authority import COMMIT, IDENTITY, NEW_EXTENSIONS, OLD_EXTENSIONS
from tests.support.bundles import Order, make, order
from tests.support.certificates import email, other_name, uri
from tests.support.forms import FORMS
from tests.support.foundry import (
    BUNDLE_V03,
    ENVELOPE_TYPE,
    SIMPLE_SIGNING_TYPE,
    Foundry,
    Layer,
    SigningKey,
    another_digest,
    encode,
    provenance_predicate,
    statement,
)
from tests.support.instance import acme, stranger
from tests.support.layouts import image
from tests.support.signing import KeyPair
from tests.support.tsa import Stamp

Json = dict[str, Any]

IMAGE = image("the image")
DIGEST = Digest.of(IMAGE)
KEYS = {name: SigningKey() for name in ("builder", "release", "security", "stranger")}
STAMPING = KeyPair("stamped")  # its evidence can carry log entries and timestamps
PLACEHOLDERS = {name: key.pem for name, key in KEYS.items()} | {
    "stamped": STAMPING.pem.decode(),
    "digest": str(DIGEST),
    "base": Digest.of(b"base").hex,
    "trusted_root": json.dumps(acme().trusted_root()),
    "strange_root": json.dumps(stranger().trusted_root()),
}
SUMMARY = "https://slsa.dev/verification_summary/v1"
SBOMS: Mapping[str, tuple[str, Json]] = {
    "SPDX": ("https://spdx.dev/Document", {"spdxVersion": "SPDX-2.3"}),
    "CycloneDX": ("https://cyclonedx.org/bom", {"bomFormat": "CycloneDX", "specVersion": "1.6"}),
}
USUAL_SIGNERS = {"provenance": "builder"}
NAMES = {"URI": uri, "Email": email, "OtherName": other_name}


def candidate(entry: Json, subject: Digest) -> Candidate:
    """One candidate about this digest, or about what `about` says."""
    if entry.get("about") == "another":
        subject = another_digest(subject)
    foundry, signer = Foundry(), _signer(entry)
    if "simple_signing" in entry:
        payload = foundry.simple_signing(subject, **entry["simple_signing"])
        return foundry.signature_layer(payload, KEYS[signer]).candidate()
    payload = _payload(foundry, entry, subject)
    if isinstance(signer, str) and signer in KEYS:
        return _broken(foundry, payload, KEYS[signer], entry.get("break"))
    return make(_ordered(entry, payload, signer)).candidate()


def layer(entry: Json, subject: Digest) -> Layer:
    """The same as a registry stores it."""
    found = candidate(filled(entry), subject)
    types = {Container.ENVELOPE: ENVELOPE_TYPE, Container.SIMPLE_SIGNING: SIMPLE_SIGNING_TYPE}
    media_type = types.get(found.container, BUNDLE_V03)
    return Layer(media_type=media_type, content=found.content, annotations=found.annotations)


def merged(target: Json, patch: Mapping[str, Any]) -> Json:
    """JSON merge patch (RFC 7396)."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(result.get(key, {}), value)
        else:
            result[key] = value
    return result


def filled(value: Any) -> Any:
    """With every {{placeholder}} replaced."""
    if isinstance(value, str):
        for name, text in PLACEHOLDERS.items():
            value = value.replace("{{" + name + "}}", text)
        return value
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    return [filled(one) for one in value] if isinstance(value, list) else value


def _signer(entry: Json) -> Any:
    usual = next((name for kind, name in USUAL_SIGNERS.items() if kind in entry), "release")
    return entry.get("by", usual)


def _payload(foundry: Foundry, entry: Json, subject: Digest) -> bytes:
    if "signature" in entry:
        return foundry.image_signature(subject)
    predicate_type, predicate, about = _said(entry, subject)
    return encode(statement(about, predicate_type=entry.get("predicate_type", predicate_type), predicate=predicate))


def _said(entry: Json, subject: Digest) -> tuple[str, Json, object]:
    """Predicate type, predicate, and what it is about."""
    changes = entry.get("predicate", {})
    if "provenance" in entry:
        usual = {} if isinstance(_signer(entry), str) else {"builder_id": _signer(entry).get("subject", IDENTITY)}
        written = provenance_predicate(**(usual | entry["provenance"]))
        return "https://slsa.dev/provenance/v1", merged(written, changes), subject
    if "summary" in entry:
        return SUMMARY, merged(_summary("ghcr.io/acme/shop", "SLSA_BUILD_LEVEL_3"), entry["summary"]), subject
    if "source_summary" in entry:
        usual = _summary("https://github.com/acme/shop", "SLSA_SOURCE_LEVEL_3")
        return SUMMARY, merged(usual, entry["source_summary"]), {"digest": {"gitCommit": COMMIT}}
    if "sbom" in entry:
        return *SBOMS[entry["sbom"]], subject
    return entry["attestation"], changes, subject


def _summary(resource: str, level: str) -> Json:
    return {
        "verifier": {"id": "https://verifier.acme.example"},
        "timeVerified": "2026-05-01T00:00:00Z",
        "resourceUri": resource,
        "policy": {"uri": "https://policies.acme.example/1", "digest": {"sha256": "aa" * 32}},
        "verificationResult": "PASSED",
        "verifiedLevels": [level],
    }


def _ordered(entry: Json, payload: bytes, signer: Json | str) -> Order:
    """By a certificate of the private Sigstore, or by the key whose evidence it logs or stamps."""
    if isinstance(signer, str):
        made = order(FORMS[entry.get("form", "key v0.3 stamped")], payload)
        made.key = STAMPING
    else:
        made = order(FORMS[entry.get("form", "v0.3 dsse stamped")], payload)
        made.leaf = replace(made.leaf, names=(_name(signer),), fulcio=_extensions(signer))
        made.submissions = made.submissions if entry.get("sct", True) else ()
    if "signed_at" in entry:
        made.stamps = [(made.instance.timestamps, Stamp(at=datetime.fromisoformat(entry["signed_at"])))]
    return made


def _name(signer: Json) -> bytes:
    return NAMES[signer.get("subject_type", "URI")](signer.get("subject", IDENTITY))


def _extensions(signer: Json) -> dict[int, str | bytes]:
    """Those of a job that runs the usual workflow, with `extensions` changed by their number; null: not there."""
    issuer = dict.fromkeys((1, 8), signer["issuer"]) if "issuer" in signer else {}
    usual = {**OLD_EXTENSIONS, **NEW_EXTENSIONS, 9: signer.get("subject", IDENTITY), **issuer}
    changed = copy.copy(signer.get("extensions", {}))
    return {number: text for number, text in (usual | changed).items() if text is not None}


def _broken(foundry: Foundry, payload: bytes, key: SigningKey, defect: str | None) -> Candidate:
    layer = foundry.bundle_layer(payload, key)
    if defect == "payload":
        document = foundry.envelope_document(payload, keys=(key,))
        document["payload"] = foundry.envelope_document(payload.replace(b"acme", b"evil"))["payload"]
        content = encode(foundry.bundle_document(document))
    elif defect == "json":
        content = layer.content[:-1]
    else:
        return layer.candidate()
    return Candidate(container=layer.candidate().container, content=content, digest=Digest.of(content))
