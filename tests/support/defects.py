"""Provenance that is good but for exactly one defect, by name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from controller.core.image import Digest
from tests.support.foundry import (
    BUNDLE_V03,
    Foundry,
    Layer,
    another_digest,
    b64,
    encode,
)

Forge = Callable[[Foundry, Digest], bytes]


class Defect(Enum):
    """What is wrong. Where it lies in what is signed, the signature is a good one over the defect."""

    UNKNOWN_KEY = auto()
    BYTE_FLIPPED = auto()
    PAYLOAD_SWAPPED = auto()
    PAYLOAD_TYPE_CHANGED = auto()
    PAYLOAD_TYPE_PLAIN_JSON = auto()
    SIGNATURE_EMPTY = auto()
    SIGNATURES_EMPTY = auto()
    SIGNATURE_TWICE = auto()
    SIGNATURE_RAW = auto()
    SIGNATURE_TRAILING_BYTE = auto()
    SIGNATURE_LONG_LENGTH = auto()
    SIGNATURE_PADDED_INTEGER = auto()
    SIGNATURE_ZERO = auto()
    SIGNATURE_NEGATIVE = auto()
    SIGNATURE_OVER_PAYLOAD_ONLY = auto()
    SIGNATURE_FOREIGN_BASE64 = auto()
    SUBJECT_ANOTHER = auto()
    SUBJECT_UPPER_CASE = auto()
    SUBJECT_UNDER_SHA512 = auto()
    SUBJECT_UNDER_SHA1 = auto()
    SUBJECT_WEAK_DIGESTS_ONLY = auto()
    SUBJECT_IN_ANNOTATIONS_ONLY = auto()
    SUBJECT_MISSING = auto()
    SUBJECT_NULL = auto()
    SUBJECT_EMPTY = auto()
    SUBJECT_NOT_A_LIST = auto()
    SUBJECTS_TOO_MANY = auto()
    DIGESTS_TOO_MANY = auto()
    STATEMENT_TYPE_UNKNOWN = auto()
    STATEMENT_DUPLICATE_KEY = auto()
    PREDICATE_TYPE_KEY_LOWER_CASE = auto()
    PREDICATE_NULL = auto()
    PREDICATE_STRING = auto()
    PREDICATE_LIST = auto()
    PREDICATE_MISSING = auto()
    PREDICATE_OF_V02 = auto()
    BUILDER_ID_MISSING = auto()
    BUILDER_ID_EMPTY = auto()
    BUILD_TYPE_MISSING = auto()
    BUILD_TYPE_EMPTY = auto()
    BUNDLE_DUPLICATE_KEY = auto()
    BUNDLE_VERSION_UNKNOWN = auto()
    BUNDLE_BOTH_CONTENTS = auto()
    BUNDLE_NO_CONTENT = auto()
    BUNDLE_NO_MATERIAL = auto()
    BUNDLE_KEY_AS_CERTIFICATE = auto()
    BUNDLE_LOG_ENTRIES_TOO_MANY = auto()
    BUNDLE_TIMESTAMPS_TOO_MANY = auto()
    BUNDLE_CERTIFICATES_TOO_MANY = auto()
    BUNDLE_TRAILING_BYTES = auto()


def forge(foundry: Foundry, defect: Defect, subject: Digest) -> Layer:
    """Provenance about `subject` in a v0.3 bundle, with this one defect."""
    return Layer(media_type=BUNDLE_V03, content=_FORGES[defect](foundry, subject))


def forge_signature(defect: Defect, signature: bytes) -> bytes:
    """A DER signature rewritten into another spelling of itself, or into none."""
    return _SPELLINGS[defect](signature)


def _signed(change: Callable[[dict[str, Any], Digest], None]) -> Forge:
    """The statement is changed, then signed."""

    def forged(foundry: Foundry, subject: Digest) -> bytes:
        document = json.loads(foundry.provenance(subject))
        change(document, subject)
        return foundry.bundle(encode(document))

    return forged


def _rewritten(change: Callable[[dict[str, Any], Foundry], None]) -> Forge:
    """The statement is signed, then the bundle is changed."""

    def forged(foundry: Foundry, subject: Digest) -> bytes:
        document = json.loads(foundry.bundle(foundry.provenance(subject)))
        change(document, foundry)
        return encode(document)

    return forged


def _assigning(value: object, *path: str | int) -> Callable[[dict[str, Any], object], None]:
    """Put `value` where the path leads to."""

    def change(document: Any, _: object) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


def _without(*path: str) -> Callable[[dict[str, Any], object], None]:
    def change(document: Any, _: object) -> None:
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return change


def _digests(digests: Callable[[Digest], object]) -> Forge:
    def change(document: dict[str, Any], subject: Digest) -> None:
        document["subject"][0]["digest"] = digests(subject)

    return _signed(change)


def _flip_byte(document: dict[str, Any], _: Foundry) -> None:
    payload = bytearray(base64.b64decode(document["dsseEnvelope"]["payload"]))
    payload[payload.index(b"acme")] ^= 0x01
    document["dsseEnvelope"]["payload"] = b64(bytes(payload))


def _swap_payload(document: dict[str, Any], _: Foundry) -> None:
    payload = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    payload["predicate"]["runDetails"]["builder"]["id"] = "https://ci.evil.example/builder"
    document["dsseEnvelope"]["payload"] = b64(encode(payload))


def _sign_twice(document: dict[str, Any], _: Foundry) -> None:
    document["dsseEnvelope"]["signatures"] *= 2


def _sign_payload_only(document: dict[str, Any], foundry: Foundry) -> None:
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["signatures"][0]["sig"] = b64(foundry.key.sign(payload))


def _spoil_base64(document: dict[str, Any], _: Foundry) -> None:
    signature = document["dsseEnvelope"]["signatures"][0]
    signature["sig"] = f"{signature['sig'][:4]}\n{signature['sig'][4:]}"


def _respell(defect: Defect) -> Forge:
    def change(document: dict[str, Any], _: Foundry) -> None:
        signature = document["dsseEnvelope"]["signatures"][0]
        signature["sig"] = b64(forge_signature(defect, base64.b64decode(signature["sig"])))

    return _rewritten(change)


def _move_to_annotations(document: dict[str, Any], subject: Digest) -> None:
    entry = {"name": str(subject), "digest": {"sha256": another_digest(subject).hex}}
    document["subject"] = [{**entry, "annotations": {"sha256": subject.hex}}]
    document["predicate"]["runDetails"]["byproducts"] = [{"digest": {"sha256": subject.hex}}]


def _write_key_lower_case(document: dict[str, Any], _: Digest) -> None:
    document["predicatetype"] = document.pop("predicateType")


def _write_v02(document: dict[str, Any], _: Digest) -> None:
    document["predicate"] = {
        "builder": document["predicate"]["runDetails"]["builder"],
        "buildType": document["predicate"]["buildDefinition"]["buildType"],
        "invocation": {"configSource": {"uri": "git+https://github.com/acme/shop@refs/tags/v1.2.3"}},
    }


def _repeat_subject(foundry: Foundry, subject: Digest) -> bytes:
    payload = foundry.provenance(another_digest(subject)).removesuffix(b"}")
    return foundry.bundle(payload + b',"subject":' + encode([{"digest": {"sha256": subject.hex}}]) + b"}")


def _repeat_media_type(foundry: Foundry, subject: Digest) -> bytes:
    bundle = foundry.bundle(foundry.provenance(subject)).removesuffix(b"}")
    return bundle + b',"mediaType":' + encode(BUNDLE_V03) + b"}"


def _add_message_signature(document: dict[str, Any], _: Foundry) -> None:
    document["messageSignature"] = {"signature": document["dsseEnvelope"]["signatures"][0]["sig"]}


def _present_key_as_certificate(document: dict[str, Any], foundry: Foundry) -> None:
    body = "".join(foundry.key.pem.splitlines()[1:-1])
    document["verificationMaterial"] = {"certificate": {"rawBytes": body}}


def _integers(r: bytes, s: bytes) -> bytes:
    body = b"".join(b"\x02" + bytes([len(integer)]) + integer for integer in (r, s))
    return b"\x30" + bytes([len(body)]) + body


def _raw(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _padded(signature: bytes) -> bytes:
    r, s = decode_dss_signature(signature)
    return _integers(b"\x00\x00" + r.to_bytes(32, "big"), b"\x00" + s.to_bytes(32, "big"))


def _key_by_stranger(foundry: Foundry, subject: Digest) -> bytes:
    return foundry.bundle(foundry.provenance(subject), foundry.stranger)


_SPELLINGS: Mapping[Defect, Callable[[bytes], bytes]] = {
    Defect.SIGNATURE_EMPTY: lambda _: b"",
    Defect.SIGNATURE_RAW: _raw,
    Defect.SIGNATURE_TRAILING_BYTE: lambda signature: signature + b"\x00",
    Defect.SIGNATURE_LONG_LENGTH: lambda signature: b"\x30\x81" + signature[1:],
    Defect.SIGNATURE_PADDED_INTEGER: _padded,
    Defect.SIGNATURE_ZERO: lambda _: _integers(b"\x00", b"\x00"),
    Defect.SIGNATURE_NEGATIVE: lambda _: _integers(b"\xff", b"\xff"),
}

_ENVELOPE = "dsseEnvelope"
_MATERIAL = "verificationMaterial"

_FORGES: Mapping[Defect, Forge] = {
    **{defect: _respell(defect) for defect in _SPELLINGS},
    Defect.UNKNOWN_KEY: _key_by_stranger,
    Defect.BYTE_FLIPPED: _rewritten(_flip_byte),
    Defect.PAYLOAD_SWAPPED: _rewritten(_swap_payload),
    Defect.PAYLOAD_TYPE_CHANGED: _rewritten(
        _assigning("application/vnd.in-toto.provenance+json", _ENVELOPE, "payloadType")
    ),
    Defect.PAYLOAD_TYPE_PLAIN_JSON: lambda foundry, subject: foundry.bundle(
        foundry.provenance(subject), payload_type="application/json"
    ),
    Defect.SIGNATURES_EMPTY: _rewritten(_assigning([], _ENVELOPE, "signatures")),
    Defect.SIGNATURE_TWICE: _rewritten(_sign_twice),
    Defect.SIGNATURE_OVER_PAYLOAD_ONLY: _rewritten(_sign_payload_only),
    Defect.SIGNATURE_FOREIGN_BASE64: _rewritten(_spoil_base64),
    Defect.SUBJECT_ANOTHER: _digests(lambda subject: {"sha256": another_digest(subject).hex}),
    Defect.SUBJECT_UPPER_CASE: _digests(lambda subject: {"sha256": subject.hex.upper()}),
    Defect.SUBJECT_UNDER_SHA512: _digests(lambda subject: {"sha512": subject.hex}),
    Defect.SUBJECT_UNDER_SHA1: _digests(lambda subject: {"sha1": subject.hex}),
    Defect.SUBJECT_WEAK_DIGESTS_ONLY: _digests(lambda _: {"md5": "00" * 16, "sha1": "00" * 20}),
    Defect.SUBJECT_IN_ANNOTATIONS_ONLY: _signed(_move_to_annotations),
    Defect.SUBJECT_MISSING: _signed(_without("subject")),
    Defect.SUBJECT_NULL: _signed(_assigning(None, "subject")),
    Defect.SUBJECT_EMPTY: _signed(_assigning([], "subject")),
    Defect.SUBJECT_NOT_A_LIST: _signed(
        lambda document, subject: document.update(subject={"digest": {"sha256": subject.hex}})
    ),
    Defect.SUBJECTS_TOO_MANY: _signed(lambda document, _: document.update(subject=document["subject"] * 1025)),
    Defect.DIGESTS_TOO_MANY: _digests(
        lambda subject: {"sha256": subject.hex, **{f"own{number}": "00" for number in range(32)}}
    ),
    Defect.STATEMENT_TYPE_UNKNOWN: _signed(_assigning("https://in-toto.io/Statement/v2", "_type")),
    Defect.STATEMENT_DUPLICATE_KEY: _repeat_subject,
    Defect.PREDICATE_TYPE_KEY_LOWER_CASE: _signed(_write_key_lower_case),
    Defect.PREDICATE_NULL: _signed(_assigning(None, "predicate")),
    Defect.PREDICATE_STRING: _signed(_assigning("{}", "predicate")),
    Defect.PREDICATE_LIST: _signed(_assigning([], "predicate")),
    Defect.PREDICATE_MISSING: _signed(_without("predicate")),
    Defect.PREDICATE_OF_V02: _signed(_write_v02),
    Defect.BUILDER_ID_MISSING: _signed(_without("predicate", "runDetails", "builder", "id")),
    Defect.BUILDER_ID_EMPTY: _signed(_assigning("", "predicate", "runDetails", "builder", "id")),
    Defect.BUILD_TYPE_MISSING: _signed(_without("predicate", "buildDefinition", "buildType")),
    Defect.BUILD_TYPE_EMPTY: _signed(_assigning("", "predicate", "buildDefinition", "buildType")),
    Defect.BUNDLE_DUPLICATE_KEY: _repeat_media_type,
    Defect.BUNDLE_VERSION_UNKNOWN: _rewritten(_assigning("application/vnd.dev.sigstore.bundle.v0.4+json", "mediaType")),
    Defect.BUNDLE_BOTH_CONTENTS: _rewritten(_add_message_signature),
    Defect.BUNDLE_NO_CONTENT: _rewritten(_without(_ENVELOPE)),
    Defect.BUNDLE_NO_MATERIAL: _rewritten(_assigning({}, _MATERIAL)),
    Defect.BUNDLE_KEY_AS_CERTIFICATE: _rewritten(_present_key_as_certificate),
    Defect.BUNDLE_LOG_ENTRIES_TOO_MANY: _rewritten(_assigning([{}] * 33, _MATERIAL, "tlogEntries")),
    Defect.BUNDLE_TIMESTAMPS_TOO_MANY: _rewritten(
        _assigning({"rfc3161Timestamps": [{}] * 33}, _MATERIAL, "timestampVerificationData")
    ),
    Defect.BUNDLE_CERTIFICATES_TOO_MANY: _rewritten(
        _assigning({"x509CertificateChain": {"certificates": [{}] * 11}}, _MATERIAL)
    ),
    Defect.BUNDLE_TRAILING_BYTES: lambda foundry, subject: foundry.bundle(foundry.provenance(subject)) + b"{}",
}
