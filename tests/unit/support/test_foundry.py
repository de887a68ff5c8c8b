"""The foundry itself: deterministic, sound by other means than its own, and one thing broken at a time."""

from __future__ import annotations

import ast
import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tests.support.authority import IDENTITY, NEW_EXTENSIONS, OLD_EXTENSIONS
from tests.support.breaking import Catalogue, Change
from tests.support.bundles import make, order, trusted_root
from tests.support.changes import ALL_DEFECTS, ALL_ODDITIES
from tests.support.der import element, indefinite, integer, oid, sequence
from tests.support.forms import FORMS
from tests.support.instance import LEAF_SPAN, acme
from tests.support.rekor import Place, b64, canonical

SUPPORT = Path(__file__).parents[2] / "support"
# What makes bytes. `bundles` takes the type of a layer from where all tests have it, and no more.
MAKERS = ("der", "signing", "certificates", "authority", "rekor", "entrykinds", "tsa", "instance", "forms")
PAYLOAD = b'{"critical":{"identity":"acme"}}'
# The cases that verification refuses, other than what a payload says (which `defects` breaks).
REFUSED = {
    *("SIGN-004", "SIGN-005", "SIGN-006", "SIGN-014", "SIGN-017", "SIGN-018", "SIGN-019", "SIGN-021"),
    *("TYPE-003", "TYPE-005", "TYPE-018", "TYPE-019", "TYPE-020", "TYPE-021"),
    *("KEY-002", "KEY-004", "KEY-005", "KEY-008", "KEY-011", "KEY-013", "KEY-014", "KEY-017", "KEY-018", "KEY-019"),
    *(f"TIME-{number:03}" for number in (2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15, 19, 23, 25, 27, 28)),
    *("PARSE-001", "PARSE-003", "PARSE-005", "PARSE-007", "PARSE-011", "PARSE-012", "PARSE-013"),
}
ADMITTED = {
    *("KEY-003", "KEY-010", "KEY-012", "KEY-014", "PARSE-004", "PARSE-009", "PARSE-016", "PARSE-017", "TYPE-004"),
    *(f"TIME-{number:03}" for number in (8, 12, 16, 17, 18, 26, 28, 29)),
}


def bundle(name: str) -> Any:
    return json.loads(make(order(FORMS[name], PAYLOAD)).content)


@pytest.mark.parametrize("name", FORMS)
def test_the_same_order_gives_the_same_bytes(name: str) -> None:
    first, second = (make(order(FORMS[name], PAYLOAD)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("module", MAKERS)
def test_what_makes_bytes_imports_nothing_of_what_judges_them(module: str) -> None:
    tree = ast.parse((SUPPORT / f"{module}.py").read_text())
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not [name for name in imported if name.startswith("controller")]


def test_a_certificate_is_read_by_others_as_it_was_meant() -> None:
    leaf = x509.load_der_x509_certificate(order(FORMS["v0.3 dsse"], PAYLOAD).issued())
    intermediate = x509.load_der_x509_certificate(acme().authority.intermediate)
    root = x509.load_der_x509_certificate(acme().authority.root)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(root)
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (LEAF_SPAN.start, LEAF_SPAN.end)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.critical
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == [IDENTITY]
    fulcio = [e.oid.dotted_string for e in leaf.extensions if e.oid.dotted_string.startswith("1.3.6.1.4.1.57264.1.")]
    assert fulcio == [f"1.3.6.1.4.1.57264.1.{number}" for number in (*OLD_EXTENSIONS, *NEW_EXTENSIONS)]
    (sct,) = leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value
    assert sct.log_id == acme().ct_log.key.id


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (1, 2), (2, 3), (3, 6), (5, 6), (6, 7), (1000, 1001)])
def test_a_proof_leads_from_the_leaf_to_the_root(index: int, size: int) -> None:
    """RFC 9162, 2.1.3.2: another way to the root than the one by which the proof was made."""
    proof = acme().rekor.inclusion(b"body", Place(index=index, size=size))
    node, last, current = hashlib.sha256(b"\x00body").digest(), size - 1, index
    for text in proof.get("hashes", []):
        sibling = base64.b64decode(text)
        assert last
        if current % 2 or current == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not current % 2 and current:
                current, last = current >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        current, last = current >> 1, last >> 1
    assert last == 0
    assert b64(node) == proof["rootHash"]


def test_a_promise_is_over_the_canonical_entry() -> None:
    (entry,) = bundle("v0.3 dsse")["verificationMaterial"]["tlogEntries"]
    signed = {
        "body": entry["canonicalizedBody"],
        "integratedTime": int(entry["integratedTime"]),
        "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        "logIndex": int(entry["logIndex"]),
    }
    key = load_der_public_key(acme().rekor.key.spki)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    promise = base64.b64decode(entry["inclusionPromise"]["signedEntryTimestamp"])
    key.verify(promise, canonical(signed), ec.ECDSA(acme().rekor.key.digest))


def test_der_has_the_shortest_lengths_and_twos_complement() -> None:
    assert integer(0) == b"\x02\x01\x00"
    assert integer(128) == b"\x02\x02\x00\x80"
    assert integer(-129) == b"\x02\x02\xff\x7f"
    assert oid("1.2.840.113549").hex() == "06062a864886f70d"
    assert element(0x04, bytes(127))[:2] == b"\x04\x7f"
    assert element(0x04, bytes(128))[:3] == b"\x04\x81\x80"
    assert indefinite(sequence(integer(1))) == b"\x30\x80\x02\x01\x01\x00\x00"


@pytest.mark.slow
@pytest.mark.parametrize("change", [*ALL_DEFECTS, *ALL_ODDITIES], ids=lambda change: change.name)
def test_a_change_changes_something_in_every_form_that_it_can_befall(change: Change) -> None:
    assert change.forms
    for form in change.forms.values():
        sound, changed = order(form, PAYLOAD), order(form, PAYLOAD)
        change.apply(changed)
        before = (make(sound), trusted_root(sound), sound.require, sound.terms)
        assert before != (make(changed), trusted_root(changed), changed.require, changed.terms), form


def test_every_case_has_its_change() -> None:
    assert not REFUSED - {case for change in ALL_DEFECTS for case in change.cases}
    assert not ADMITTED - {case for change in ALL_ODDITIES for case in change.cases}


def test_a_change_has_a_name_of_its_own_and_says_what_it_does() -> None:
    catalogue = Catalogue()

    def mute(_: object) -> None: ...

    with pytest.raises(ValueError, match="mute"):
        catalogue.change(where=lambda _: True)(mute)
