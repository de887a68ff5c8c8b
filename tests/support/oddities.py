"""Evidence that looks odd and is sound: refusing it would be as wrong as admitting a defect."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives import hashes

from tests.support.authority import NEW_EXTENSIONS, OLD_EXTENSIONS, Submission
from tests.support.breaking import (
    Json,
    both,
    bundled,
    certified,
    key_signed,
    logged,
    oddity,
    promised,
    proven,
    stamped,
    without,
)
from tests.support.bundles import Order
from tests.support.certificates import other_name
from tests.support.forms import Form, Wrap
from tests.support.instance import INTEGRATED, LEAF_SPAN, SIGNED, SPAN, STAMPED, authority_entry, rfc3339, stranger
from tests.support.rekor import Place, cosignature
from tests.support.signing import KeyKind, KeyPair
from tests.support.tsa import TimestampAuthority

LEAF_INDEX = b"\x00\x00\x05\x00\x00\x00\x00\x07"  # the extension of static CT logs: the leaf's index in 40 bits


@oddity("TIME-029", where=certified)
def sct_with_extensions(order: Order) -> None:
    """The SCT is by a static CT log, and carries the leaf's index."""
    order.submissions = (Submission(log=order.instance.ct_log, stated=LEAF_INDEX),)


@oddity("TIME-011", where=certified)
def sct_by_two_logs(order: Order) -> None:
    """One SCT is by an unknown log, and a second one by a known log."""
    known = Submission(log=order.instance.ct_log)
    order.submissions = (Submission(log=stranger().ct_log), known)


@oddity("SIGN-042", where=certified)
def no_sct_required(order: Order) -> None:
    """The certificate has no SCT, and the trust root asks for none."""
    order.submissions, order.require.sct = (), False


@oddity(where=certified)
def old_extensions_only(order: Order) -> None:
    """The certificate carries the first generation of extensions, 1 to 6."""
    order.leaf = replace(order.leaf, fulcio=dict(OLD_EXTENSIONS))


@oddity(where=certified)
def new_extensions_only(order: Order) -> None:
    """The certificate carries the present generation of extensions, 8 to 24."""
    order.leaf = replace(order.leaf, fulcio=dict(NEW_EXTENSIONS))


@oddity("SIGN-020", where=certified)
def other_kind_of_name(order: Order) -> None:
    """The certificate is for an OtherName of Fulcio's kind."""
    order.leaf = replace(order.leaf, names=(other_name("release-robot"),))


@oddity(where=certified)
def leaf_on_p384(order: Order) -> None:
    """The certificate is for a key on P-384, which signs over the curve's own SHA-384."""
    order.key = KeyPair("signer", KeyKind.P384)


@oddity(where=certified)
def leaf_on_p384_over_sha256(order: Order) -> None:
    """The certificate is for a key on P-384, which signs over SHA-256, as sigstore-python did until 2024."""
    order.key = KeyPair("signer", KeyKind.P384)
    order.signature = order.key.sign(order.message, hashes.SHA256())


@oddity(where=certified)
def leaf_on_p521_over_sha256(order: Order) -> None:
    """The certificate is for a key on P-521, which signs over SHA-256."""
    order.key = KeyPair("signer", KeyKind.P521)
    order.signature = order.key.sign(order.message, hashes.SHA256())


@oddity("TIME-002", where=both(certified, promised))
def integrated_at_the_end(order: Order) -> None:
    """The entry was integrated at the last second of the certificate."""
    order.integrated = LEAF_SPAN.end


@oddity("TIME-002", where=both(certified, promised))
def integrated_at_the_start(order: Order) -> None:
    """The entry was integrated at the first second of the certificate."""
    order.integrated = LEAF_SPAN.start


@oddity("TIME-008", where=both(certified, stamped))
def stamped_at_the_end_of_the_authority(order: Order) -> None:
    """The timestamp is of the last second of its authority's window."""
    window = {"start": rfc3339(SPAN.start), "end": rfc3339(STAMPED)}
    order.on_root = lambda root: root["timestampAuthorities"][0].update(validFor=window)


@oddity("TIME-016", where=both(certified, stamped, bundled))
def second_stamp_by_stranger(order: Order) -> None:
    """One timestamp cannot be verified, another one can."""
    (_, stamp), *_ = order.stamps
    order.stamps = [(stranger().timestamps, stamp), *order.stamps]


@oddity("TIME-017", where=both(certified, stamped))
def stamped_by_second_authority(order: Order) -> None:
    """The root lists two timestamp authorities; the second one stamped."""
    second = TimestampAuthority("acme second tsa", SPAN)
    order.stamps = [(second, stamp) for _, stamp in order.stamps]
    order.on_root = lambda root: root["timestampAuthorities"].append(
        authority_entry("https://second.example", second.leaf, second.root)
    )


@oddity("TIME-007", where=both(certified, stamped))
def stamp_without_certificate(order: Order) -> None:
    """The token carries no certificate: the trusted root has it."""
    order.stamps = [(authority, replace(stamp, certificates=())) for authority, stamp in order.stamps]


@oddity("TIME-007", where=both(certified, stamped))
def stamp_over_sha512(order: Order) -> None:
    """The timestamp's imprint is by SHA-512."""
    order.stamps = [(authority, replace(stamp, imprint="sha512")) for authority, stamp in order.stamps]


@oddity("TIME-017", where=certified)
def issued_by_second_authority(order: Order) -> None:
    """The root lists two certificate authorities; the second one issued."""
    order.issuer = stranger().authority
    order.chain = (order.issuer.intermediate,)
    entry = authority_entry("https://second.example", order.issuer.intermediate, order.issuer.root)
    order.on_root = lambda root: root["certificateAuthorities"].append(entry)


def _signatures(order: Order, change: Callable[[str, list[str]], list[str]]) -> None:
    """Rewrite the lines of the checkpoint's signatures, given its text."""

    def edit(entry: Json) -> None:
        checkpoint = entry["inclusionProof"]["checkpoint"]
        text, lines = checkpoint["envelope"].split("\n\n")
        signatures = change(text + "\n", lines.splitlines(keepends=True))
        checkpoint["envelope"] = f"{text}\n\n{''.join(signatures)}"

    order.on_entry = edit


@oddity("TIME-018", where=proven)
def checkpoint_cosigned(order: Order) -> None:
    """Two witnesses cosigned the checkpoint, one of them before the log."""
    _signatures(
        order,
        lambda text, lines: [
            cosignature(text, "witness.example", SIGNED),
            *lines,
            cosignature(text, "other.example", SIGNED),
        ],
    )


@oddity("TIME-018", where=proven)
def checkpoint_with_stranger_of_its_name(order: Order) -> None:
    """An unknown key signed the checkpoint in the log's name beside the log."""
    name = order.instance.rekor_v2.host if order.form.logged_by_v2 else order.rekor.host
    _signatures(order, lambda text, lines: [stranger().rekor.signature_line(text, name), *lines])


@oddity(where=both(proven, without(lambda form: form.logged_by_v2)))
def checkpoint_of_a_pod(order: Order) -> None:
    """A log of Rekor v1 signs its checkpoint as the host that it runs on, not as its URL."""

    def edit(entry: Json) -> None:
        proof = entry["inclusionProof"]
        root = base64.b64decode(proof["rootHash"])
        note = order.rekor.checkpoint(int(proof["treeSize"]), root, origin=f"{pod} - 636").split("\n\n", maxsplit=1)[0]
        proof["checkpoint"] = {"envelope": f"{note}\n\n{order.rekor.signature_line(note + chr(10), pod)}"}

    pod = "rekor-00001-deployment-5c7d"
    order.on_entry = edit


@oddity("TIME-026", where=logged)
def first_entry(order: Order) -> None:
    """The log's first and only entry: index and hashes are absent."""
    order.place = Place(index=0, size=1)


@oddity("TIME-026", where=proven)
def entry_of_a_large_tree(order: Order) -> None:
    """The last entry of a tree of 1,001."""
    order.place = Place(index=1000, size=1001)


@oddity("TIME-028", where=lambda form: form.wrap is Wrap.V01 and form.proven)
def no_proof_in_v01(order: Order) -> None:
    """A v0.1 bundle with a promise, and without a proof."""
    order.on_entry = lambda entry: entry.pop("inclusionProof")


@oddity("PARSE-009", where=both(logged, bundled))
def numbers_as_numbers(order: Order) -> None:
    """The 64-bit values stand there as JSON numbers."""

    def change(entry: Json) -> None:
        for document in (entry, entry.get("inclusionProof", {})):
            for name in {"logIndex", "integratedTime", "treeSize"} & document.keys():
                document[name] = int(document[name])

    order.on_entry = change


def _respell(value: Any, spell: Callable[[str], str]) -> Any:
    """Spell the values that are base64 in another way."""
    names = {"rawBytes", "keyId", "signedEntryTimestamp", "rootHash", "canonicalizedBody", "sig", "payload"}
    if isinstance(value, dict):
        return {name: spell(item) if name in names else _respell(item, spell) for name, item in value.items()}
    return [_respell(item, spell) for item in value] if isinstance(value, list) else value


@oddity("PARSE-004", where=bundled)
def unpadded_base64(order: Order) -> None:
    """No base64 in the bundle is padded."""
    order.on_container = lambda bundle: bundle.update(_respell(bundle, lambda text: text.rstrip("=")))


@oddity("PARSE-004", where=bundled)
def url_safe_base64(order: Order) -> None:
    """All base64 in the bundle is URL-safe."""
    order.on_container = lambda bundle: bundle.update(
        _respell(bundle, lambda text: base64.urlsafe_b64encode(base64.b64decode(text)).decode())
    )


@oddity("PARSE-016", where=bundled)
def unknown_fields(order: Order) -> None:
    """Bundle, material and trusted root have fields that nobody knows."""
    order.on_root = lambda root: root.update(invented={"by": ["nobody"]})

    def change(bundle: Json) -> None:
        bundle["invented"] = bundle["verificationMaterial"]["invented"] = {"by": ["nobody"]}

    order.on_container = change


@oddity("PARSE-017", where=certified)
def open_ends(order: Order) -> None:
    """Every window of the trusted root ends at null."""

    def change(root: Json) -> None:
        for entry in (*root["certificateAuthorities"], *root["timestampAuthorities"]):
            entry["validFor"]["end"] = None
        for entry in (*root["tlogs"], *root["ctlogs"]):
            entry["publicKey"]["validFor"]["end"] = None

    order.on_root = change


@oddity("TYPE-004", where=lambda form: form.enveloped)
def payload_type_with_predicate(order: Order) -> None:
    """The payload type names the kind of predicate."""
    order.payload_type = "application/vnd.in-toto.provenance+json"


def _timed(form: Form) -> bool:
    return form.timed


@oddity("KEY-010", where=both(key_signed, _timed))
def key_ended_since(order: Order) -> None:
    """The key's window ended at the very time of the signature."""
    order.terms.not_after = STAMPED if order.form.stamped else INTEGRATED


@oddity("KEY-014", where=both(key_signed, _timed))
def key_begun_just_then(order: Order) -> None:
    """The key's window began at the very time of the signature."""
    order.terms.not_before = INTEGRATED if order.form.promised else STAMPED


@oddity("KEY-012", where=both(key_signed, _timed))
def key_revoked_since(order: Order) -> None:
    """The key was revoked after the signature."""
    order.terms.revoked_at = LEAF_SPAN.end


@oddity("KEY-019", where=both(key_signed, logged))
def logged_elsewhere(order: Order) -> None:
    """The entry is in a log that timeRoot does not list: it counts as no time, and a key in its window needs none."""
    order.on_root = lambda root: root["tlogs"].pop(1 if order.form.logged_by_v2 else 0)


@oddity("KEY-003", where=both(key_signed, bundled))
def hint_of_another_key(order: Order) -> None:
    """The hint names another key."""
    hint = base64.b64encode(KeyPair("another signer").id).decode()
    order.on_container = lambda bundle: bundle["verificationMaterial"]["publicKey"].update(hint=hint)


@oddity("TIME-012", where=both(certified, without(logged)))
def timestamp_not_required(order: Order) -> None:
    """The trust root asks neither for a log nor for a timestamp; the timestamp tells the time."""
    order.require.signed_timestamp = False
