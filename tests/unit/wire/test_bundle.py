"""Sigstore bundles."""

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.bundle import parse_bundle
from controller.wire.candidate import Container
from controller.wire.material import Material
from controller.wire.rekor import InclusionProof, LogEntry
from tests.support.foundry import BUNDLE_V03, b64, encode

ENVELOPE = {"payloadType": "text/plain", "payload": b64(b"hello"), "signatures": [{"sig": b64(b"signature")}]}
OLD = "application/vnd.dev.sigstore.bundle+json;version=0.{}"
CHAIN = {"certificates": [{"rawBytes": "AAAA"}]}


def document(**changes: object) -> bytes:
    good = {"mediaType": BUNDLE_V03, "verificationMaterial": {"publicKey": {"hint": "h"}}, "dsseEnvelope": ENVELOPE}
    return encode({name: value for name, value in {**good, **changes}.items() if value is not ...})


def material_of(**changes: object) -> Material:
    _, material = parse_bundle(document(**changes))
    return material


def entry(**changes: object) -> dict[str, object]:
    """A log entry with every member, as a log of today writes it."""
    proof = {
        "logIndex": "3",
        "rootHash": b64(b"root"),
        "treeSize": "9",
        "hashes": [b64(b"one"), b64(b"two")],
        "checkpoint": {"envelope": "note"},
    }
    whole = {
        "logIndex": "1234",
        "logId": {"keyId": b64(b"log")},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1700000000",
        "inclusionPromise": {"signedEntryTimestamp": b64(b"SET")},
        "inclusionProof": proof,
        "canonicalizedBody": b64(b"{}"),
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def entries_of(*entries: object, media_type: str = BUNDLE_V03) -> tuple[LogEntry, ...]:
    material = {"publicKey": {}, "tlogEntries": list(entries)}
    return material_of(mediaType=media_type, verificationMaterial=material).entries


def stamped(*tokens: bytes) -> dict[str, object]:
    stamps = [{"signedTimestamp": b64(token)} for token in tokens]
    return {"publicKey": {}, "timestampVerificationData": {"rfc3161Timestamps": stamps}}


def test_a_bundle_is_read() -> None:
    content, material = parse_bundle(document())
    assert content.container is Container.BUNDLE
    assert (content.payload_type, content.payload, content.signatures) == ("text/plain", b"hello", (b"signature",))
    assert content.message == b"DSSEv1 10 text/plain 5 hello"
    assert content.envelope is None
    assert content.digest is None
    assert material == Material(proof_required=True)


def test_null_is_absent() -> None:
    material: dict[str, object] = {
        "publicKey": {},
        "certificate": None,
        "x509CertificateChain": None,
        "tlogEntries": None,
        "timestampVerificationData": {"rfc3161Timestamps": None},
    }
    assert material_of(verificationMaterial=material, messageSignature=None) == Material(proof_required=True)


def test_a_certificate_is_read() -> None:
    material = material_of(verificationMaterial={"certificate": {"rawBytes": b64(b"leaf")}})
    assert (material.certificate, material.intermediates) == (b"leaf", ())


@pytest.mark.parametrize("version", [1, 2])
def test_a_chain_is_read_leaf_first(version: int) -> None:
    chain = {"certificates": [{"rawBytes": b64(b"leaf")}, {"rawBytes": b64(b"intermediate")}]}
    material = material_of(mediaType=OLD.format(version), verificationMaterial={"x509CertificateChain": chain})
    assert (material.certificate, material.intermediates) == (b"leaf", (b"intermediate",))


@pytest.mark.case("TYPE-020")
@pytest.mark.parametrize("media_type", [BUNDLE_V03, OLD.format(3)])
def test_a_chain_in_a_bundle_of_v03_is_refused(media_type: str) -> None:
    with pytest.raises(MalformedAttestation, match="no chain"):
        parse_bundle(document(mediaType=media_type, verificationMaterial={"x509CertificateChain": CHAIN}))


@pytest.mark.case("SIGN-004")
@pytest.mark.parametrize(
    "material",
    [
        {"certificate": {}},
        {"certificate": {"rawBytes": ""}},
        {"x509CertificateChain": {}},
        {"x509CertificateChain": {"certificates": []}},
        {"x509CertificateChain": {"certificates": [{}]}},
    ],
)
def test_a_certificate_that_is_missing_is_refused(material: object) -> None:
    with pytest.raises(MalformedAttestation, match="empty"):
        parse_bundle(document(mediaType=OLD.format(1), verificationMaterial=material))


@pytest.mark.case("TIME-028")
@pytest.mark.parametrize("media_type", [OLD.format(2), OLD.format(3), BUNDLE_V03])
def test_since_v02_an_inclusion_proof_is_asked(media_type: str) -> None:
    assert material_of(mediaType=media_type).proof_required
    assert not material_of(mediaType=OLD.format(1)).proof_required


def test_a_log_entry_is_read() -> None:
    proof = InclusionProof(log_index=3, root_hash=b"root", tree_size=9, hashes=(b"one", b"two"), checkpoint="note")
    assert entries_of(entry()) == (
        LogEntry(
            log_index=1234,
            log_id=b"log",
            kind="dsse",
            version="0.0.1",
            integrated_time=1_700_000_000,
            body=b"{}",
            signed_entry_timestamp=b"SET",
            inclusion=proof,
        ),
    )


@pytest.mark.case("PARSE-007")
def test_a_proof_has_no_more_hashes_than_a_tree_has_levels() -> None:
    def proof(count: int) -> dict[str, object]:
        return {"treeSize": "1", "hashes": ["AAAA"] * count, "checkpoint": {"envelope": "note"}}

    (found,) = entries_of(entry(inclusionProof=proof(64)))
    assert found.inclusion is not None
    assert len(found.inclusion.hashes) == 64
    with pytest.raises(MalformedAttestation, match="length <= 64"):
        entries_of(entry(inclusionProof=proof(65)))


@pytest.mark.case("TIME-026")
def test_what_is_absent_is_zero_or_empty() -> None:
    (found,) = entries_of(entry(logIndex=..., inclusionProof={"treeSize": "1", "checkpoint": {"envelope": "note"}}))
    assert found.log_index == 0
    assert found.inclusion == InclusionProof(log_index=0, root_hash=b"", tree_size=1, hashes=(), checkpoint="note")


def test_an_empty_entry_claims_nothing() -> None:
    (found,) = entries_of({})
    assert (found.kind, found.version, found.integrated_time) == (None, None, None)
    assert (found.signed_entry_timestamp, found.inclusion) == (None, None)


@pytest.mark.case("PARSE-009")
@pytest.mark.parametrize("number", [7, "7"], ids=repr)
def test_numbers_of_64_bits_are_read_in_both_spellings(number: object) -> None:
    (found,) = entries_of(entry(logIndex=number, integratedTime=number))
    assert (found.log_index, found.integrated_time) == (7, 7)


@pytest.mark.parametrize(
    "number", ["", "07", "+7", "7.0", "1e3", " 7", "\u0667", str(2**63), 2**63, "-0", 7.5, True], ids=repr
)
def test_anything_else_is_no_number_of_64_bits(number: object) -> None:
    with pytest.raises(MalformedAttestation):
        entries_of(entry(logIndex=number))


@pytest.mark.case("TIME-028")
@pytest.mark.parametrize("checkpoint", [None, {}, {"envelope": ""}])
def test_a_proof_without_checkpoint_proves_nothing(checkpoint: object) -> None:
    (found,) = entries_of(entry(inclusionProof={"treeSize": "1", "checkpoint": checkpoint}))
    assert found.inclusion is None


@pytest.mark.case("TIME-025")
def test_the_same_timestamp_twice_is_refused() -> None:
    assert material_of(verificationMaterial=stamped(b"one", b"two")).timestamps == (b"one", b"two")
    with pytest.raises(MalformedAttestation, match="twice"):
        parse_bundle(document(verificationMaterial=stamped(b"one", b"two", b"one")))


def test_the_same_log_entry_twice_is_refused() -> None:
    entries_of(entry(), entry(logIndex="1235"), entry(logId={"keyId": b64(b"another")}))
    with pytest.raises(MalformedAttestation, match="twice"):
        entries_of(entry(), entry(integratedTime="1"))


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


def message_signature(**changes: object) -> dict[str, object]:
    digest = {"algorithm": "SHA2_256", "digest": b64(bytes(32))}
    return {"messageDigest": digest, "signature": b64(b"signature"), **changes}


@pytest.mark.parametrize(("algorithm", "size"), [("SHA2_256", 32), ("SHA2_384", 48), ("SHA2_512", 64)])
def test_a_message_signature_is_read(algorithm: str, size: int) -> None:
    digest = {"algorithm": algorithm, "digest": b64(bytes(size))}
    message = message_signature(messageDigest=digest)
    content, _ = parse_bundle(document(dsseEnvelope=None, messageSignature=message))
    assert (content.digest, content.signatures, content.message) == (bytes(size), (b"signature",), b"")


def test_a_message_signature_need_not_say_of_what() -> None:
    content, _ = parse_bundle(document(dsseEnvelope=None, messageSignature=message_signature(messageDigest=None)))
    assert content.digest == b""


@pytest.mark.parametrize(
    "digest", [{"algorithm": "SHA2_512", "digest": b64(bytes(32))}, {"digest": b64(bytes(32))}, {"digest": "!"}]
)
def test_a_message_digest_that_is_none_is_refused(digest: object) -> None:
    with pytest.raises(MalformedAttestation, match="message digest"):
        parse_bundle(document(dsseEnvelope=None, messageSignature=message_signature(messageDigest=digest)))


@pytest.mark.case("SIGN-004")
@pytest.mark.parametrize("signature", [None, ""])
def test_an_empty_message_signature_is_refused(signature: object) -> None:
    with pytest.raises(MalformedAttestation, match="empty"):
        parse_bundle(document(dsseEnvelope=None, messageSignature=message_signature(signature=signature)))


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
def test_exactly_as_many_as_allowed_are_read_and_no_more() -> None:
    def full(extra: int) -> dict[str, object]:
        stamps = stamped(*(bytes([number]) for number in range(32 + extra)))
        return {**stamps, "tlogEntries": [{"logIndex": number} for number in range(32)]}

    def chain(count: int) -> dict[str, object]:
        return {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}] * count}}

    assert len(material_of(verificationMaterial=full(0)).entries) == 32
    assert len(material_of(mediaType=OLD.format(1), verificationMaterial=chain(10)).intermediates) == 9
    for media_type, material in [
        (BUNDLE_V03, full(1)),
        (BUNDLE_V03, {"publicKey": {}, "tlogEntries": [{"logIndex": number} for number in range(33)]}),
        (OLD.format(1), chain(11)),
    ]:
        with pytest.raises(MalformedAttestation, match="<="):
            parse_bundle(document(mediaType=media_type, verificationMaterial=material))
