"""Transparency logs: that a log of the trust root holds an entry, and when it says it took it (Rekor v1 and v2)."""

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.text import printable
from controller.core.window import Window
from controller.trust.keys import PublicKey
from controller.trust.logged import CertificateVerifier, KeyVerifier, Verifier, require_bound
from controller.trust.merkle import leaf_hash, root_of
from controller.trust.verifying import Algorithm
from controller.wire.logbody import LogBody, parse_body
from controller.wire.note import Checkpoint, parse_checkpoint
from controller.wire.rekor import InclusionProof, LogEntry
from controller.wire.signed import SignedContent

__all__ = ["CertificateVerifier", "KeyVerifier", "TransparencyLog", "Verifier", "verify_entry"]

MAX_CLOCK_LEAD = timedelta(hours=24)  # how far ahead of ours a log's clock may be, or ours behind
MAX_SECONDS = 253_402_300_799  # since 1970, in the year 9999: later times are none that can be told
MAX_INTEGER = 2**53 - 1  # RFC 8785, 3.2.2.3: the integers that JSON has one spelling for

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TILED = ("hashedrekord", "0.0.2")  # the one kind of Rekor v2, whose logs tell no time
_OF_TREE = re.compile(r"(?P<name>.+) - [0-9]{1,20}")  # the origin of a checkpoint of Rekor v1: a host and a tree's id
_ED25519_NOTE = b"\n\x01"  # C2SP signed-note: the line end after the name, and the type of Ed25519
_ED25519_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class TransparencyLog:
    """A log of a trust root: where it is, its id in entries, its key, and the window in which it is believed."""

    base_url: str
    key_id: bytes
    key: PublicKey
    valid: Window
    name: str = field(init=False)
    hints: frozenset[bytes] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """`name` is the log's URL without the scheme: what a log of Rekor v2 signs its notes as.

        `hints` are the key ids that its notes may carry: Rekor v1 takes the key's own hash, v2 C2SP's for Ed25519.
        """
        name = self.base_url.partition("://")[2].rstrip("/")
        ids = {hashlib.sha256(self.key.spki).digest()}
        if self.key.algorithm is Algorithm.PKIX_ED25519:
            ids.add(hashlib.sha256(name.encode() + _ED25519_NOTE + self.key.spki[-_ED25519_BYTES:]).digest())
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "hints", frozenset(key_id[:4] for key_id in ids))

    def signing_name(self, origin: str, *, tiled: bool) -> str | None:
        """The name that signs checkpoints of this origin; None where they are not this log's.

        Rekor v2 (C2SP tlog-checkpoint) has one origin, its name. A server of Rekor v1 writes what its host is called
        before the tree's id, in a cluster its pod: that says nothing, and the key alone tells whose checkpoint it is.
        """
        if tiled:
            return self.name if origin == self.name else None
        shaped = _OF_TREE.fullmatch(origin)
        return shaped["name"] if shaped else None


def verify_entry(  # noqa: PLR0913 (everything that an entry binds together)
    entry: LogEntry,
    *,
    signed: SignedContent,
    signature: bytes,
    verifier: Verifier,
    logs: tuple[TransparencyLog, ...],
    proof_required: bool,
    now: datetime,
    times: tuple[datetime, ...] = (),
) -> datetime | None:
    """Return only if a log of `logs` holds `entry`, and `entry` is about this content, signature and verifier.

    The result is the integrated time (aware) that a signed entry timestamp shows, or None where the entry has none
    (Rekor v2): a proof of inclusion alone tells no time. Guarantees that every proof the entry carries holds, that
    there is one, and with `proof_required` that there is an inclusion proof with its checkpoint; that the time lies
    in the window of the log's key and no more than MAX_CLOCK_LEAD after `now`. Where the entry shows no time, the
    window is held against `times`, the verified times of other sources, or `now` if there are none. Says nothing
    about the certificate's window. Raises NotVerified.
    """
    body = _body(entry)
    require_bound(body, signed=signed, signature=signature, verifier=verifier)
    tiled = (body.kind, body.version) == _TILED
    if tiled and entry.signed_entry_timestamp is not None:
        raise NotVerified("a log of Rekor v2 promises nothing: the log entry has a signed entry timestamp")
    if entry.signed_entry_timestamp is None and entry.inclusion is None:
        raise NotVerified("the log entry has neither a signed entry timestamp nor an inclusion proof")
    if proof_required and entry.inclusion is None:
        raise NotVerified("the log entry has no inclusion proof")
    objections: set[str] = set()
    for log in (log for log in logs if log.key_id == entry.log_id):
        try:
            return _verify_under(log, entry, tiled=tiled, now=now, times=times)
        except NotVerified as error:
            objections.add(str(error))
    raise NotVerified("; ".join(sorted(objections)) or "the log entry is of a log that the trust root does not know")


def _body(entry: LogEntry) -> LogBody:
    try:
        body = parse_body(entry.body)
    except MalformedAttestation as error:
        raise NotVerified(str(error)) from error
    if entry.kind not in {body.kind, None} or entry.version not in {body.version, None}:
        raise NotVerified("the log entry is of another kind than stands beside it")
    return body


def _verify_under(
    log: TransparencyLog, entry: LogEntry, *, tiled: bool, now: datetime, times: tuple[datetime, ...]
) -> datetime | None:
    integrated = None
    if entry.signed_entry_timestamp is not None:
        integrated = _integrated_time(entry, now)
        _require_signed(log, entry.signed_entry_timestamp, entry.promised, what="the signed entry timestamp")
    if entry.inclusion is not None:
        _require_included(log, entry.body, entry.inclusion, tiled=tiled)
    for time in (integrated,) if integrated is not None else times or (now,):
        if not log.valid.contains(time):
            raise NotVerified(f"the log entry is outside the window of the log {printable(log.name)}")
    return integrated


def _integrated_time(entry: LogEntry, now: datetime) -> datetime:
    seconds = entry.integrated_time
    if seconds is None or seconds <= 0 or not 0 <= entry.log_index <= MAX_INTEGER:
        raise NotVerified("the log entry has no integrated time or index that a signed entry timestamp can be about")
    if seconds > MAX_SECONDS or (time := _EPOCH + timedelta(seconds=seconds)) > now + MAX_CLOCK_LEAD:
        raise NotVerified("the integrated time of the log entry is more than 24 hours in the future")
    return time


def _require_signed(log: TransparencyLog, signature: bytes, message: bytes, *, what: str) -> None:
    try:
        log.key.verify(signature, message)
    except NotVerified:
        raise NotVerified(f"{what} is not by the log {printable(log.name)}") from None


def _require_included(log: TransparencyLog, body: bytes, proof: InclusionProof, *, tiled: bool) -> None:
    checkpoint = _checkpoint(proof.checkpoint)
    root = root_of(leaf_hash(body), index=proof.log_index, tree_size=proof.tree_size, hashes=proof.hashes)
    if not root == proof.root_hash == checkpoint.root_hash:
        raise NotVerified("the inclusion proof does not lead to the root hash of the checkpoint")
    if proof.tree_size != checkpoint.tree_size:
        raise NotVerified("the checkpoint is about a tree of another size")
    name = log.signing_name(checkpoint.origin, tiled=tiled)
    if name is None:
        raise NotVerified(f"the checkpoint is not of the log {printable(log.name)}")
    _require_checkpoint_signed(log, checkpoint, name)


def _require_checkpoint_signed(log: TransparencyLog, checkpoint: Checkpoint, name: str) -> None:
    """Signatures by others, witnesses for one, are of no interest; several that could be the log's are all tried."""
    for line in checkpoint.signatures:
        if line.name == name and line.hint in log.hints:
            try:
                log.key.verify(line.signature, checkpoint.signed)
            except NotVerified:
                continue
            return
    raise NotVerified(f"the checkpoint is not signed by the log {printable(log.name)}")


def _checkpoint(note: str) -> Checkpoint:
    try:
        return parse_checkpoint(note)
    except MalformedAttestation as error:
        raise NotVerified(str(error)) from error
