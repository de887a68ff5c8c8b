"""Whether a log entry is about this artifact, this signature and this verifier, and nobody else's.

A genuine entry of another artifact, set beside a signature, would lend it a time and a log (CVE-2022-36056).
"""

import hashlib

import msgspec

from controller.core.errors import NotVerified
from controller.trust.keys import PublicKey
from controller.wire.logbody import LogBody, LoggedHash, LoggedVerifier
from controller.wire.signed import SignedContent

_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


class CertificateVerifier(msgspec.Struct, frozen=True):
    """A signature that is verified with the key of this certificate (DER)."""

    der: bytes


class KeyVerifier(msgspec.Struct, frozen=True):
    """A signature that is verified with this key."""

    key: PublicKey


Verifier = CertificateVerifier | KeyVerifier


def require_bound(body: LogBody, *, signed: SignedContent, signature: bytes, verifier: Verifier) -> None:
    """Return only if `body` names exactly `signature`, `verifier` and the bytes of `signed`; raises NotVerified.

    Every hash that the body holds is compared, but for one: what an envelope's JSON was like when it was logged can't
    be told from a bundle, and there the hashes of payload and signature bind (dsse), or nothing does (intoto 0.0.1,
    refused). An entry of envelopes does not fit content that is none (TIME-023).
    """
    if body.message is not None:
        _require_message(body.message, signed)
    else:
        _require_envelope(body, signed)
    expected = LoggedVerifier(is_certificate=isinstance(verifier, CertificateVerifier), der=_der(verifier))
    named = [entry for entry in body.signatures if entry.verifier == expected]
    if not named:
        raise NotVerified("the log entry names another certificate or key")
    if not any(entry.signature in {signature, None} for entry in named):
        raise NotVerified("the log entry holds another signature")


def _require_message(logged: LoggedHash, signed: SignedContent) -> None:
    """Hashes of equal length are by the same algorithm here, so that comparing values suffices."""
    same = _is_of(logged, signed.message) if signed.digest is None else logged.value == signed.digest
    if not same:
        raise NotVerified("the log entry is about other signed bytes")


def _require_envelope(body: LogBody, signed: SignedContent) -> None:
    if signed.message == signed.payload:  # no pre-authentication encoding: no envelope
        raise NotVerified(f"a log entry of kind {body.kind} does not fit what is no envelope")
    if body.payload is not None and not _is_payload(body.payload, signed):
        raise NotVerified("the log entry is about another payload")
    if body.payload_type is not None and body.payload_type != signed.payload_type:
        raise NotVerified("the log entry is about another payload type")
    if body.envelope is None:
        return
    if signed.envelope is not None:
        if not _is_of(body.envelope, signed.envelope):
            raise NotVerified("the log entry is about another envelope")
    elif any(entry.signature is None for entry in body.signatures):
        raise NotVerified(f"a log entry of kind {body.kind} {body.version} does not bind the signature of a bundle")


def _is_of(logged: LoggedHash, content: bytes) -> bool:
    return _HASHES[logged.algorithm](content).digest() == logged.value


def _is_payload(logged: LoggedHash, signed: SignedContent) -> bool:
    if logged.algorithm == "sha256":
        return logged.value.hex() == signed.payload_digest.hex
    return _is_of(logged, signed.payload)


def _der(verifier: Verifier) -> bytes:
    return verifier.der if isinstance(verifier, CertificateVerifier) else verifier.key.spki
