"""Trying keys on what a container signs."""

from __future__ import annotations

import hashlib

import pytest

from controller.core.errors import NotVerified
from controller.trust.keys import parse_public_key
from controller.trust.message import MAX_HASHED_BYTES, SignedMessage
from controller.wire.candidate import Container
from controller.wire.signed import SignedContent
from tests.support.signing import KeyKind, KeyPair

MESSAGE = b"what was signed"


def content(*signatures: bytes, message: bytes = MESSAGE, digest: bytes | None = None) -> SignedContent:
    return SignedContent(
        container=Container.BUNDLE,
        payload_type="",
        payload=message,
        message=message,
        signatures=signatures,
        digest=digest,
    )


@pytest.mark.case("KEY-007")
@pytest.mark.parametrize("kind", KeyKind)
def test_the_signature_of_each_key_is_found_among_others(kind: KeyKind) -> None:
    ours, other, unused = (KeyPair(name, kind) for name in ("ours", "other", "unused"))
    keys = {name: parse_public_key(pair.pem.decode()) for name, pair in {"ours": ours, "unused": unused}.items()}
    signature = ours.sign(MESSAGE)
    found = SignedMessage(content(other.sign(MESSAGE), ours.sign(b"another"), signature)).signatures_by(keys.values())
    assert found == {keys["ours"]: signature}


@pytest.mark.parametrize("kind", KeyKind)
def test_where_only_a_digest_is_known_nothing_else_is_verified(kind: KeyKind) -> None:
    pair = KeyPair("ours", kind)
    key = parse_public_key(pair.pem.decode())
    digest = hashlib.sha256(MESSAGE).digest()
    assert SignedMessage(content(pair.sign(b""), message=b"", digest=digest)).signature_by(key) is None


def test_many_signatures_over_much_are_not_tried_for_ever() -> None:
    pair = KeyPair("ours", KeyKind.ED25519)
    key = parse_public_key(pair.pem.decode())
    message = bytes(20 * 1024 * 1024)
    signatures = tuple(bytes([number]) * 64 for number in range(1, 1 + MAX_HASHED_BYTES // len(message)))
    tried = SignedMessage(content(*signatures, message=message))
    assert tried.signature_by(key) is None
    with pytest.raises(NotVerified, match="too large for so many"):
        tried.signature_by(key)
