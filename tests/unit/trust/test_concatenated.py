"""ECDSA signatures of r and s side by side: DSSE has them, in envelopes that are neither a bundle's nor cosign's."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from controller.trust.keys import parse_public_key
from controller.trust.message import SignedMessage
from controller.trust.root import RootKey, TrustRoots
from controller.wire.annotations import BUNDLE, CERTIFICATE, CHAIN, SIGNATURE, TIMESTAMP
from controller.wire.candidate import Container
from controller.wire.envelope import parse_envelope
from tests.support.foundry import ENVELOPE_TYPE, IN_TOTO, Foundry, Layer, b64, encode, pae, roots_of
from tests.support.judging import SUBJECT, bundle_of, proven, refused
from tests.support.signers import key_of
from tests.support.signing import CURVES, KeyKind, KeyPair

# Test vector of the DSSE specification (v1.0.2, protocol.md).
X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
Y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
EXAMPLE = {
    "payload": "aGVsbG8gd29ybGQ=",
    "payloadType": "http://example.com/HelloWorld",
    "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}],
}


def envelope(payload: bytes, *signatures: bytes) -> dict[str, object]:
    entries = [{"sig": b64(signature)} for signature in signatures]
    return {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": entries}


def bare(document: object, **annotations: str) -> Layer:
    return Layer(media_type=ENVELOPE_TYPE, content=encode(document), annotations=annotations)


def believing(key: KeyPair) -> TrustRoots:
    return roots_of(RootKey(name="release", key=parse_public_key(key.pem.decode())))


def signed(foundry: Foundry, kind: KeyKind = KeyKind.P256) -> tuple[KeyPair, bytes, bytes]:
    """A key, provenance, and the key's signature over it."""
    key, payload = KeyPair("ours", kind), foundry.provenance(SUBJECT)
    return key, payload, key.sign_raw(pae(IN_TOTO, payload))


@pytest.mark.parametrize(("payload", "holds"), [("aGVsbG8gd29ybGQ=", True), ("SGVsbG8gd29ybGQ=", False)])
def test_the_specification_s_own_example_is_by_its_key(payload: str, *, holds: bool) -> None:
    point = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()
    key = parse_public_key(point.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    opened = parse_envelope(json.dumps(EXAMPLE | {"payload": payload}).encode())
    found = SignedMessage(opened.content(Container.ENVELOPE, concatenated=True)).signature_by(key)
    assert (found == opened.signatures[0]) is holds
    assert SignedMessage(opened.content(Container.ENVELOPE)).signature_by(key) is None


@pytest.mark.parametrize("kind", CURVES)
def test_a_bare_envelope_may_be_signed_so_on_every_curve(foundry: Foundry, kind: KeyKind) -> None:
    key, payload, signature = signed(foundry, kind)
    assert key_of(proven(bare(envelope(payload, signature)), believing(key))).name == "release"
    assert key_of(proven(bare(envelope(payload, key.sign(pae(IN_TOTO, payload)))), believing(key))).name == "release"


@pytest.mark.case("KEY-004")
def test_in_a_bundle_and_in_a_layer_of_cosign_s_it_is_refused(foundry: Foundry) -> None:
    key, payload, signature = signed(foundry)
    refused(bundle_of(foundry, envelope(payload, signature)), believing(key))
    for name in (SIGNATURE, CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP):
        refused(bare(envelope(payload, signature), **{name: ""}), believing(key))


@pytest.mark.case("KEY-005")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda signature: signature + b"\x00",
        lambda signature: b"\x00" + signature,
        lambda signature: signature[:32] + b"\x00" + signature[32:],
        lambda signature: bytes(32) + signature[32:],
        lambda signature: signature[:32] + bytes(32),
        lambda signature: signature[32:] + signature[:32],
        lambda signature: signature[:-1] + bytes([signature[-1] ^ 1]),
        lambda signature: b"\xff" * 32 + signature[32:],
        lambda _: bytes(64),
    ],
    ids=["byte after", "byte before", "s wider", "r zero", "s zero", "turned", "bit flipped", "r too large", "nothing"],
)
def test_it_has_one_spelling(foundry: Foundry, spoil: Callable[[bytes], bytes]) -> None:
    key, payload, signature = signed(foundry)
    refused(bare(envelope(payload, spoil(signature))), believing(key))


def test_another_key_s_or_over_the_payload_alone_counts_as_nothing(foundry: Foundry) -> None:
    key, payload, signature = signed(foundry)
    refused(bare(envelope(payload, signature)), believing(KeyPair("other")))
    refused(bare(envelope(payload, key.sign_raw(payload))), believing(key))
