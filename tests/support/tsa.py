"""A timestamp authority: RFC 3161 responses in CMS (RFC 5652), assembled by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime

from cryptography import x509

from tests.support.certificates import (
    CERTIFICATE_SIGN,
    DIGITAL_SIGNATURE,
    TIME_STAMPING,
    Span,
    algorithm,
    authority_key,
    basic_constraints,
    certificate,
    extended_key_usage,
    key_usage,
    name,
    subject_key,
)
from tests.support.der import explicit, generalized_time, integer, octets, oid, sequence, set_of, utc_time
from tests.support.signing import KeyKind, KeyPair

SIGNED_DATA = "1.2.840.113549.1.7.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME = (f"1.2.840.113549.1.9.{number}" for number in (3, 4, 5))
SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"
POLICY = "1.3.6.1.4.1.57264.2"
HASHES = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a timestamp says, and how it is signed. None: as it should be."""

    at: datetime
    imprint: str = "sha256"
    status: int = 0
    attributes: bool = True
    content_type: str = TST_INFO
    digest: bytes | None = None
    named_certificate: bytes | None = None
    certificates: tuple[bytes, ...] | None = None
    serial: int = 7
    signed_by: KeyPair | None = None
    sealed: Stamp | None = field(default=None, compare=False)


class TimestampAuthority:
    """A self-signed root and a leaf that stamps; keys of `kind`."""

    def __init__(
        self,
        name_: str,
        span: Span,
        *,
        kind: KeyKind = KeyKind.P384,
        purpose: str = TIME_STAMPING,
        critical: bool = True,
        leaf_span: Span | None = None,
    ) -> None:
        root_key = KeyPair(f"tsa root {name_}", kind)
        self.key = KeyPair(f"tsa {name_}", kind)
        self._root_name = name(f"{name_} root")
        self.root = certificate(
            issuer=self._root_name,
            subject=self._root_name,
            spki=root_key.spki,
            span=span,
            key=root_key,
            extensions=[
                key_usage(CERTIFICATE_SIGN),
                basic_constraints(ca=True, path_length=0),
                subject_key(root_key.spki),
            ],
        )
        self.leaf = certificate(
            issuer=self._root_name,
            subject=name(name_),
            spki=self.key.spki,
            span=leaf_span or span,
            key=root_key,
            extensions=[
                key_usage(DIGITAL_SIGNATURE),
                subject_key(self.key.spki),
                authority_key(root_key.spki),
                extended_key_usage(purpose, critical=critical),
            ],
        )

    def stamp(self, message: bytes, stamp: Stamp) -> bytes:
        """A TimeStampResp over `message`."""
        status = sequence(sequence(integer(stamp.status)), self.token(message, stamp))
        return status if stamp.status in {0, 1} else sequence(sequence(integer(stamp.status)))

    def token(self, message: bytes, stamp: Stamp) -> bytes:
        """A TimeStampToken: SignedData over a TSTInfo. With `sealed`, signed as that one and saying this one."""
        content = _tst_info(message, stamp)
        signed = _tst_info(message, stamp.sealed) if stamp.sealed else content
        hash_name = self.key.digest.name
        attributes = self._attributes(signed, stamp) if stamp.attributes else []
        key = stamp.signed_by or self.key
        # Signed as a SET (RFC 5652, 5.4), written as [0].
        signature = key.sign(set_of(*attributes) if attributes else signed)
        signer = sequence(
            integer(1),
            sequence(self._root_name, integer(_serial(self.leaf))),
            sequence(oid(HASHES[hash_name])),
            *([explicit(0, *sorted(attributes))] if attributes else []),
            algorithm(self.key),
            octets(signature),
        )
        certificates = (self.leaf,) if stamp.certificates is None else stamp.certificates
        signed_data = sequence(
            integer(3),
            set_of(sequence(oid(HASHES[hash_name]))),
            sequence(oid(TST_INFO), explicit(0, octets(content))),
            *([explicit(0, *certificates)] if certificates else []),
            set_of(signer),
        )
        return sequence(oid(SIGNED_DATA), explicit(0, signed_data))

    def _attributes(self, signed: bytes, stamp: Stamp) -> list[bytes]:
        digest = stamp.digest or hashlib.new(self.key.digest.name, signed).digest()
        named = hashlib.sha256(stamp.named_certificate or self.leaf).digest()
        return [
            _attribute(CONTENT_TYPE, oid(stamp.content_type)),
            _attribute(MESSAGE_DIGEST, octets(digest)),
            _attribute(SIGNING_TIME, utc_time(stamp.at)),
            # SHA-256 is the default of ESSCertIDv2's hash algorithm (RFC 5035) and so is left out.
            _attribute(SIGNING_CERTIFICATE_V2, sequence(sequence(sequence(octets(named))))),
        ]


def retold(stamp: Stamp, at: datetime) -> Stamp:
    """Says another time than the one that is signed."""
    return replace(stamp, at=at, sealed=stamp)


def _tst_info(message: bytes, stamp: Stamp) -> bytes:
    imprint = sequence(
        sequence(oid(HASHES[stamp.imprint])),
        octets(hashlib.new(stamp.imprint, message).digest()),
    )
    return sequence(
        integer(1), oid(POLICY), imprint, integer(stamp.serial), generalized_time(stamp.at), sequence(integer(1))
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return sequence(oid(kind), set_of(value))


def _serial(leaf: bytes) -> int:
    return x509.load_der_x509_certificate(leaf).serial_number
