"""Evidence to order: bundles v0.1 to v0.3 and cosign's legacy layers, sound unless the order says otherwise."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.authority import Authority, Leaf, Submission
from tests.support.entrykinds import Logged, body_of
from tests.support.forms import Form, Wrap
from tests.support.foundry import Layer
from tests.support.instance import INTEGRATED, JUDGED, LEAF_SPAN, STAMPED, Instance, acme
from tests.support.rekor import Place, RekorV1, b64, canonical
from tests.support.signing import KeyKind, KeyPair
from tests.support.tsa import Stamp, TimestampAuthority

Json = dict[str, Any]
Editing = Callable[[Json], object]
IN_TOTO = "application/vnd.in-toto+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP = (
    f"dev.sigstore.cosign/{name}" for name in ("certificate", "chain", "bundle", "rfc3161timestamp")
)
HINT = "bm90IGEgaGludA=="


def _as_it_is(_: Json) -> None:
    """Sound: nothing is changed."""


@dataclass(kw_only=True)
class Require:
    """What the trust root asks of evidence."""

    transparency_log: bool
    signed_timestamp: bool
    sct: bool


@dataclass(kw_only=True)
class Terms:
    """How the root of keys lists the key of key-signed evidence, and whose logs and authorities tell its times."""

    key: KeyPair
    not_before: datetime | None = None
    not_after: datetime | None = None
    revoked_at: datetime | None = None
    time_root: str | None = None


@dataclass(kw_only=True)
class Order:
    """Everything that goes into one piece of evidence: change one thing, then `make` it.

    The `on_...` are called with what has just been made, before what follows from it: the body before it is logged,
    entry and timestamps before they are put into the container, the container (bundle, or annotations) last.
    """

    form: Form
    payload: bytes
    instance: Instance
    key: KeyPair
    leaf: Leaf
    issuer: Authority
    submissions: tuple[Submission, ...]
    chain: tuple[bytes, ...]
    rekor: RekorV1
    stamps: list[tuple[TimestampAuthority, Stamp]]
    require: Require
    terms: Terms
    payload_type: str = IN_TOTO
    integrated: datetime = INTEGRATED
    now: datetime = JUDGED
    place: Place = field(default_factory=Place)
    certificate: bytes | None = None
    signature: bytes | None = None
    stamped_message: bytes | None = None
    logged: Callable[[Logged], Logged] = lambda logged: logged
    on_body: Editing = _as_it_is
    spell_body: Callable[[Json], bytes] = canonical
    on_entry: Editing = _as_it_is
    on_tokens: Callable[[list[bytes]], list[bytes]] = lambda tokens: tokens
    on_container: Editing = _as_it_is
    on_root: Editing = _as_it_is

    @property
    def message(self) -> bytes:
        """What the signature covers: the payload itself unless an envelope is around it."""
        return pae(self.payload_type, self.payload) if self.form.enveloped else self.payload

    def issued(self) -> bytes:
        """The leaf certificate as it is ordered so far."""
        return self.certificate or self.issuer.issue(self.leaf, self.key.spki, self.submissions)


def order(form: Form, payload: bytes, *, kind: KeyKind = KeyKind.P256) -> Order:
    """Sound evidence of this form, from the private Sigstore `acme`, signed by a key of this kind."""
    instance, key = acme(), KeyPair("signer", kind)
    logged = form.entry is not None
    return Order(
        form=form,
        payload=payload,
        instance=instance,
        key=key,
        leaf=Leaf(span=LEAF_SPAN),
        issuer=instance.authority,
        submissions=(Submission(log=instance.ct_log),) if form.vouched else (),
        chain=(instance.authority.intermediate,),
        rekor=instance.rekor,
        stamps=[(instance.timestamps, Stamp(at=STAMPED))] if form.stamped else [],
        require=Require(
            transparency_log=logged and form.certified,
            signed_timestamp=form.stamped and form.certified and not logged,
            sct=form.vouched,
        ),
        terms=Terms(key=key, time_root=instance.name if logged or form.stamped else None),
    )


@dataclass(frozen=True, kw_only=True)
class _Signed:
    """What has been signed so far."""

    envelope: Json
    signature: bytes
    certificate: bytes


def pae(payload_type: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def pem(certificate: bytes) -> str:
    return ssl.DER_cert_to_PEM_cert(certificate)


def make(order: Order) -> Layer:
    """The evidence as a registry stores it."""
    signed = _sign(order)
    entries = [_entry(order, signed)] if order.form.entry else []
    message = order.stamped_message or _stamped(order, signed)
    tokens = order.on_tokens([authority.stamp(message, stamp) for authority, stamp in order.stamps])
    if order.form.wrap.legacy:
        return _layer(order, signed, entries, tokens)
    document = _bundle(order, signed, entries, tokens)
    order.on_container(document)
    return Layer(media_type=order.form.wrap.value, content=json.dumps(document).encode())


def trusted_root(order: Order) -> Json:
    """The trusted root under which the evidence is to be judged."""
    document = order.instance.trusted_root()
    order.on_root(document)
    return document


def encode_envelope(envelope: Json) -> bytes:
    """In the order in which Go writes it, as cosign uploads it to a log and to a registry."""
    signatures = [{"keyid": "", **signature} for signature in envelope["signatures"]]
    ordered = {"payloadType": envelope["payloadType"], "payload": envelope["payload"], "signatures": signatures}
    return json.dumps(ordered, separators=(",", ":")).encode()


def _sign(order: Order) -> _Signed:
    signature = order.key.sign(order.message) if order.signature is None else order.signature
    envelope = {
        "payload": b64(order.payload),
        "payloadType": order.payload_type,
        "signatures": [{"sig": b64(signature)}],
    }
    return _Signed(envelope=envelope, signature=signature, certificate=order.issued())


def _entry(order: Order, signed: _Signed) -> Json:
    form = order.form
    assert form.entry is not None
    certified = form.certified
    logged = Logged(
        payload_type=order.payload_type,
        payload=order.payload,
        message=order.message,
        envelope=encode_envelope(signed.envelope),
        signature=signed.signature,
        pem=pem(signed.certificate).encode() if certified else order.key.pem,
        verifier=signed.certificate if certified else order.key.spki,
        certified=certified,
        details=order.key.kind.value,
    )
    document = body_of(form.entry, order.logged(logged))
    order.on_body(document)
    body = order.spell_body(document)
    kind, version = form.entry.value
    if form.logged_by_v2:
        entry = order.instance.rekor_v2.entry(body, kind=kind, version=version, place=order.place)
    else:
        entry = order.rekor.entry(body, kind=kind, version=version, at=order.integrated, place=order.place)
    absent = {"inclusionPromise": form.promised, "inclusionProof": form.proven}
    entry = {name: value for name, value in entry.items() if absent.get(name, True)}
    order.on_entry(entry)
    return entry


def _stamped(order: Order, signed: _Signed) -> bytes:
    """What a timestamp covers: the signature, but for cosign's `.att` layers the envelope as a whole."""
    return encode_envelope(signed.envelope) if order.form.wrap is Wrap.ATT else signed.signature


def _bundle(order: Order, signed: _Signed, entries: list[Json], tokens: list[bytes]) -> Json:
    material: Json = _key_material(order, signed)
    if entries:
        material["tlogEntries"] = entries
    if tokens:
        stamps = [{"signedTimestamp": b64(token)} for token in tokens]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamps}
    digest = {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(order.payload).digest())}
    content = (
        {"messageSignature": {"messageDigest": digest, "signature": b64(signed.signature)}}
        if order.form.message
        else {"dsseEnvelope": signed.envelope}
    )
    return {"mediaType": order.form.wrap.value, "verificationMaterial": material, **content}


def _key_material(order: Order, signed: _Signed) -> Json:
    if not order.form.certified:
        return {"publicKey": {"hint": HINT}}
    if not order.form.wrap.chained:
        return {"certificate": {"rawBytes": b64(signed.certificate)}}
    chain = [{"rawBytes": b64(certificate)} for certificate in (signed.certificate, *order.chain)]
    return {"x509CertificateChain": {"certificates": chain}}


def _layer(order: Order, signed: _Signed, entries: list[Json], tokens: list[bytes]) -> Layer:
    enveloped = order.form.enveloped
    annotations: Json = {SIGNATURE: "" if enveloped else b64(signed.signature)}
    if order.form.certified:
        annotations[CERTIFICATE] = pem(signed.certificate)
        annotations[CHAIN] = "".join(pem(certificate) for certificate in (*order.chain, order.issuer.root))
    for entry in entries:
        annotations[BUNDLE] = json.dumps(_legacy_entry(entry))
    for token in tokens:
        annotations[TIMESTAMP] = json.dumps({"SignedRFC3161Timestamp": b64(token)})
    order.on_container(annotations)
    content = encode_envelope(signed.envelope) if enveloped else order.payload
    return Layer(media_type=order.form.wrap.value, content=content, annotations=annotations)


def _legacy_entry(entry: Json) -> Json:
    """A log entry as cosign's annotation holds it."""
    payload = {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logIndex": int(entry.get("logIndex", "0")),
        "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
    }
    promise = entry.get("inclusionPromise", {}).get("signedEntryTimestamp", "")
    return {"SignedEntryTimestamp": promise, "Payload": payload}
