"""A certificate authority as Fulcio is one, and the certificate transparency log that it submits to (RFC 6962)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.support.certificates import (
    CERTIFICATE_SIGN,
    CODE_SIGNING,
    CRL_SIGN,
    DIGITAL_SIGNATURE,
    Span,
    algorithm,
    alternative_names,
    authority_key,
    basic_constraints,
    certificate,
    extended_key_usage,
    extension,
    fulcio,
    key_usage,
    name,
    subject_key,
    to_be_signed,
    uri,
)
from tests.support.der import bits, octets, sequence
from tests.support.signing import KeyKind, KeyPair

ISSUER = "https://token.actions.githubusercontent.com"
IDENTITY = "https://github.com/acme/ci/.github/workflows/image.yml@refs/tags/v1.0.0"
COMMIT = "5f" * 20

OLD_EXTENSIONS: Mapping[int, str] = {
    1: ISSUER,
    2: "push",
    3: COMMIT,
    4: "release",
    5: "acme/shop",
    6: "refs/tags/v1.2.3",
}
NEW_EXTENSIONS: Mapping[int, str] = {
    8: ISSUER,
    9: IDENTITY,
    10: "77" * 20,
    11: "github-hosted",
    12: "https://github.com/acme/shop",
    13: COMMIT,
    14: "refs/tags/v1.2.3",
    15: "1001",
    16: "https://github.com/acme",
    17: "2002",
    18: "https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.2.3",
    19: COMMIT,
    20: "push",
    21: "https://github.com/acme/shop/actions/runs/42/attempts/1",
    22: "public",
    23: "production",
    24: "repo:acme/shop:ref:refs/tags/v1.2.3",
}


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """What a leaf certificate says; `usages`, `purposes`, `names` None: without that extension. `extra`: more, raw."""

    span: Span
    names: tuple[bytes, ...] | None = (uri(IDENTITY),)
    fulcio: Mapping[int, str | bytes] = field(default_factory=lambda: {**OLD_EXTENSIONS, **NEW_EXTENSIONS})
    usages: tuple[int, ...] | None = (DIGITAL_SIGNATURE,)
    purposes: tuple[str, ...] | None = (CODE_SIGNING,)
    ca: bool = False
    serial: int | None = None
    extra: tuple[bytes, ...] = ()

    def extensions(self, spki: bytes, issuer_spki: bytes) -> list[bytes]:
        return [
            *([] if self.usages is None else [key_usage(*self.usages)]),
            *([] if self.purposes is None else [extended_key_usage(*self.purposes)]),
            *([basic_constraints(ca=True)] if self.ca else []),
            subject_key(spki),
            authority_key(issuer_spki),
            *([] if self.names is None else [alternative_names(*self.names)]),
            *(fulcio(number, value) for number, value in self.fulcio.items()),
            *self.extra,
        ]


class CTLog:
    """A certificate transparency log."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.key = KeyPair(f"ct log {name}")

    def timestamp(
        self, tbs: bytes, issuer_spki: bytes, at: datetime, *, stated: bytes = b"", hashed: bytes | None = None
    ) -> bytes:
        """An SCT (3.2) over a precertificate; `stated` are its extensions, `hashed` what is signed in their place."""
        milliseconds = int(at.timestamp() * 1000)
        extensions = stated if hashed is None else hashed
        signed = (
            struct.pack(">BBQH", 0, 0, milliseconds, 1)
            + hashlib.sha256(issuer_spki).digest()
            + len(tbs).to_bytes(3, "big")
            + tbs
            + _vector(extensions)
        )
        head = b"\x00" + self.key.id + struct.pack(">Q", milliseconds) + _vector(stated)
        return head + b"\x04\x03" + _vector(self.key.sign(signed))


@dataclass(frozen=True, kw_only=True)
class Submission:
    """How a certificate comes by its SCT. `None` in place of an issuer's key or a certificate means the real one."""

    log: CTLog
    stated: bytes = b""
    hashed: bytes | None = None
    issuer_spki: bytes | None = None
    tbs: bytes | None = None


class Authority:
    """A root and an intermediate, ECDSA P-384, that issue leaf certificates."""

    def __init__(self, name_: str, span: Span, *, seed: str = "") -> None:
        """Another `seed` gives the same names other keys."""
        self._root_key = KeyPair(f"root {name_}{seed}", KeyKind.P384)
        self.key = KeyPair(f"intermediate {name_}{seed}", KeyKind.P384)
        self.root_name, self.name = name(f"{name_} root"), name(f"{name_} intermediate")
        signing = key_usage(CERTIFICATE_SIGN, CRL_SIGN)
        self.root = certificate(
            issuer=self.root_name,
            subject=self.root_name,
            spki=self._root_key.spki,
            span=span,
            key=self._root_key,
            extensions=[signing, basic_constraints(ca=True, path_length=1), subject_key(self._root_key.spki)],
        )
        self.intermediate = self.certify(span)

    @property
    def root_spki(self) -> bytes:
        return self._root_key.spki

    def certify(self, span: Span) -> bytes:
        """The intermediate's certificate, for another span of time perhaps."""
        extensions = [
            key_usage(CERTIFICATE_SIGN, CRL_SIGN),
            extended_key_usage(CODE_SIGNING),
            basic_constraints(ca=True, path_length=0),
            subject_key(self.key.spki),
            authority_key(self._root_key.spki),
        ]
        return certificate(
            issuer=self.root_name,
            subject=self.name,
            spki=self.key.spki,
            span=span,
            extensions=extensions,
            key=self._root_key,
        )

    def issue(self, leaf: Leaf, spki: bytes, submissions: tuple[Submission, ...]) -> bytes:
        """A leaf certificate with an embedded SCT from each submission; without any, without that extension."""
        extensions = leaf.extensions(spki, self.key.spki)
        tbs = self._tbs(leaf, spki, extensions)
        if submissions:
            stamps = [
                entry.log.timestamp(
                    entry.tbs or tbs,
                    entry.issuer_spki or self.key.spki,
                    leaf.span.start,
                    stated=entry.stated,
                    hashed=entry.hashed,
                )
                for entry in submissions
            ]
            listed = _vector(b"".join(_vector(stamp) for stamp in stamps))
            tbs = self._tbs(leaf, spki, [*extensions, extension("1.3.6.1.4.1.11129.2.4.2", octets(listed))])
        return sequence(tbs, algorithm(self.key), bits(self.key.sign(tbs)))

    def _tbs(self, leaf: Leaf, spki: bytes, extensions: list[bytes]) -> bytes:
        return to_be_signed(
            issuer=self.name,
            subject=name(""),
            spki=spki,
            span=leaf.span,
            extensions=extensions,
            key=self.key,
            serial=leaf.serial,
        )


def _vector(content: bytes) -> bytes:
    """A TLS vector with a length of two bytes."""
    return struct.pack(">H", len(content)) + content
