"""Whatever the bytes: a statement that a key of ours signed, or a refusal. Never an exception."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.core.errors import MalformedAttestation
from controller.core.evidence import Kind, Refused
from controller.core.image import Digest
from controller.wire.annotations import BUNDLE, CERTIFICATE, CHAIN, SIGNATURE, TIMESTAMP, parse_annotations
from controller.wire.bundle import parse_bundle
from controller.wire.candidate import Candidate, Container
from controller.wire.encoding import parse_base64
from controller.wire.envelope import parse_envelope
from controller.wire.signature import parse_simple_signing
from controller.wire.statement import read_statement
from tests.support.foundry import Foundry, encode, statement
from tests.support.judging import SUBJECT, judge, proven

FOUNDRY = Foundry()
PARSERS = [parse_bundle, parse_envelope, parse_simple_signing, read_statement]
PAYLOADS = [FOUNDRY.provenance(SUBJECT), FOUNDRY.image_signature(SUBJECT)]
GOOD = [
    *(FOUNDRY.bundle_layer(payload).candidate() for payload in PAYLOADS),
    *(FOUNDRY.envelope_layer(payload).candidate() for payload in PAYLOADS),
    FOUNDRY.signature_layer(FOUNDRY.simple_signing(SUBJECT)).candidate(),
]
TRUE = {Digest.of(payload) for payload in [*PAYLOADS, FOUNDRY.simple_signing(SUBJECT)]}

NAMES = st.sampled_from(
    ["mediaType", "verificationMaterial", "publicKey", "dsseEnvelope", "payload", "payloadType", "signatures", "sig",
     "_type", "subject", "digest", "sha256", "predicateType", "predicate", "buildDefinition", "runDetails", "critical"]
)  # fmt: skip
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("https://in-toto.io/Statement/v1"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(), inner, max_size=6),
    max_leaves=30,
)
BYTES = st.binary(max_size=300) | DOCUMENTS.map(lambda document: json.dumps(document).encode())

ANNOTATIONS = st.dictionaries(
    st.sampled_from([SIGNATURE, CERTIFICATE, CHAIN, BUNDLE, TIMESTAMP]),
    st.text() | BYTES.map(lambda content: content.decode("utf-8", "surrogateescape")),
)


def candidate(container: Container, content: bytes, annotations: Mapping[str, str]) -> Candidate:
    return Candidate(container=container, content=content, digest=Digest.of(content), annotations=annotations)


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(content=BYTES)
def test_any_bytes_are_a_document_or_malformed(parse: Any, content: bytes) -> None:
    told = ""
    try:
        parse(content)
    except MalformedAttestation as error:
        told = str(error)
    assert told.isprintable()


@given(annotations=ANNOTATIONS)
def test_any_annotations_are_material_or_malformed(annotations: dict[str, str]) -> None:
    told = ""
    try:
        parse_annotations(annotations)
    except MalformedAttestation as error:
        told = str(error)
    assert told.isprintable()


@given(container=st.sampled_from(Container), content=BYTES, annotations=ANNOTATIONS)
def test_any_bytes_are_refused(container: Container, content: bytes, annotations: dict[str, str]) -> None:
    judged = judge(candidate(container, content, annotations), FOUNDRY.roots)
    assert isinstance(judged, Refused)
    assert judged.detail.isprintable()
    assert judged.step == 0


@given(payload=BYTES)
def test_any_payload_that_our_key_signed_is_a_statement_about_the_subject_or_refused(payload: bytes) -> None:
    judged = judge(FOUNDRY.bundle_layer(payload), FOUNDRY.roots)
    assert isinstance(judged, Refused)


@given(predicate=DOCUMENTS, predicate_type=st.text())
def test_any_predicate_of_another_type_is_another_attestation(predicate: Any, predicate_type: str) -> None:
    payload = encode(statement(SUBJECT, predicate=predicate, predicate_type=predicate_type))
    judged = judge(FOUNDRY.bundle_layer(payload), FOUNDRY.roots)
    if isinstance(judged, Refused):  # NaN, infinities and lone surrogates are in what `json` writes
        assert judged.step == 0
    else:
        assert [each.kind for each in judged] == [Kind.OTHER]


@settings(max_examples=300)
@given(good=st.sampled_from(GOOD), position=st.integers(min_value=0), byte=st.integers(0, 255))
def test_one_changed_byte_changes_nothing_that_was_signed(good: Candidate, position: int, byte: int) -> None:
    content = bytearray(good.content)
    content[position % len(content)] = byte
    judged = judge(candidate(good.container, bytes(content), good.annotations), FOUNDRY.roots)
    if not isinstance(judged, Refused):
        assert {each.payload for each in judged} <= TRUE


@given(good=st.sampled_from(GOOD), cut=st.integers(min_value=1))
def test_a_truncated_candidate_is_refused(good: Candidate, cut: int) -> None:
    content = good.content[: -(cut % len(good.content) or 1)]
    assert isinstance(judge(candidate(good.container, content, good.annotations), FOUNDRY.roots), Refused)


@given(extra=st.dictionaries(st.text(alphabet=st.characters(codec="utf-8")), st.integers(), max_size=5))
def test_unknown_members_change_nothing(extra: dict[str, int]) -> None:
    known = json.loads(GOOD[0].content)
    content = encode({**extra, **known})
    assert proven(candidate(Container.BUNDLE, content, {}), FOUNDRY.roots) == proven(GOOD[0], FOUNDRY.roots)


@given(content=st.binary(max_size=200))
def test_base64_is_read_in_every_spelling(content: bytes) -> None:
    for encoded in (base64.b64encode(content), base64.urlsafe_b64encode(content)):
        assert parse_base64(encoded.decode(), what="it") == content
        assert parse_base64(encoded.decode().rstrip("="), what="it") == content


@given(text=st.text())
def test_any_text_is_base64_or_malformed(text: str) -> None:
    try:
        parse_base64(text, what="it")
    except MalformedAttestation:
        return
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
