"""What stands beside a signature in the annotations of cosign's layers."""

import json
import ssl

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.annotations import (
    BUNDLE,
    CERTIFICATE,
    CHAIN,
    SIGNATURE,
    TIMESTAMP,
    parse_annotations,
    parse_signature,
)
from controller.wire.material import Material
from controller.wire.rekor import LogEntry
from tests.support.foundry import b64

PAYLOAD = {"body": b64(b"{}"), "integratedTime": 1_700_000_000, "logIndex": 7, "logID": "c0ffee"}
ENTRY = {"SignedEntryTimestamp": b64(b"SET"), "Payload": PAYLOAD}


def pem(*certificates: bytes) -> str:
    return "".join(ssl.DER_cert_to_PEM_cert(certificate) for certificate in certificates)


def test_the_names_are_those_that_cosign_writes() -> None:
    assert SIGNATURE == "dev.cosignproject.cosign/signature"
    assert (CERTIFICATE, CHAIN) == ("dev.sigstore.cosign/certificate", "dev.sigstore.cosign/chain")
    assert (BUNDLE, TIMESTAMP) == ("dev.sigstore.cosign/bundle", "dev.sigstore.cosign/rfc3161timestamp")


def test_everything_that_can_stand_there_is_read() -> None:
    annotations = {
        CERTIFICATE: pem(b"leaf"),
        CHAIN: pem(b"intermediate", b"root"),
        BUNDLE: json.dumps(ENTRY),
        TIMESTAMP: json.dumps({"SignedRFC3161Timestamp": b64(b"token")}),
        "dev.cosignproject.cosign/certificate": "the name in the specification's prose, which nobody writes",
    }
    entry = LogEntry(
        log_index=7,
        log_id=bytes.fromhex("c0ffee"),
        kind=None,
        version=None,
        integrated_time=1_700_000_000,
        body=b"{}",
        signed_entry_timestamp=b"SET",
        inclusion=None,
    )
    assert parse_annotations(annotations) == Material(
        certificate=b"leaf",
        intermediates=(b"intermediate", b"root"),
        entries=(entry,),
        timestamps=(b"token",),
        annotated=True,
    )


@pytest.mark.parametrize("text", [None, ""])
def test_absent_and_empty_are_nothing(text: str | None) -> None:
    names = (CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP)
    assert parse_annotations({} if text is None else dict.fromkeys(names, text)) == Material(annotated=True)


@pytest.mark.parametrize(
    "text",
    [
        "certificate",
        pem(b"leaf") + "x",
        "x" + pem(b"leaf"),
        pem(b"leaf", b"second"),
        pem(b"leaf").replace("-----END", "----END"),
        pem(b"leaf").replace("CERTIFICATE", "PUBLIC KEY"),
        "-----BEGIN CERTIFICATE-----\n=AAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_anything_but_one_certificate_is_refused(text: str) -> None:
    with pytest.raises(MalformedAttestation, match="certificate annotation"):
        parse_annotations({CERTIFICATE: text})


@pytest.mark.case("PARSE-007")
def test_ten_certificates_in_a_chain_are_read_and_eleven_refused() -> None:
    assert len(parse_annotations({CHAIN: pem(*[b"one"] * 10)}).intermediates) == 10
    with pytest.raises(MalformedAttestation, match="more than 10"):
        parse_annotations({CHAIN: pem(*[b"one"] * 11)})
    with pytest.raises(MalformedAttestation, match="longer than"):
        parse_annotations({CHAIN: pem(b"one") + " " * 262_144})


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {**ENTRY, "Payload": {**PAYLOAD, "logIndex": -1}},
        {**ENTRY, "Payload": {**PAYLOAD, "logIndex": 2**63}},
        {**ENTRY, "Payload": {**PAYLOAD, "integratedTime": "1"}},
        {**ENTRY, "Payload": {**PAYLOAD, "logID": "coffee"}},
        {**ENTRY, "Payload": {**PAYLOAD, "body": "!"}},
        {**ENTRY, "Payload": {**PAYLOAD, "body": {}}},
        {**ENTRY, "SignedEntryTimestamp": "!"},
        {**ENTRY, "signedentrytimestamp": "AAAA", "SignedEntryTimestamp": None},
    ],
)
def test_a_log_entry_that_can_not_be_read_is_refused(entry: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_annotations({BUNDLE: json.dumps(entry)})


def test_a_log_entry_without_promise_has_none() -> None:
    (entry,) = parse_annotations({BUNDLE: json.dumps({**ENTRY, "SignedEntryTimestamp": ""})}).entries
    assert entry.signed_entry_timestamp is None


@pytest.mark.case("PARSE-001")
def test_duplicate_keys_are_refused() -> None:
    with pytest.raises(MalformedAttestation, match="duplicate"):
        parse_annotations({BUNDLE: json.dumps(ENTRY)[:-1] + ',"SignedEntryTimestamp":"AAAA"}'})


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"SignedRFC3161Timestamp":"!"}', "\udc80"])
def test_a_timestamp_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(MalformedAttestation):
        parse_annotations({TIMESTAMP: text})


@pytest.mark.case("SIGN-004")
def test_a_signature_stands_beside_the_payload() -> None:
    assert parse_signature({SIGNATURE: b64(b"signature")}) == b"signature"
    for annotations in ({}, {SIGNATURE: ""}):
        with pytest.raises(MalformedAttestation, match="no signature beside"):
            parse_signature(annotations)
