"""Trust roots: what they hold, what they ask for, and when anything about them changed."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from controller.core.errors import MalformedDocument, NotVerified
from controller.trust.keys import parse_public_key
from controller.trust.root import (
    Require,
    RootKey,
    SigstoreMaterial,
    TrustRoot,
    TrustRoots,
    compile_sigstore,
    public_good,
)
from controller.trust.verifying import Algorithm
from controller.wire.trustedroot import parse_trusted_root
from tests.support.foundry import SigningKey
from tests.support.instance import acme, stranger
from tests.support.signing import KeyKind, KeyPair, rsa_key

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEY = SigningKey()
PUBLIC = parse_public_key(KEY.pem)
Change = Callable[[dict[str, Any]], object]


def root(*keys: RootKey) -> TrustRoot:
    return TrustRoot(name="acme", keys=keys)


def material(change: Change = lambda _: None) -> SigstoreMaterial:
    document = json.loads(json.dumps(acme().trusted_root()))
    change(document)
    return compile_sigstore(parse_trusted_root(json.dumps(document)))


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        KEY.entry(not_after=datetime(2026, 3, 1))  # noqa: DTZ001 - the defect


def test_the_revision_changes_with_everything_that_decides() -> None:
    other = SigningKey()
    entries = [
        KEY.entry(),
        KEY.entry("other"),
        other.entry(),
        KEY.entry(not_before=NOW),
        KEY.entry(not_after=NOW),
        KEY.entry(revoked_at=NOW),
    ]
    roots = [
        *(root(entry) for entry in entries),
        TrustRoot(name="acme", keys=(KEY.entry(),), time_root="sigstore"),
        TrustRoot(name="acme", keys=(KEY.entry(),), require=Require(transparency_log=True)),
        TrustRoot(name="acme", keys=(KEY.entry(),), require=Require(signed_timestamp=True)),
        TrustRoot(name="acme", sigstore=material()),
        TrustRoot(name="acme", sigstore=material(), require=Require(sct=True)),
        TrustRoot(name="acme", sigstore=material(lambda document: document["tlogs"].pop())),
        TrustRoot(name="acme", sigstore=material(_end_ct_log)),
        TrustRoot(name="acme", sigstore=public_good()),
    ]
    revisions = {TrustRoots(roots={"acme": one}).revision for one in roots}
    assert len(revisions) == len(roots)


def _end_ct_log(document: dict[str, Any]) -> None:
    document["ctlogs"][0]["publicKey"]["validFor"]["end"] = "2030-01-01T00:00:00Z"


def test_the_revision_does_not_depend_on_order() -> None:
    first, second = KEY.entry("a"), SigningKey().entry("b")
    assert root(first, second).revision == root(second, first).revision


def test_the_revision_of_the_same_document_is_the_same() -> None:
    assert material().revision == material().revision


def test_keys_are_found_by_name() -> None:
    entry = KEY.entry("release")
    assert root(entry).named("release") is entry
    assert root(entry).named("Release") is None


class TestRequire:
    def test_keys_ask_for_nothing_else(self) -> None:
        assert root(KEY.entry()).require == Require(transparency_log=False, signed_timestamp=False, sct=False)

    def test_a_sigstore_root_asks_for_a_log_and_an_sct(self) -> None:
        asked = TrustRoot(name="acme", sigstore=material()).require
        assert asked == Require.of_sigstore() == Require(transparency_log=True, signed_timestamp=False, sct=True)

    @pytest.mark.parametrize("asked", [Require(), Require(transparency_log=True, signed_timestamp=True, sct=True)])
    def test_what_is_said_counts(self, asked: Require) -> None:
        assert TrustRoot(name="acme", sigstore=material(), require=asked).require == asked
        assert TrustRoot(name="acme", keys=(KEY.entry(),), require=asked).require == asked

    def test_a_root_is_of_one_sort(self) -> None:
        with pytest.raises(ValueError, match="no keys"):
            TrustRoot(name="acme", keys=(KEY.entry(),), sigstore=material())
        with pytest.raises(ValueError, match="itself"):
            TrustRoot(name="acme", sigstore=material(), time_root="sigstore")


class TestMaterial:
    def test_everything_is_parsed(self) -> None:
        found = material()
        assert [log.name for log in found.logs] == ["rekor.acme.example", "log2026-1.rekor.acme.example"]
        assert [log.key.algorithm for log in found.logs] == [Algorithm.PKIX_ECDSA_P256_SHA_256, Algorithm.PKIX_ED25519]
        assert found.ct_logs[0].key.spki == acme().ct_log.key.spki
        assert len(found.authorities[0].routes) == 2
        assert len(found.timestamp_authorities) == 1

    def test_a_log_without_id_is_named_by_its_key(self) -> None:
        assert material(lambda document: document["tlogs"][0].pop("logId")).logs[0].key_id == acme().rekor.key.id

    @pytest.mark.parametrize("details", [None, "", "PKIX_ED25519_PH", "ML_DSA_65", "PKCS1_RSA_PSS", "pkix_ed25519"])
    @pytest.mark.parametrize("kind", ["tlogs", "ctlogs"])
    def test_a_log_with_a_key_of_an_unknown_kind_is_left_out(self, kind: str, details: str | None) -> None:
        def change(document: dict[str, Any]) -> None:
            document[kind][0]["publicKey"].update(keyDetails=details, rawBytes=b64(b"whatever"))

        found, whole = material(change), material()
        assert len(found.logs) + len(found.ct_logs) == len(whole.logs) + len(whole.ct_logs) - 1
        assert found.left_out == (f"{kind}[0] is left out: keys of kind {details or ''!r} are not known",)
        assert not whole.left_out

    @pytest.mark.parametrize("size", [2048, 4096])
    @pytest.mark.parametrize("details", ["PKCS1_RSA_PKCS1V5", "PKIX_RSA_PKCS1V5"])
    @pytest.mark.parametrize("kind", ["tlogs", "ctlogs"])
    def test_deprecated_names_of_rsa_keys_are_known(self, kind: str, details: str, size: int) -> None:
        """Staging's CT log has a key in the form of PKCS#1."""
        private = rsa_key("ours", size)
        key = private.public_key()
        spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        raw = key.public_bytes(Encoding.DER, PublicFormat.PKCS1) if details.startswith("PKCS1") else spki

        def change(document: dict[str, Any]) -> None:
            document[kind][0]["publicKey"].update(keyDetails=details, rawBytes=b64(raw))
            document[kind][0].pop("logId")

        found = material(change)
        log = (found.logs if kind == "tlogs" else found.ct_logs)[0]
        assert (log.key.spki, log.key_id) == (spki, hashlib.sha256(spki).digest())
        log.key.verify(private.sign(b"it", padding.PKCS1v15(), SHA256()), b"it")
        salted = private.sign(b"it", padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        with pytest.raises(NotVerified):
            log.key.verify(salted, b"it")

    @pytest.mark.parametrize("raw", [b"junk", KeyPair("key").spki])
    def test_a_deprecated_name_is_of_rsa_keys_alone(self, raw: bytes) -> None:
        def change(document: dict[str, Any]) -> None:
            document["ctlogs"][0]["publicKey"].update(keyDetails="PKCS1_RSA_PKCS1V5", rawBytes=b64(raw))

        with pytest.raises(MalformedDocument, match=r"ctlogs\[0\]\.publicKey"):
            material(change)

    @pytest.mark.case("KEY-006")
    @pytest.mark.parametrize("kind", ["tlogs", "ctlogs"])
    @pytest.mark.parametrize(
        "raw", [b"", b"junk", KeyPair("other", KeyKind.P384).spki, KeyPair("other", KeyKind.ED25519).spki]
    )
    def test_a_key_that_is_not_what_it_is_said_to_be_breaks_the_root(self, kind: str, raw: bytes) -> None:
        with pytest.raises(MalformedDocument, match=rf"{kind}\[0\]\.publicKey"):
            material(lambda document: document[kind][0]["publicKey"].update(rawBytes=b64(raw)))

    @pytest.mark.parametrize("kind", ["certificateAuthorities", "timestampAuthorities"])
    @pytest.mark.parametrize("raw", [b"junk", KeyPair("key").spki])
    def test_a_certificate_that_cannot_be_read_breaks_the_root(self, kind: str, raw: bytes) -> None:
        def change(document: dict[str, Any]) -> None:
            document[kind][0]["certChain"]["certificates"][0] = {"rawBytes": b64(raw)}

        with pytest.raises(MalformedDocument, match=rf"{kind}\[0\]\.certChain"):
            material(change)

    @pytest.mark.parametrize("kind", ["certificateAuthorities", "timestampAuthorities"])
    @pytest.mark.parametrize("named", ["issuer", "subject"])
    def test_a_certificate_whose_names_cannot_be_read_breaks_the_root(self, kind: str, named: str) -> None:
        def change(document: dict[str, Any]) -> None:
            entry = document[kind][0]["certChain"]["certificates"][0]
            der = bytearray(base64.b64decode(entry["rawBytes"]))
            name: bytes = getattr(load_der_x509_certificate(bytes(der)), named).public_bytes()
            at = (der.rindex if named == "subject" else der.index)(name)
            der[at + len(name) - 1] = 0xFF  # no end of a UTF-8 string
            entry["rawBytes"] = b64(bytes(der))

        with pytest.raises(MalformedDocument, match=rf"{kind}\[0\]\.certChain"):
            material(change)

    def test_certificates_of_a_chain_that_lead_nowhere_are_no_way_to_its_anchor(self) -> None:
        def change(document: dict[str, Any]) -> None:
            other = {"rawBytes": b64(stranger().authority.intermediate)}
            document["certificateAuthorities"][0]["certChain"]["certificates"][0] = other

        (authority,) = material(change).authorities
        assert [len(route) for route in authority.routes] == [1]


class TestPublicGood:
    def test_the_snapshot_is_read_once(self) -> None:
        assert public_good() is public_good()

    def test_it_holds_what_it_is_known_to_hold(self) -> None:
        found = public_good()
        assert [log.name for log in found.logs] == ["rekor.sigstore.dev", "log2025-1.rekor.sigstore.dev"]
        assert [len(authority.routes) for authority in found.authorities] == [1, 2]
        assert [log.base_url.rpartition("/")[2] for log in found.ct_logs] == ["test", "2022"]
        assert len(found.timestamp_authorities) == 1

    def test_the_first_authority_and_ct_log_have_ended(self) -> None:
        found = public_good()
        assert not found.authorities[0].valid.contains(NOW)
        assert not found.ct_logs[0].valid.contains(NOW)
        assert found.authorities[1].valid.contains(NOW)
