"""What a transparency log says it was shown: the bodies of its entries, each kind's own spelling in one form.

A body names a signature, who verifies it, and hashes of what it covers (sigstore/rekor, pkg/types; Rekor v2:
sigstore/rekor-tiles, api/proto). Nothing here is verified.
"""

import re
from collections.abc import Callable
from typing import Annotated

import msgspec

from controller.core.errors import MalformedAttestation
from controller.core.text import printable
from controller.wire.encoding import parse_base64
from controller.wire.strictjson import parse_part, parse_strict

MAX_SIGNATURES = 32  # as many as an envelope may have
_DIGEST_BYTES = {"sha256": 32, "sha384": 48, "sha512": 64}

_TILE_ALGORITHMS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}
_HEX = re.compile(r"[0-9a-f]+")
_CERTIFICATE = (b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----")  # RFC 7468, 5 and 13
_PUBLIC_KEY = (b"-----BEGIN PUBLIC KEY-----\n", b"-----END PUBLIC KEY-----")


class LoggedHash(msgspec.Struct, frozen=True, kw_only=True):
    """A hash in a body: `algorithm` is sha256, sha384 or sha512, and `value` is as long as its hashes are."""

    algorithm: str
    value: bytes


class LoggedVerifier(msgspec.Struct, frozen=True, kw_only=True):
    """Who verifies a logged signature: the DER of a certificate, or of a SubjectPublicKeyInfo."""

    is_certificate: bool
    der: bytes


class LoggedSignature(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier with its signature; `signature` is None in the one kind (intoto 0.0.1) that does not name it."""

    verifier: LoggedVerifier
    signature: bytes | None


class LogBody(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry of any known kind says.

    Either `message` is there, the hash of the bytes that the signature covers, or hashes of a DSSE envelope: of its
    `payload`, of its JSON as it was sent in (`envelope`), or both; `payload_type` where the kind names it.
    """

    kind: str
    version: str
    signatures: tuple[LoggedSignature, ...]
    message: LoggedHash | None = None
    payload: LoggedHash | None = None
    envelope: LoggedHash | None = None
    payload_type: str | None = None


class _Header(msgspec.Struct, frozen=True):
    version: str = msgspec.field(name="apiVersion")
    kind: str
    spec: msgspec.Raw


class _Hash(msgspec.Struct, frozen=True):
    algorithm: str
    value: str

    def read(self) -> LoggedHash:
        length = _DIGEST_BYTES.get(self.algorithm)
        if length is None or len(self.value) != 2 * length or not _HEX.fullmatch(self.value):
            raise MalformedAttestation("a hash in the log entry is not lower-case hex of a known algorithm")
        return LoggedHash(algorithm=self.algorithm, value=bytes.fromhex(self.value))


class _Content(msgspec.Struct, frozen=True):
    content: str


class _Record(msgspec.Struct, frozen=True):
    hash: _Hash


class _RecordSignature(msgspec.Struct, frozen=True):
    content: str
    public_key: _Content = msgspec.field(name="publicKey")


class _HashedRekord(msgspec.Struct, frozen=True):
    data: _Record
    signature: _RecordSignature


class _RekordSignature(_RecordSignature, frozen=True):
    format: str


class _Rekord(msgspec.Struct, frozen=True):
    data: _Record
    signature: _RekordSignature


class _RawBytes(msgspec.Struct, frozen=True):
    raw_bytes: str = msgspec.field(name="rawBytes")


class _TileVerifier(msgspec.Struct, frozen=True):
    certificate: _RawBytes | None = msgspec.field(name="x509Certificate", default=None)
    public_key: _RawBytes | None = msgspec.field(name="publicKey", default=None)


class _TileSignature(msgspec.Struct, frozen=True):
    content: str
    verifier: _TileVerifier


class _TileRecord(msgspec.Struct, frozen=True):
    algorithm: str
    digest: str


class _TileHashedRekord(msgspec.Struct, frozen=True):
    data: _TileRecord
    signature: _TileSignature


class _TileSpec(msgspec.Struct, frozen=True):
    record: _TileHashedRekord = msgspec.field(name="hashedRekordV002")


class _DSSESignature(msgspec.Struct, frozen=True):
    signature: str
    verifier: str


class _DSSE(msgspec.Struct, frozen=True, rename="camel"):
    envelope_hash: _Hash
    payload_hash: _Hash
    signatures: Annotated[tuple[_DSSESignature, ...], msgspec.Meta(max_length=MAX_SIGNATURES)]


class _IntotoContent001(msgspec.Struct, frozen=True):
    hash: _Hash
    payload_hash: _Hash | None = msgspec.field(name="payloadHash", default=None)


class _Intoto001(msgspec.Struct, frozen=True):
    content: _IntotoContent001
    public_key: str = msgspec.field(name="publicKey")


class _IntotoSignature(msgspec.Struct, frozen=True):
    sig: str
    public_key: str = msgspec.field(name="publicKey")


class _IntotoEnvelope(msgspec.Struct, frozen=True):
    payload_type: str = msgspec.field(name="payloadType")
    signatures: Annotated[tuple[_IntotoSignature, ...], msgspec.Meta(max_length=MAX_SIGNATURES)]


class _IntotoContent002(msgspec.Struct, frozen=True):
    envelope: _IntotoEnvelope
    payload_hash: _Hash = msgspec.field(name="payloadHash")


class _Intoto002(msgspec.Struct, frozen=True):
    content: _IntotoContent002


def parse_body(body: bytes) -> LogBody:
    """Read the body of an entry of a known kind and version.

    A body that is not strict JSON, names another kind, or whose hashes, signatures and verifiers can't be read, raises
    MalformedAttestation. A body without a signature reads as one that nothing can match.
    """
    header = parse_strict(body, _Header, what="the body of the log entry")
    reader = _READERS.get((header.kind, header.version))
    if reader is None:
        kind = printable(f"{header.kind} {header.version}", limit=60)
        raise MalformedAttestation(f"log entries of kind {kind} are not known")
    return reader(bytes(header.spec))


def _hashedrekord_001(spec: bytes) -> LogBody:
    document = parse_part(spec, _HashedRekord, what="the hashedrekord entry")
    signature = _signature(document.signature.content, _pem(document.signature.public_key.content))
    return LogBody(kind="hashedrekord", version="0.0.1", signatures=(signature,), message=document.data.hash.read())


def _rekord_001(spec: bytes) -> LogBody:
    """What `hashedrekord` came after: cosign logged signatures so until 2021. Other formats sign in other ways."""
    document = parse_part(spec, _Rekord, what="the rekord entry")
    if document.signature.format != "x509":
        shown = printable(document.signature.format, limit=20)
        raise MalformedAttestation(f"rekord entries with signatures of format {shown!r} are not known")
    signature = _signature(document.signature.content, _pem(document.signature.public_key.content))
    return LogBody(kind="rekord", version="0.0.1", signatures=(signature,), message=document.data.hash.read())


def _hashedrekord_002(spec: bytes) -> LogBody:
    record = parse_part(spec, _TileSpec, what="the hashedrekord entry").record
    algorithm = _TILE_ALGORITHMS.get(record.data.algorithm, "")
    digest = _Hash(algorithm=algorithm, value=_base64(record.data.digest).hex()).read()
    verifier = record.signature.verifier
    given = [part for part in (verifier.certificate, verifier.public_key) if part is not None]
    if len(given) != 1:
        raise MalformedAttestation("the hashedrekord entry has either a certificate or a public key")
    der = LoggedVerifier(is_certificate=verifier.public_key is None, der=_base64(given[0].raw_bytes))
    signature = _signature(record.signature.content, der)
    return LogBody(kind="hashedrekord", version="0.0.2", signatures=(signature,), message=digest)


def _dsse_001(spec: bytes) -> LogBody:
    document = parse_part(spec, _DSSE, what="the dsse entry")
    return LogBody(
        kind="dsse",
        version="0.0.1",
        signatures=tuple(_signature(entry.signature, _pem(entry.verifier)) for entry in document.signatures),
        payload=document.payload_hash.read(),
        envelope=document.envelope_hash.read(),
    )


def _intoto_001(spec: bytes) -> LogBody:
    document = parse_part(spec, _Intoto001, what="the intoto entry")
    payload = document.content.payload_hash
    return LogBody(
        kind="intoto",
        version="0.0.1",
        signatures=(LoggedSignature(verifier=_pem(document.public_key), signature=None),),
        payload=payload.read() if payload is not None else None,
        envelope=document.content.hash.read(),
    )


def _intoto_002(spec: bytes) -> LogBody:
    """The `hash` of this kind covers JSON that the log itself put together: nobody else can tell its bytes."""
    content = parse_part(spec, _Intoto002, what="the intoto entry").content
    signatures = (
        _signature(_twice_encoded(entry.sig), _pem(entry.public_key)) for entry in content.envelope.signatures
    )
    return LogBody(
        kind="intoto",
        version="0.0.2",
        signatures=tuple(signatures),
        payload=content.payload_hash.read(),
        payload_type=content.envelope.payload_type,
    )


_READERS: dict[tuple[str, str], Callable[[bytes], LogBody]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_001,
    ("hashedrekord", "0.0.2"): _hashedrekord_002,
    ("rekord", "0.0.1"): _rekord_001,
    ("dsse", "0.0.1"): _dsse_001,
    ("intoto", "0.0.1"): _intoto_001,
    ("intoto", "0.0.2"): _intoto_002,
}


def _signature(text: str, verifier: LoggedVerifier) -> LoggedSignature:
    return LoggedSignature(verifier=verifier, signature=_base64(text))


def _base64(text: str) -> bytes:
    return parse_base64(text, what="a field of the log entry")


def _twice_encoded(text: str) -> str:
    """This kind keeps the base64 text of a signature as bytes, and so encodes it a second time."""
    return _base64(text).decode("ascii", errors="replace")


def _pem(text: str) -> LoggedVerifier:
    """Base64 of exactly one PEM block (RFC 7468), as a log writes it: no text around it, no second block."""
    block = _base64(text).removesuffix(b"\n")
    for is_certificate, (begin, end) in ((True, _CERTIFICATE), (False, _PUBLIC_KEY)):
        body = block[len(begin) : -len(end)]
        if block == begin + body + end and body and b"-" not in body and b"_" not in body:
            der = _base64(body.replace(b"\n", b"").decode("ascii", errors="replace"))
            return LoggedVerifier(is_certificate=is_certificate, der=der)
    raise MalformedAttestation("the verifier of the log entry is not one PEM block")
