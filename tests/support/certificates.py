"""Certificates (RFC 5280) assembled field by field: what they say, well or badly, is up to the caller."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tests.support.der import (
    bits,
    boolean,
    element,
    explicit,
    integer,
    octets,
    oid,
    sequence,
    set_of,
    utc_time,
    utf8,
)
from tests.support.signing import KeyKind, KeyPair

CODE_SIGNING = "1.3.6.1.5.5.7.3.3"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
FULCIO = "1.3.6.1.4.1.57264.1"
DIGITAL_SIGNATURE, CERTIFICATE_SIGN, CRL_SIGN = 0, 5, 6
ALGORITHMS = {
    KeyKind.P256: "1.2.840.10045.4.3.2",
    KeyKind.P384: "1.2.840.10045.4.3.3",
    KeyKind.P521: "1.2.840.10045.4.3.4",
}
FIRST_GENERATION = range(1, 7)


@dataclass(frozen=True, kw_only=True)
class Span:
    """A closed window of time."""

    start: datetime
    end: datetime


def certificate(
    *,
    issuer: bytes,
    subject: bytes,
    spki: bytes,
    span: Span,
    extensions: Sequence[bytes],
    key: KeyPair,
) -> bytes:
    """A certificate signed by `key`."""
    tbs = to_be_signed(issuer=issuer, subject=subject, spki=spki, span=span, extensions=extensions, key=key)
    return sequence(tbs, algorithm(key), bits(key.sign(tbs)))


def to_be_signed(
    *,
    issuer: bytes,
    subject: bytes,
    spki: bytes,
    span: Span,
    extensions: Sequence[bytes],
    key: KeyPair,
    serial: int | None = None,
) -> bytes:
    """The TBSCertificate; without `serial` its serial number follows from its other content."""
    validity = sequence(utc_time(span.start), utc_time(span.end))
    rest = b"".join([algorithm(key), issuer, validity, subject, spki])
    number = int.from_bytes(hashlib.sha256(rest).digest()[:16], "big") | 1 if serial is None else serial
    return sequence(explicit(0, integer(2)), integer(number), rest, explicit(3, sequence(*extensions)))


def algorithm(key: KeyPair) -> bytes:
    return sequence(oid(ALGORITHMS[key.kind]))


def name(common_name: str) -> bytes:
    """A distinguished name of organization and common name; an empty text gives the empty name."""
    if not common_name:
        return sequence()
    attributes = (("2.5.4.10", "acme.example"), ("2.5.4.3", common_name))
    return sequence(*(set_of(sequence(oid(kind), utf8(text))) for kind, text in attributes))


def extension(dotted: str, content: bytes, *, critical: bool = False) -> bytes:
    return sequence(oid(dotted), *([boolean(value=True)] if critical else []), octets(content))


def basic_constraints(*, ca: bool, path_length: int | None = None) -> bytes:
    path = [] if path_length is None else [integer(path_length)]
    return extension("2.5.29.19", sequence(*([boolean(value=True)] if ca else []), *path), critical=True)


def key_usage(*usages: int) -> bytes:
    value = sum(0x80 >> usage for usage in usages)
    unused = 7 - max(usages)
    return extension("2.5.29.15", bits(bytes([value]), unused), critical=True)


def extended_key_usage(*usages: str, critical: bool = False) -> bytes:
    return extension("2.5.29.37", sequence(*(oid(usage) for usage in usages)), critical=critical)


def subject_key(key: bytes) -> bytes:
    return extension("2.5.29.14", octets(hashlib.sha256(key).digest()[:20]))


def authority_key(key: bytes) -> bytes:
    return extension("2.5.29.35", sequence(element(0x80, hashlib.sha256(key).digest()[:20])))


def alternative_names(*names: bytes) -> bytes:
    """Critical, as it must be beside an empty subject."""
    return extension("2.5.29.17", sequence(*names), critical=True)


def uri(text: str) -> bytes:
    return element(0x86, text.encode())


def email(text: str) -> bytes:
    return element(0x81, text.encode())


def other_name(text: str) -> bytes:
    """Fulcio's own kind of name."""
    return explicit(0, oid(f"{FULCIO}.7"), explicit(0, utf8(text)))


def fulcio(number: int, value: str | bytes) -> bytes:
    """Extension 1.3.6.1.4.1.57264.1.N: raw text up to 6, DER UTF8String from 8; bytes stand for themselves."""
    if isinstance(value, str):
        value = value.encode() if number in FIRST_GENERATION else utf8(value)
    return extension(f"{FULCIO}.{number}", value)
