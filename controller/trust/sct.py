"""Signed certificate timestamps embedded in a certificate (RFC 6962): that a CT log of the trust root took it."""

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from controller.core.errors import NotVerified
from controller.trust.extensions import LeafExtensions, Stamp
from controller.trust.log import TransparencyLog
from controller.trust.path import Issuer

MAX_TIMESTAMPS = 16

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def verify_sct(extensions: LeafExtensions, issuer: Issuer, logs: Sequence[TransparencyLog]) -> None:
    """Return only if one of the SCTs in these extensions is by one of `logs`, over their leaf and this issuer's key.

    The SCT's time lies in the log's window; its extensions are part of what is signed (RFC 6962, 3.2). SCTs of other
    logs are left alone. Does not say that the log kept its promise. Raises NotVerified.
    """
    objections = {_objection(stamp, extensions, issuer, logs) for stamp in _embedded(extensions)}
    if None not in objections:
        raise NotVerified("; ".join(sorted(objection for objection in objections if objection is not None)))


def _embedded(extensions: LeafExtensions) -> Sequence[Stamp]:
    if extensions.stamps is None:
        raise NotVerified("the certificate carries no SCT: no CT log vouches for it")
    if not 0 < len(extensions.stamps) <= MAX_TIMESTAMPS:
        raise NotVerified(f"the certificate carries no SCT, or more than {MAX_TIMESTAMPS}")
    return extensions.stamps


def _objection(stamp: Stamp, extensions: LeafExtensions, issuer: Issuer, logs: Sequence[TransparencyLog]) -> str | None:
    known = [log for log in logs if log.key_id == stamp.log_id]
    if not known:
        return "the SCT is by a CT log that the trust root does not know"
    time = _EPOCH + stamp.milliseconds * _MILLISECOND
    current = [log for log in known if log.valid.contains(time)]
    if not current:
        return "the SCT is from outside the window of its CT log"
    signed = _signed_bytes(stamp, extensions.precertificate, issuer)
    for log in current:
        try:
            log.key.verify(stamp.signature, signed)
        except NotVerified:
            continue
        return None
    return "the SCT is not about this certificate and its issuer, or not by the CT log it names"


def _signed_bytes(stamp: Stamp, precertificate: bytes, issuer: Issuer) -> bytes:
    """RFC 6962, 3.2: the certificate without its SCTs, and the hash of the key that issued it."""
    head = struct.pack(">BBQH", 0, 0, stamp.milliseconds, 1)
    extensions = struct.pack(">H", len(stamp.extensions)) + stamp.extensions
    return head + issuer.key_hash + len(precertificate).to_bytes(3) + precertificate + extensions
