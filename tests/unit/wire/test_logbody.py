"""Bodies of log entries: every kind in one form, and nothing that can be read in two ways."""

import hashlib
from typing import Any

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.logbody import LogBody, LoggedVerifier, parse_body
from tests.support.logbodies import (
    b64,
    document,
    dsse_001,
    encode,
    hashedrekord_001,
    hashedrekord_002,
    intoto_001,
    intoto_002,
    pem,
)

CERTIFICATE = LoggedVerifier(is_certificate=True, der=b"certificate")
KEY = LoggedVerifier(is_certificate=False, der=b"key")
VERIFIER = pem("CERTIFICATE", b"certificate")


def read(body: dict[str, Any]) -> LogBody:
    return parse_body(encode(body))


def hashes(body: LogBody) -> list[bytes | None]:
    return [part.value if part else None for part in (body.message, body.payload, body.envelope)]


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@pytest.mark.case("TIME-024")
def test_each_kind_is_read_into_one_form() -> None:
    bodies = {
        "hashedrekord 0.0.1": (hashedrekord_001(b"m", b"sig", VERIFIER), [sha256(b"m"), None, None]),
        "hashedrekord 0.0.2": (hashedrekord_002(b"m", b"sig", b"certificate", None), [sha256(b"m"), None, None]),
        "dsse 0.0.1": (dsse_001(b"p", b"e", b"sig", VERIFIER), [None, sha256(b"p"), sha256(b"e")]),
        "intoto 0.0.2": (intoto_002(b"p", "t", b"sig", VERIFIER), [None, sha256(b"p"), None]),
    }
    for kind, (body, expected) in bodies.items():
        logged = read(body)
        assert (f"{logged.kind} {logged.version}", hashes(logged)) == (kind, expected)
        assert [(entry.verifier, entry.signature) for entry in logged.signatures] == [(CERTIFICATE, b"sig")]


@pytest.mark.case("TIME-024")
def test_the_first_intoto_kind_names_no_signature() -> None:
    logged = read(intoto_001(b"p", b"e", VERIFIER))
    assert hashes(logged) == [None, sha256(b"p"), sha256(b"e")]
    assert [(entry.verifier, entry.signature) for entry in logged.signatures] == [(CERTIFICATE, None)]


def test_keys_are_told_from_certificates() -> None:
    for body in (
        hashedrekord_001(b"m", b"sig", pem("PUBLIC KEY", b"key")),
        hashedrekord_002(b"m", b"sig", None, b"key"),
    ):
        assert [entry.verifier for entry in read(body).signatures] == [KEY]


@pytest.mark.case("PARSE-001")
def test_duplicate_keys_are_refused_at_any_depth() -> None:
    body = encode(dsse_001(b"p", b"e", b"sig", VERIFIER))
    doubled = body.replace(b'"payloadHash":', b'"payloadHash":{"algorithm":"sha256","value":""},"payloadHash":')
    assert doubled != body
    with pytest.raises(MalformedAttestation, match="duplicate key"):
        parse_body(doubled)


@pytest.mark.parametrize(
    ("kind", "version"),
    [("dsse", "0.0.2"), ("rekord", "0.0.2"), ("rfc3161", "0.0.1"), ("hashedrekord", "0.0.3"), ("\n", "")],
)
def test_other_kinds_are_not_known(kind: str, version: str) -> None:
    with pytest.raises(MalformedAttestation, match="are not known") as refused:
        read(document(kind, version, {}))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["sha256", "sha1", "SHA256", "md5"])
@pytest.mark.parametrize("value", ["AB" * 32, "ab" * 31, "ab" * 20, "", "g" * 64, "ab" * 16 + " " * 32])
def test_a_hash_is_lower_case_hex_of_its_length(algorithm: str, value: str) -> None:
    body = hashedrekord_001(b"m", b"sig", VERIFIER)
    body["spec"]["data"]["hash"] = {"algorithm": algorithm, "value": value}
    with pytest.raises(MalformedAttestation, match="lower-case hex"):
        read(body)


def test_a_tile_log_names_its_hash_in_its_own_way() -> None:
    body = hashedrekord_002(b"m", b"sig", b"certificate", None)
    body["spec"]["hashedRekordV002"]["data"]["algorithm"] = "sha256"
    with pytest.raises(MalformedAttestation):
        read(body)


@pytest.mark.parametrize(("certificate", "key"), [(None, None), (b"certificate", b"key")])
def test_a_tile_log_names_one_verifier(certificate: bytes | None, key: bytes | None) -> None:
    with pytest.raises(MalformedAttestation, match="either a certificate or a public key"):
        read(hashedrekord_002(b"m", b"sig", certificate, key))


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        b64(b"certificate"),
        pem("PRIVATE KEY", b"key"),
        b64(b"junk\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 2),
        b64(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END PUBLIC KEY-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\nAA-A\n-----END CERTIFICATE-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\nAA_A\n-----END CERTIFICATE-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        b64(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\n"),
    ],
)
def test_a_verifier_is_one_pem_block(verifier: str) -> None:
    with pytest.raises(MalformedAttestation):
        read(hashedrekord_001(b"m", b"sig", verifier))


def test_a_signature_of_the_second_intoto_kind_is_encoded_twice() -> None:
    body = intoto_002(b"p", "t", b"sig", VERIFIER)
    body["spec"]["content"]["envelope"]["signatures"][0]["sig"] = b64(b"\xff\xfe sig")
    with pytest.raises(MalformedAttestation, match="base64"):
        read(body)


@pytest.mark.case("PARSE-007")
def test_more_signatures_than_an_envelope_has_are_refused() -> None:
    body = dsse_001(b"p", b"e", b"sig", VERIFIER)
    body["spec"]["signatures"] *= 33
    with pytest.raises(MalformedAttestation):
        read(body)


@pytest.mark.case("PARSE-005")
@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{" * 100_000, b"\xff", b'{"kind":1,"apiVersion":"","spec":{}}']
)
def test_what_is_no_body_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAttestation):
        parse_body(body)
