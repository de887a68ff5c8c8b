"""One bundle about one artifact."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from controller.core.errors import MalformedAttestation, NotVerified
from controller.core.image import Digest
from controller.core.signer import CertificateSigner, KeySigner
from controller.trust.artifact import Artifact, Identity, VerifiedBundle, verify_bundle
from controller.trust.keys import PublicKey, parse_public_key
from controller.trust.root import SigstoreMaterial, compile_sigstore
from controller.wire.trustedroot import parse_trusted_root
from tests.support.authority import IDENTITY, ISSUER
from tests.support.bundles import Order, make, order, trusted_root
from tests.support.forms import FORMS, MESSAGE_FORMS, Form, Wrap
from tests.support.foundry import Foundry, b64, encode, pae, statement
from tests.support.instance import INTEGRATED, JUDGED, STAMPED, stranger
from tests.support.signing import KeyKind, KeyPair

BLOB = b"any file at all"
OTHER = Artifact.of(b"another file")
WHO = Identity(issuer=ISSUER, subject=IDENTITY)


@cache
def about(artifact: bytes, predicate_type: str = "https://acme.example/any") -> bytes:
    return encode(statement(Digest.of(artifact), predicate_type=predicate_type, predicate="of any shape"))


def ordered(form: Form, kind: KeyKind = KeyKind.P256) -> Order:
    return order(form, BLOB if form.message else about(BLOB), kind=kind)


def sigstore_of(wanted: Order) -> SigstoreMaterial:
    return compile_sigstore(parse_trusted_root(json.dumps(trusted_root(wanted))))


def verify(wanted: Order, artifact: Artifact, by: Identity | PublicKey = WHO) -> VerifiedBundle:
    sigstore = sigstore_of(wanted)
    return verify_bundle(make(wanted).content, artifact=artifact, by=by, sigstore=sigstore, now=JUDGED)


def key_of(wanted: Order) -> PublicKey:
    return parse_public_key(wanted.key.pem.decode())


BUNDLES = {
    name: form for name, form in {**FORMS, **MESSAGE_FORMS}.items() if form.bundled and form.vouched == form.certified
}
KEY_MESSAGE = Form(wrap=Wrap.V03, certified=False, message=True)


@pytest.mark.parametrize("artifact", [Artifact.of(BLOB), Artifact(digest=Digest.of(BLOB))], ids=["file", "digest"])
@pytest.mark.parametrize("name", [name for name, form in BUNDLES.items() if form.certified and form.entry])
def test_a_bundle_is_verified_by_identity(name: str, artifact: Artifact) -> None:
    form = BUNDLES[name]
    found = verify(ordered(form), artifact)
    assert isinstance(found.signing.signer, CertificateSigner)
    assert set(found.signing.times) == ({INTEGRATED} if form.promised else set()) | (
        {STAMPED} if form.stamped else set()
    )
    assert found.predicate_type == (None if form.message else "https://acme.example/any")


@pytest.mark.parametrize("artifact", [Artifact.of(BLOB), Artifact(digest=Digest.of(BLOB))], ids=["file", "digest"])
@pytest.mark.parametrize("name", [*(name for name, form in BUNDLES.items() if not form.certified), "message"])
def test_a_bundle_is_verified_by_key_with_or_without_a_log(name: str, artifact: Artifact) -> None:
    wanted = ordered(BUNDLES.get(name, KEY_MESSAGE))
    found = verify(wanted, artifact, key_of(wanted))
    assert isinstance(found.signing.signer, KeySigner)
    assert found.signing.signer.key == key_of(wanted).fingerprint


@pytest.mark.case("CLI-013")
@pytest.mark.parametrize(
    ("by", "message"),
    [
        (Identity(issuer=ISSUER, subject=IDENTITY + "x"), "the identity is"),
        (Identity(issuer=ISSUER, subject=IDENTITY[:-1]), "the identity is"),
        (Identity(issuer=ISSUER + "/path", subject=IDENTITY), "the issuer is"),
        (Identity(issuer=ISSUER.upper(), subject=IDENTITY), "the issuer is"),
    ],
)
def test_another_identity_is_refused_as_such(by: Identity, message: str) -> None:
    with pytest.raises(NotVerified, match=message):
        verify(ordered(FORMS["v0.3 dsse"]), Artifact.of(BLOB), by)


@pytest.mark.case("CLI-013")
@pytest.mark.parametrize("form", [FORMS["key v0.3"], KEY_MESSAGE])
def test_another_key_is_refused_as_such(form: Form) -> None:
    with pytest.raises(NotVerified, match="not by this key"):
        verify(ordered(form), Artifact.of(BLOB), key_of(replace(ordered(form), key=KeyPair("other", KeyKind.P256))))


def test_a_signature_over_the_payload_itself_is_told_from_another_key_s() -> None:
    foundry = Foundry()
    payload = about(BLOB)
    document: Any = foundry.bundle_document(foundry.envelope_document(payload, keys=(foundry.key,)))
    document["dsseEnvelope"]["signatures"][0]["sig"] = b64(foundry.key.sign(payload))
    key, sigstore = parse_public_key(foundry.key.pem), SigstoreMaterial()
    with pytest.raises(NotVerified, match="over the payload itself"):
        verify_bundle(encode(document), artifact=Artifact.of(BLOB), by=key, sigstore=sigstore, now=JUDGED)


def naming(digests: dict[str, str], *others: dict[str, str]) -> Order:
    document = json.loads(about(BLOB))
    document["subject"] = [{"digest": digest} for digest in (digests, *others)]
    return order(FORMS["v0.3 dsse"], encode(document))


def hexes(*algorithms: str, content: bytes = BLOB) -> dict[str, str]:
    return {name: hashlib.new(name, content).hexdigest() for name in algorithms}


@pytest.mark.parametrize("digests", [hexes("sha512"), hexes("sha384"), hexes("sha384", "sha1", "sha512")])
def test_a_subject_without_sha256_is_told_by_the_file_itself(digests: dict[str, str]) -> None:
    """npm's provenance names the package by SHA-512 alone."""
    for wanted in (naming(digests), naming(hexes("sha256", content=b"other"), digests)):
        assert verify(wanted, Artifact.of(BLOB)).predicate_type == "https://acme.example/any"
        with pytest.raises(NotVerified, match="other digests than SHA-256: the artifact itself is needed"):
            verify(wanted, Artifact(digest=Digest.of(BLOB)))
        with pytest.raises(NotVerified, match="about another artifact"):
            verify(wanted, OTHER)


@pytest.mark.parametrize(
    "digests",
    [
        hexes("sha1", "md5", "sha3_512"),
        {"sha512": hexes("sha512")["sha512"].upper()},
        {"sha384": hexes("sha512")["sha512"]},
        {**hexes("sha512"), **hexes("sha256", content=b"other")},
        {"sha512": hexes("sha512")["sha512"][:96]},
    ],
    ids=["weak", "upper case", "another name", "two meanings", "shortened"],
)
def test_a_file_is_told_by_no_other_digest(digests: dict[str, str]) -> None:
    with pytest.raises(NotVerified, match="about another artifact"):
        verify(naming(digests), Artifact.of(BLOB))


@pytest.mark.case("CLI-013")
@pytest.mark.parametrize("artifact", [OTHER, Artifact(digest=OTHER.digest)], ids=["file", "digest"])
@pytest.mark.parametrize("form", [FORMS["v0.3 dsse"], MESSAGE_FORMS["v0.3 message"]], ids=["statement", "message"])
def test_another_artifact_is_refused_as_such(form: Form, artifact: Artifact) -> None:
    with pytest.raises(NotVerified, match="another artifact"):
        verify(ordered(form), artifact)


@pytest.mark.parametrize("announced", [None, {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(OTHER.digest.hex))}])
@pytest.mark.parametrize("artifact", [OTHER, Artifact(digest=OTHER.digest)], ids=["file", "digest"])
def test_a_message_signature_over_another_artifact_is_refused_whatever_it_announces(
    artifact: Artifact, announced: object
) -> None:
    def announce(document: Any) -> None:
        document["messageSignature"]["messageDigest"] = announced

    with pytest.raises(NotVerified, match="did not make the signature"):
        verify(replace(ordered(MESSAGE_FORMS["v0.3 message"]), on_container=announce), artifact)


@pytest.mark.parametrize("artifact", [Artifact.of(BLOB), Artifact(digest=Digest.of(BLOB))], ids=["file", "digest"])
def test_a_message_signature_need_not_announce_what_it_is_over(artifact: Artifact) -> None:
    def announce_nothing(document: Any) -> None:
        document["messageSignature"]["messageDigest"] = None

    verify(replace(ordered(MESSAGE_FORMS["v0.3 message"]), on_container=announce_nothing), artifact)


def test_a_digest_is_not_the_empty_artifact() -> None:
    """A signature over nothing at all must not do for any digest."""
    wanted = order(replace(KEY_MESSAGE, entry=None), b"", kind=KeyKind.ED25519)

    def announce_nothing(document: Any) -> None:
        document["messageSignature"]["messageDigest"] = None

    wanted = replace(wanted, on_container=announce_nothing)
    verify(wanted, Artifact.of(b""), key_of(wanted))
    with pytest.raises(NotVerified):
        verify(wanted, Artifact(digest=OTHER.digest), key_of(wanted))


@pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521, KeyKind.ED25519])
def test_where_the_key_does_not_sign_sha256_the_artifact_itself_is_needed(kind: KeyKind) -> None:
    wanted = ordered(KEY_MESSAGE, kind)
    verify(wanted, Artifact.of(BLOB), key_of(wanted))
    with pytest.raises(NotVerified):
        verify(wanted, Artifact(digest=Digest.of(BLOB)), key_of(wanted))


@pytest.mark.parametrize("kind", [KeyKind.P384, KeyKind.P521])
def test_where_a_certificate_s_key_signed_sha256_its_digest_suffices(kind: KeyKind) -> None:
    form = next(form for form in MESSAGE_FORMS.values() if form.certified)
    wanted = ordered(form, kind)
    wanted.signature = wanted.key.sign(BLOB, hashes.SHA256())
    verify(wanted, Artifact(digest=Digest.of(BLOB)))
    with pytest.raises(NotVerified):
        verify(wanted, OTHER)


def test_a_longer_digest_is_compared_with_the_artifact() -> None:
    def announce(document: Any) -> None:
        document["messageSignature"]["messageDigest"] = {"algorithm": "SHA2_512", "digest": b64(bytes(64))}

    wanted = replace(ordered(KEY_MESSAGE), on_container=announce)
    with pytest.raises(NotVerified, match="another artifact"):
        verify(wanted, Artifact.of(BLOB), key_of(wanted))
    with pytest.raises(NotVerified, match="the artifact itself is needed"):
        verify(wanted, Artifact(digest=Digest.of(BLOB)), key_of(wanted))


def test_a_key_does_not_stand_in_for_a_certificate_nor_the_reverse() -> None:
    certified, keyed = ordered(FORMS["v0.3 dsse"]), ordered(FORMS["key v0.3"])
    with pytest.raises(NotVerified, match="signed with a certificate"):
        verify(certified, Artifact.of(BLOB), key_of(certified))
    with pytest.raises(NotVerified, match="signed with a key"):
        verify(keyed, Artifact.of(BLOB))


@pytest.mark.case("KEY-018")
def test_with_a_key_a_log_entry_that_is_there_must_hold() -> None:
    wanted = ordered(FORMS["key v0.3 dsse"])
    with pytest.raises(NotVerified, match="does not know"):
        verify(replace(wanted, rekor=stranger().rekor), Artifact.of(BLOB), key_of(wanted))
    other = replace(wanted, logged=lambda logged: replace(logged, signature=b"other"))
    with pytest.raises(NotVerified, match="another signature"):
        verify(other, Artifact.of(BLOB), key_of(wanted))


@pytest.mark.case("TIME-013")
@pytest.mark.parametrize(
    ("part", "wanted"),
    [
        ("tlogs", ordered(FORMS["v0.3 timestamp only"])),
        ("ctlogs", replace(ordered(FORMS["v0.3 dsse"]), submissions=())),
    ],
    ids=["tlogs", "ctlogs"],
)
def test_of_a_certificate_is_asked_what_the_trusted_root_can_show(part: str, wanted: Order) -> None:
    def without(document: Any) -> None:
        document[part] = []

    with pytest.raises(NotVerified):
        verify(wanted, Artifact.of(BLOB))
    verify(replace(wanted, on_root=without), Artifact.of(BLOB))


@pytest.mark.parametrize("payload_type", ["", "application/json"])
def test_an_envelope_around_anything_but_a_statement_is_about_nothing(payload_type: str) -> None:
    foundry = Foundry()
    bundle = foundry.bundle(about(BLOB), payload_type=payload_type)
    with pytest.raises(NotVerified, match="is no statement"):
        verify_bundle(
            bundle,
            artifact=Artifact.of(BLOB),
            by=parse_public_key(foundry.key.pem),
            sigstore=SigstoreMaterial(),
            now=JUDGED,
        )


def test_an_envelope_over_what_looks_like_one_is_no_message_signature() -> None:
    """The pre-authentication encoding as a file of its own: whoever signed the file signed the statement's bytes."""
    artifact = pae("application/vnd.in-toto+json", about(BLOB))
    wanted = order(replace(KEY_MESSAGE, entry=None), artifact)
    assert verify(wanted, Artifact.of(artifact), key_of(wanted)).predicate_type is None
    with pytest.raises(NotVerified):
        verify(wanted, Artifact.of(BLOB), key_of(wanted))


def test_a_signed_statement_that_can_not_be_read_is_not_verified() -> None:
    wanted = order(FORMS["v0.3 dsse"], b"{}")
    with pytest.raises(NotVerified, match="the statement"):
        verify(wanted, Artifact.of(BLOB))


def test_what_is_no_bundle_is_malformed() -> None:
    with pytest.raises(MalformedAttestation):
        verify_bundle(b"{}", artifact=OTHER, by=WHO, sigstore=SigstoreMaterial(), now=JUDGED)


@pytest.mark.case("TIME-004")
def test_an_entry_about_another_artifact_is_refused() -> None:
    wanted = ordered(MESSAGE_FORMS["v0.3 message"])
    other = replace(wanted, logged=lambda logged: replace(logged, message=b"another file"))
    for artifact in (Artifact.of(BLOB), Artifact(digest=Digest.of(BLOB))):
        with pytest.raises(NotVerified, match="other signed bytes"):
            verify(other, artifact)
