"""DSSE envelopes."""

import pytest

from controller.core.errors import MalformedAttestation
from controller.wire.envelope import MAX_SIGNATURES, Envelope, parse_envelope
from tests.support.foundry import b64, encode


def document(**changes: object) -> bytes:
    good = {"payloadType": "text/plain", "payload": b64(b"hello"), "signatures": [{"sig": b64(b"signature")}]}
    return encode({name: value for name, value in {**good, **changes}.items() if value is not ...})


def test_an_envelope_is_decoded() -> None:
    signatures = [{"keyid": "one", "sig": b64(b"first")}, {"keyid": None, "sig": b64(b"second"), "cert": "PEM"}]
    assert parse_envelope(document(signatures=signatures, extra=1)) == Envelope(
        payload_type="text/plain", payload=b"hello", signatures=(b"first", b"second"), certified=True
    )


def test_the_signed_bytes_are_those_of_the_specification() -> None:
    """The example of DSSE's protocol.md, and lengths in bytes where they differ from characters."""
    envelope = Envelope(payload_type="http://example.com/HelloWorld", payload=b"hello world", signatures=())
    assert envelope.signed_bytes == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    foreign = Envelope(payload_type="\N{LATIN SMALL LETTER E WITH ACUTE}", payload=b"\xc3\xa9", signatures=())
    assert foreign.signed_bytes == b"DSSEv1 2 \xc3\xa9 2 \xc3\xa9"


@pytest.mark.case("SIGN-004")
@pytest.mark.parametrize(
    "signatures", [[], None, ..., {}, [None], [{}], [{"sig": ""}], [{"sig": None}], [{"keyid": "a"}]]
)
def test_without_signatures_it_is_malformed(signatures: object) -> None:
    with pytest.raises(MalformedAttestation):
        parse_envelope(document(signatures=signatures))


def test_one_empty_signature_spoils_the_others() -> None:
    with pytest.raises(MalformedAttestation, match="empty"):
        parse_envelope(document(signatures=[{"sig": b64(b"good")}, {"sig": ""}]))


def test_signatures_are_bounded() -> None:
    entry = {"sig": b64(b"signature")}
    assert len(parse_envelope(document(signatures=[entry] * MAX_SIGNATURES)).signatures) == MAX_SIGNATURES
    with pytest.raises(MalformedAttestation):
        parse_envelope(document(signatures=[entry] * (MAX_SIGNATURES + 1)))


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": ...},
        {"payload": None},
        {"payload": 5},
        {"payload": "a\nb="},
        {"payloadType": ...},
        {"payloadType": None},
    ],
)
def test_without_payload_or_type_it_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(MalformedAttestation):
        parse_envelope(document(**changes))


@pytest.mark.case("PARSE-002")
def test_a_key_in_another_case_is_absent() -> None:
    with pytest.raises(MalformedAttestation, match="payloadType"):
        parse_envelope(document(payloadType=..., payloadtype="text/plain"))


@pytest.mark.case("PARSE-001")
def test_a_second_payload_is_refused() -> None:
    with pytest.raises(MalformedAttestation, match="duplicate"):
        parse_envelope(document().removesuffix(b"}") + b',"payload":"AAAA"}')
