"""Defects of containers, and of keys and signatures as such."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta

from cryptography.hazmat.primitives import hashes

from tests.support.breaking import Json, both, bundled, certified, defect, key_signed, logged, without
from tests.support.bundles import CERTIFICATE, HINT, SIGNATURE, Order, pem
from tests.support.forms import Form, Wrap
from tests.support.instance import INTEGRATED, STAMPED, stranger
from tests.support.rekor import b64
from tests.support.signing import KeyPair

SECOND = timedelta(seconds=1)


def annotated(form: Form) -> bool:
    return form.wrap.legacy and form.certified


def single(form: Form) -> bool:
    return form.bundled and form.certified and not form.wrap.chained


def chained(form: Form) -> bool:
    return form.bundled and form.certified and form.wrap.chained


def timed(form: Form) -> bool:
    return form.timed


@defect("TYPE-019", where=bundled)
def media_type_unknown(order: Order) -> None:
    """The bundle says version 0.4."""
    order.on_container = lambda bundle: bundle.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json")


@defect("TYPE-018", where=bundled)
def both_contents(order: Order) -> None:
    """The bundle holds an envelope and a message signature."""
    digest = {"algorithm": "SHA2_256", "digest": b64(bytes(32))}
    order.on_container = lambda bundle: bundle.update(messageSignature={"messageDigest": digest, "signature": "AA=="})


@defect("TYPE-018", where=bundled)
def no_content(order: Order) -> None:
    """The bundle holds neither an envelope nor a message signature."""
    order.on_container = lambda bundle: bundle.pop("dsseEnvelope")


@defect("TYPE-020", where=single)
def chain_in_v03(order: Order) -> None:
    """The v0.3 bundle holds a chain instead of one certificate."""

    def change(bundle: Json) -> None:
        material = bundle["verificationMaterial"]
        certificates = [material.pop("certificate"), {"rawBytes": b64(order.issuer.intermediate)}]
        material["x509CertificateChain"] = {"certificates": certificates}

    order.on_container = change


@defect("SIGN-004", where=both(certified, bundled))
def no_material(order: Order) -> None:
    """The bundle does not say what it was signed with."""

    def change(bundle: Json) -> None:
        for name in ("certificate", "x509CertificateChain"):
            bundle["verificationMaterial"].pop(name, None)

    order.on_container = change


@defect("SIGN-004", where=both(certified, bundled))
def certificate_and_key(order: Order) -> None:
    """The bundle says that it was signed with a certificate, and with a key."""
    order.on_container = lambda bundle: bundle["verificationMaterial"].update(publicKey={"hint": HINT})


@defect("SIGN-004", where=annotated)
def no_certificate(order: Order) -> None:
    """The layer's annotations hold no certificate."""
    order.on_container = lambda annotations: annotations.pop(CERTIFICATE)


@defect("PARSE-005", where=annotated)
def two_certificates(order: Order) -> None:
    """The layer's certificate annotation holds the leaf and another certificate."""

    def change(annotations: Json) -> None:
        annotations[CERTIFICATE] += pem(order.issuer.intermediate)

    order.on_container = change


@defect("PARSE-007", where=chained)
def certificates_too_many(order: Order) -> None:
    """The chain holds eleven certificates."""
    order.chain = order.chain * 10


def _envelope(order: Order, change: Json) -> None:
    order.on_container = lambda bundle: bundle["dsseEnvelope"].update(change)


@defect("SIGN-006", where=bundled)
def payload_changed(order: Order) -> None:
    """The payload was changed after signing."""
    _envelope(order, {"payload": b64(order.payload.replace(b"acme", b"evil"))})


@defect("TYPE-005", where=bundled)
def payload_type_changed(order: Order) -> None:
    """The payload type was changed after signing."""
    _envelope(order, {"payloadType": "application/vnd.in-toto.provenance+json"})


@defect("TYPE-003", where=lambda form: form.enveloped)
def payload_type_of_another_kind(order: Order) -> None:
    """The payload was signed as plain JSON."""
    order.payload_type = "application/json"


@defect("SIGN-004", where=bundled)
def no_signature(order: Order) -> None:
    """The envelope has no signatures."""
    _envelope(order, {"signatures": []})


@defect("SIGN-004", where=bundled)
def empty_signature(order: Order) -> None:
    """The envelope's signature is empty."""
    _envelope(order, {"signatures": [{"sig": ""}]})


@defect("SIGN-005", where=bundled)
def two_signatures(order: Order) -> None:
    """The envelope of a bundle has two signatures, both good."""

    def change(bundle: Json) -> None:
        bundle["dsseEnvelope"]["signatures"] *= 2

    order.on_container = change


@defect("SIGN-004", where=lambda form: form.wrap is Wrap.SIG)
def no_signature_annotation(order: Order) -> None:
    """Nothing beside the simple-signing payload signs it."""
    order.on_container = lambda annotations: annotations.pop(SIGNATURE)


@defect("KEY-004", where=bundled)
def signature_raw(order: Order) -> None:
    """The signature is r||s where the format is DER; the log recorded it so."""
    order.signature = order.key.sign_raw(order.message)


@defect("KEY-005", where=bundled)
def signature_with_trailing_byte(order: Order) -> None:
    """A byte follows the signature; the log recorded it so."""
    order.signature = order.key.sign(order.message) + b"\x00"


@defect("KEY-008", where=lambda _: True)
def signature_by_another_hash(order: Order) -> None:
    """The signature is over SHA-384 where the key's algorithm says SHA-256; the log recorded it so."""
    order.signature = order.key.sign(order.message, hashes.SHA384())


@defect("SIGN-006", where=lambda _: True)
def signature_of_another_message(order: Order) -> None:
    """The right key signed another message; the log recorded that."""
    order.signature = order.key.sign(b"another message")


@defect("KEY-002", where=key_signed)
def signed_by_stranger(order: Order) -> None:
    """Signature, hint and log entry are of a key that no root lists."""
    order.key = KeyPair("a stranger")


@defect("KEY-011", where=both(key_signed, without(timed)))
def key_ended_without_time(order: Order) -> None:
    """The key's window ended, and no time shows that it signed before."""
    order.terms.not_after = INTEGRATED


@defect("KEY-013", where=both(key_signed, without(timed)))
def key_revoked_without_time(order: Order) -> None:
    """The key was revoked, and no time shows that it signed before."""
    order.terms.revoked_at = order.now + timedelta(days=365)


def _last(order: Order) -> datetime:
    """The latest verified time."""
    return STAMPED if order.form.stamped else INTEGRATED


@defect("KEY-013", where=both(key_signed, timed))
def key_revoked_before(order: Order) -> None:
    """The key was revoked at the very time of the signature."""
    order.terms.revoked_at = _last(order)


@defect("KEY-014", where=both(key_signed, timed))
def key_ended_before(order: Order) -> None:
    """The key's window ended a second before the signature."""
    order.terms.not_after = _last(order) - SECOND


@defect("KEY-014", where=both(key_signed, timed))
def key_not_begun(order: Order) -> None:
    """The key's window began a second after the signature."""
    order.terms.not_before = _last(order) + SECOND


@defect("KEY-019", where=both(key_signed, timed))
def time_of_another_root(order: Order) -> None:
    """The key's window ended since, and the only time is by a root that timeRoot does not name."""
    order.terms.not_after = _last(order) + SECOND
    order.terms.time_root = stranger().name


@defect("KEY-019", where=both(key_signed, timed))
def time_of_no_root(order: Order) -> None:
    """The key's window ended since, and the root names no timeRoot."""
    order.terms.not_after = _last(order) + SECOND
    order.terms.time_root = None


@defect("PARSE-003", where=bundled)
def signature_of_foreign_base64(order: Order) -> None:
    """The signature is spelled with a line feed in it."""

    def change(bundle: Json) -> None:
        (entry,) = bundle["dsseEnvelope"]["signatures"]
        entry["sig"] = f"{entry['sig'][:4]}\n{entry['sig'][4:]}"

    order.on_container = change


@defect("PARSE-003", where=both(logged, bundled))
def body_of_foreign_base64(order: Order) -> None:
    """The log entry's body is spelled with a line feed in it."""

    def change(entry: Json) -> None:
        text = entry["canonicalizedBody"]
        entry["canonicalizedBody"] = f"{text[:4]}\n{text[4:]}"

    order.on_entry = change


@defect("SIGN-006", where=both(logged, bundled))
def body_flipped(order: Order) -> None:
    """One bit of the log entry's body is another."""

    def change(entry: Json) -> None:
        body = bytearray(base64.b64decode(entry["canonicalizedBody"]))
        body[len(body) // 2] ^= 1
        entry["canonicalizedBody"] = b64(bytes(body))

    order.on_entry = change
