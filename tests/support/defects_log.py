"""Defects of log entries: what they record, what was promised about them, and which log says so."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from tests.support.breaking import Json, both, bundled, certified, defect, logged, promised, stamped, without
from tests.support.bundles import BUNDLE, Order, encode_envelope, pem
from tests.support.certificates import Span
from tests.support.entrykinds import EntryKind, Logged
from tests.support.forms import Form, Wrap
from tests.support.instance import LEAF_SPAN, SIGNED, SPAN, rfc3339, stranger
from tests.support.rekor import RekorV1, b64, canonical
from tests.support.signing import KeyPair

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
FUTURE = timedelta(hours=24, minutes=1)


def by_promise_alone(form: Form) -> bool:
    """No other time than the promise's."""
    return form.certified and form.promised and not form.stamped


def envelope_at_hand(form: Form) -> bool:
    """Where the envelope stands as it was uploaded, and its hash is what ties the entry to it."""
    return form.wrap is Wrap.ATT and form.entry in {EntryKind.DSSE, EntryKind.INTOTO_1}


def _promise_by(order: Order, log: RekorV1, body: bytes | None = None) -> None:
    """Another promise in the place of the entry's own: by this log, about this body."""

    def change(entry: Json) -> None:
        content = body or base64.b64decode(entry["canonicalizedBody"])
        signed = int(entry["logIndex"])
        entry["inclusionPromise"] = {"signedEntryTimestamp": b64(log.promise(content, order.integrated, signed))}

    order.on_entry = change


@defect("TIME-004", where=promised)
def promise_of_another_entry(order: Order) -> None:
    """The SET is genuine, by this log, for the same time and index, and of another entry."""
    _promise_by(order, order.rekor, b"another entry")


@defect("TIME-003", where=promised)
def promise_by_stranger(order: Order) -> None:
    """The SET is by a log that is not in the trust root."""
    _promise_by(order, stranger().rekor)


@defect("TIME-003", where=by_promise_alone)
def no_promise(order: Order) -> None:
    """The integrated time stands there without a SET, and there is no timestamp."""
    order.on_entry = lambda entry: entry.pop("inclusionPromise")


@defect("TIME-003", where=promised)
def time_moved(order: Order) -> None:
    """The integrated time is another than the SET's, still inside of the certificate."""
    order.on_entry = lambda entry: entry.update(integratedTime=str(int(entry["integratedTime"]) + 60))


@defect("TIME-004", where=promised)
def index_moved(order: Order) -> None:
    """The log index is another than the SET's."""
    order.on_entry = lambda entry: entry.update(logIndex=str(int(entry["logIndex"]) + 1))


@defect("TIME-002", "TIME-027", where=both(certified, promised))
def integrated_before(order: Order) -> None:
    """The entry was integrated a second before the certificate began."""
    order.integrated = LEAF_SPAN.start - SECOND


@defect("TIME-002", "TIME-027", where=both(certified, promised))
def integrated_after(order: Order) -> None:
    """The entry was integrated a second after the certificate ended."""
    order.integrated = LEAF_SPAN.end + SECOND


@defect("TIME-015", where=promised)
def integrated_in_the_future(order: Order) -> None:
    """The integrated time is over 24 hours after the time of judgement; everything else fits it."""
    order.integrated = order.now + FUTURE
    order.leaf = replace(order.leaf, span=Span(start=order.integrated - DAY, end=order.integrated + DAY))
    order.stamps = [(authority, replace(stamp, at=order.integrated)) for authority, stamp in order.stamps]


def _recorded(order: Order, change: Callable[[Logged], Logged]) -> None:
    order.logged = change


@defect("TIME-004", "KEY-018", where=logged)
def entry_of_another_signature(order: Order) -> None:
    """The entry is genuine, about the same payload by the same signer, and records another signature."""
    signature = order.key.sign(b"another message")

    def change(entry: Logged) -> Logged:
        envelope = json.loads(entry.envelope) if order.form.enveloped else None
        if envelope is None:
            return replace(entry, signature=signature)
        envelope["signatures"] = [{"sig": b64(signature)}]
        return replace(entry, signature=signature, envelope=encode_envelope(envelope))

    _recorded(order, change)


@defect("TIME-004", "KEY-018", where=logged)
def entry_of_another_key(order: Order) -> None:
    """The entry is genuine, and records another key."""
    key = KeyPair("another signer")
    certificate = order.issuer.issue(order.leaf, key.spki, order.submissions)

    def change(entry: Logged) -> Logged:
        if not entry.certified:
            return replace(entry, verifier=key.spki, pem=key.pem)
        return replace(entry, verifier=certificate, pem=pem(certificate).encode())

    _recorded(order, change)


@defect("TIME-004", where=both(certified, logged))
def entry_of_another_certificate(order: Order) -> None:
    """The entry is genuine, and records another certificate for the same key."""
    leaf = replace(order.leaf, span=Span(start=LEAF_SPAN.start - SECOND, end=LEAF_SPAN.end))
    certificate = order.issuer.issue(leaf, order.key.spki, order.submissions)
    _recorded(order, lambda entry: replace(entry, verifier=certificate, pem=pem(certificate).encode()))


@defect("TIME-004", "TIME-023", where=logged)
def entry_of_another_payload(order: Order) -> None:
    """The entry is genuine, and records the hashes of another payload."""

    def change(entry: Logged) -> Logged:
        return replace(entry, payload=entry.payload + b" ", message=entry.message + b" ", envelope=b"{}")

    _recorded(order, change)


@defect("TIME-023", where=envelope_at_hand)
def entry_of_another_envelope(order: Order) -> None:
    """The entry is right but for the hash of the envelope."""
    _recorded(order, lambda entry: replace(entry, envelope=entry.envelope + b"\n"))


@defect("TIME-023", where=lambda form: form.logged_by_v2)
def entry_of_the_bare_payload(order: Order) -> None:
    """The entry records the hash of the payload, where the signature covers its encoding with the type."""
    _recorded(order, lambda entry: replace(entry, message=entry.payload))


@defect("TIME-023", where=lambda form: form.logged_by_v2)
def entry_of_another_algorithm(order: Order) -> None:
    """The entry says that its digest is of another algorithm."""
    order.on_body = lambda body: body["spec"]["hashedRekordV002"]["data"].update(algorithm="SHA2_384")


@defect("TIME-023", where=both(logged, bundled))
def kind_of_another_entry(order: Order) -> None:
    """The bundle says another kind of the entry than its body."""
    other = EntryKind.DSSE if order.form.entry is not EntryKind.DSSE else EntryKind.INTOTO_2
    kind, version = other.value
    order.on_entry = lambda entry: entry.update(kindVersion={"kind": kind, "version": version})


@defect("TIME-023", where=logged)
def kind_unknown(order: Order) -> None:
    """The log recorded the signature as a kind of entry that nobody here knows."""
    order.on_body = lambda body: body.update(kind="rpm")
    order.on_entry = lambda entry: entry["kindVersion"].update(kind="rpm")


@defect("TIME-023", where=logged)
def version_unknown(order: Order) -> None:
    """The log recorded the signature in a version of its kind that nobody here knows."""
    order.on_body = lambda body: body.update(apiVersion="0.0.9")
    order.on_entry = lambda entry: entry["kindVersion"].update(version="0.0.9")


@defect("PARSE-001", where=logged)
def body_with_duplicate_key(order: Order) -> None:
    """The recorded body says its kind twice."""
    order.spell_body = lambda body: b'{"kind":"rpm",' + canonical(body)[1:]


@defect("PARSE-005", where=logged)
def body_with_trailing_bytes(order: Order) -> None:
    """Bytes follow the recorded body."""
    order.spell_body = lambda body: canonical(body) + b"{}"


def _log_entry(order: Order, root: Json) -> Json:
    found: Json = root["tlogs"][1 if order.form.logged_by_v2 else 0]
    return found


@defect("TIME-005", where=both(certified, logged))
def log_unknown(order: Order) -> None:
    """The log is not in the trust root, which lists another one."""
    order.on_root = lambda root: root["tlogs"].remove(_log_entry(order, root))


@defect("TIME-009", where=both(logged, without(lambda form: form.logged_by_v2)))
def log_ended(order: Order) -> None:
    """The window of the log's key ended before the entry was integrated."""
    window = {"start": rfc3339(SPAN.start), "end": rfc3339(SIGNED - DAY)}
    order.on_root = lambda root: _log_entry(order, root)["publicKey"].update(validFor=window)


@defect("TIME-009", where=both(logged, without(lambda form: form.logged_by_v2)))
def log_not_begun(order: Order) -> None:
    """The window of the log's key began after the entry was integrated."""
    window = {"start": rfc3339(SIGNED + DAY)}
    order.on_root = lambda root: _log_entry(order, root)["publicKey"].update(validFor=window)


@defect("TIME-013", where=both(certified, logged))
def no_entry(order: Order) -> None:
    """The trust root requires a log, and there is no entry."""

    def change(container: Json) -> None:
        if order.form.wrap.legacy:
            del container[BUNDLE]
        else:
            del container["verificationMaterial"]["tlogEntries"]

    order.on_container = change


@defect("TIME-013", "KEY-017", where=without(logged))
def log_required(order: Order) -> None:
    """The trust root requires a log, and this form has none."""
    order.require.transparency_log = True


@defect("TIME-014", where=both(certified, promised, without(stamped)))
def timestamp_required(order: Order) -> None:
    """The trust root requires a signed timestamp, and there is the log's time only."""
    order.require.signed_timestamp = True


@defect("TIME-006", where=both(certified, lambda form: form.logged_by_v2))
def v2_without_timestamp(order: Order) -> None:
    """A Rekor v2 entry tells no time, and there is no timestamp."""
    order.stamps = []


@defect("TIME-006", where=both(certified, lambda form: form.logged_by_v2))
def v2_with_promise(order: Order) -> None:
    """A Rekor v2 entry with a time, and with a SET by the log's own key, but without a timestamp."""
    order.stamps = []

    def change(entry: Json) -> None:
        at = int(order.integrated.timestamp())
        signed = {
            "body": entry["canonicalizedBody"],
            "integratedTime": at,
            "logID": order.instance.rekor_v2.id.hex(),
            "logIndex": int(entry["logIndex"]),
        }
        promise = order.instance.rekor_v2.key.sign(canonical(signed))
        entry.update(integratedTime=str(at), inclusionPromise={"signedEntryTimestamp": b64(promise)})

    order.on_entry = change


@defect("PARSE-007", where=both(logged, bundled))
def entries_too_many(order: Order) -> None:
    """The bundle holds 33 log entries."""

    def change(document: Json) -> None:
        document["verificationMaterial"]["tlogEntries"] *= 33

    order.on_container = change
