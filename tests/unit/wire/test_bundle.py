"""Sigstore bundles."""

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.bundle import Material, parse_bundle
from tests.support.foundry import BUNDLE_V03, b64, encode

ENVELOPE = {"payloadType": "text/plain", "payload": b64(b"hello"), "signatures": [{"sig": b64(b"signature")}]}
CHAIN = {"certificates": [{"rawBytes": "AAAA"}]}


def document(**changes: object) -> bytes:
    good = {"mediaType": BUNDLE_V03, "verificationMaterial": {"publicKey": {"hint": "h"}}, "dsseEnvelope": ENVELOPE}
    return encode({name: value for name, value in {**good, **changes}.items() if value is not ...})


def test_a_bundle_is_read() -> None:
    bundle = parse_bundle(document())
    assert bundle.material is Material.PUBLIC_KEY
    assert bundle.envelope is not None
    assert bundle.envelope.payload == b"hello"


def test_null_is_absent() -> None:
    material: dict[str, object] = {
        "publicKey": {},
        "certificate": None,
        "x509CertificateChain": None,
        "tlogEntries": None,
    }
    assert parse_bundle(document(verificationMaterial=material, messageSignature=None)).material is Material.PUBLIC_KEY


@pytest.mark.parametrize("material", [{"certificate": {"rawBytes": "AAAA"}}, {"x509CertificateChain": CHAIN}])
def test_certificates_are_told_apart_from_keys(material: object) -> None:
    assert parse_bundle(document(verificationMaterial=material)).material is Material.CERTIFICATE


@pytest.mark.parametrize(
    "material",
    [
        {},
        None,
        [],
        {"publicKey": {}, "certificate": {}},
        {"certificate": {}, "x509CertificateChain": CHAIN},
        {"publickey": {}},
        {"publicKey": "PEM"},
    ],
)
def test_anything_but_one_kind_of_key_material_is_refused(material: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_bundle(document(verificationMaterial=material))


@pytest.mark.case("TYPE-019")
@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.bundle.v0.4+json",
        "application/vnd.dev.sigstore.bundle+json;version=0.4",
        "application/vnd.dev.sigstore.bundle+json; version=0.3",
        "application/vnd.dev.sigstore.bundle+json",
        "application/vnd.dev.sigstore.bundle.v0.2+json",
        "Application/vnd.dev.sigstore.bundle.v0.3+json",
        "",
        None,
        ...,
    ],
)
def test_unknown_versions_are_refused(media_type: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_bundle(document(mediaType=media_type))


@pytest.mark.case("BIND-019")
def test_a_message_signature_has_no_envelope() -> None:
    assert parse_bundle(document(dsseEnvelope=None, messageSignature={"signature": "AAAA"})).envelope is None


@pytest.mark.case("TYPE-018")
@pytest.mark.parametrize("changes", [{"messageSignature": {}}, {"dsseEnvelope": ...}, {"dsseEnvelope": None}])
def test_both_contents_or_neither_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedAttestation, match="either an envelope or a message signature"):
        parse_bundle(document(**changes))


@pytest.mark.case("SIGN-005")
def test_two_signatures_are_refused() -> None:
    twice = {**ENVELOPE, "signatures": [{"sig": b64(b"one")}, {"sig": b64(b"two")}]}
    with pytest.raises(MalformedAttestation, match="exactly one signature"):
        parse_bundle(document(dsseEnvelope=twice))


@pytest.mark.case("PARSE-007")
def test_exactly_as_many_entries_as_allowed_are_read() -> None:
    material: dict[str, object] = {
        "publicKey": {},
        "tlogEntries": [{}] * 32,
        "timestampVerificationData": {"rfc3161Timestamps": [{}] * 32},
    }
    parse_bundle(document(verificationMaterial=material))
    chain: dict[str, object] = {"x509CertificateChain": {"certificates": [{}] * 10}}
    parse_bundle(document(verificationMaterial=chain))
