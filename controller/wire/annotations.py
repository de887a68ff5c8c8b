"""What cosign writes beside a signature into the annotations of a `.sig` or `.att` layer (cosign, SIGNATURE_SPEC.md).

The specification's prose calls them `dev.cosignproject.cosign/...`; what cosign writes and reads is
`dev.sigstore.cosign/...`, but for the signature itself.
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.wire.encoding import parse_base64
from controller.wire.material import MAX_CERTIFICATES, Material
from controller.wire.rekor import LogEntry
from controller.wire.strictjson import parse_strict

SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
BUNDLE = "dev.sigstore.cosign/bundle"
TIMESTAMP = "dev.sigstore.cosign/rfc3161timestamp"

MAX_PEM_CHARACTERS = 262_144

_COSIGNS = frozenset({SIGNATURE, CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP})

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII)

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Payload(msgspec.Struct, frozen=True):
    body: str
    integrated_time: _Number = msgspec.field(name="integratedTime")
    log_index: _Number = msgspec.field(name="logIndex")
    log_id: str = msgspec.field(name="logID")


class _Bundle(msgspec.Struct, frozen=True, rename="pascal"):
    signed_entry_timestamp: str
    payload: _Payload


class _Timestamp(msgspec.Struct, frozen=True):
    token: str = msgspec.field(name="SignedRFC3161Timestamp")


def parse_annotations(annotations: Mapping[str, str]) -> Material:
    """Read what stands beside a signature; an empty annotation is as good as none. Nothing is verified.

    There is never an inclusion proof, at most one log entry and at most one timestamp. The chain may end in a root,
    anybody's: it is no more than intermediates. Raises MalformedAttestation.
    """
    certificates = _certificates(annotations.get(CERTIFICATE, ""), what="the certificate annotation")
    if len(certificates) > 1:
        raise MalformedAttestation("the certificate annotation holds more than one certificate")
    bundle, timestamp = annotations.get(BUNDLE, ""), annotations.get(TIMESTAMP, "")
    return Material(
        certificate=certificates[0] if certificates else None,
        intermediates=_certificates(annotations.get(CHAIN, ""), what="the chain annotation"),
        entries=(_entry(bundle),) if bundle else (),
        timestamps=(_timestamp(timestamp),) if timestamp else (),
        annotated=True,
    )


def is_by_cosign(annotations: Mapping[str, str]) -> bool:
    """Whether a layer says that it is one of cosign's, which always have a signature annotation, if an empty one."""
    return not _COSIGNS.isdisjoint(annotations)


def parse_signature(annotations: Mapping[str, str]) -> bytes:
    """The signature that stands beside a payload. Raises MalformedAttestation when there is none."""
    signature = parse_base64(annotations.get(SIGNATURE, ""), what="the signature annotation")
    if not signature:
        raise MalformedAttestation("there is no signature beside the payload")
    return signature


def _certificates(text: str, *, what: str) -> tuple[bytes, ...]:
    """PEM blocks (RFC 7468, 5) with nothing but white space around them."""
    if len(text) > MAX_PEM_CHARACTERS:
        raise MalformedAttestation(f"{what} is longer than {MAX_PEM_CHARACTERS} characters")
    blocks = _BLOCK.findall(text)
    if _BLOCK.sub("", text).strip():
        raise MalformedAttestation(f"{what} holds something else than certificates in PEM")
    if len(blocks) > MAX_CERTIFICATES:
        raise MalformedAttestation(f"{what} holds more than {MAX_CERTIFICATES} certificates")
    return tuple(parse_base64("".join(block.split()), what=what) for block in blocks)


def _entry(text: str) -> LogEntry:
    bundle = parse_strict(text.encode("utf-8", "surrogatepass"), _Bundle, what="the bundle annotation")
    payload = bundle.payload
    timestamp = parse_base64(bundle.signed_entry_timestamp, what="the signed entry timestamp")
    return LogEntry(
        log_index=payload.log_index,
        log_id=_hexadecimal(payload.log_id),
        kind=None,
        version=None,
        integrated_time=payload.integrated_time or None,
        body=parse_base64(payload.body, what="the body of the log entry"),
        signed_entry_timestamp=timestamp or None,
        inclusion=None,
    )


def _hexadecimal(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise MalformedAttestation("the log id is not hexadecimal") from None


def _timestamp(text: str) -> bytes:
    timestamp = parse_strict(text.encode("utf-8", "surrogatepass"), _Timestamp, what="the timestamp annotation")
    return parse_base64(timestamp.token, what="the timestamp annotation")
