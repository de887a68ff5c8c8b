"""Signed certificate timestamps: that a known CT log took this very certificate."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.core.errors import NotVerified
from controller.trust.certificate import verify_certificate
from controller.trust.leaf import load_leaf
from controller.trust.root import compile_sigstore
from controller.trust.sct import MAX_TIMESTAMPS
from controller.wire.trustedroot import parse_trusted_root
from tests.support.authority import CTLog, Leaf, Submission
from tests.support.certificates import extension
from tests.support.der import octets
from tests.support.instance import LEAF_SPAN, SIGNED, SPAN, acme, rfc3339, stranger
from tests.support.signing import KeyPair

KEY = KeyPair("leaf")
GENUINE = Submission(log=acme().ct_log)
STRANGE = Submission(log=stranger().ct_log)
TAKEN = LEAF_SPAN.start  # the time of every SCT here
SECOND = timedelta(seconds=1)
LEAF_INDEX = b"\x00\x00\x05\x00\x00\x00\x00\x07"  # the extension of static CT logs


def verify(
    *submissions: Submission, leaf: Leaf | None = None, sct: bool = True, window: dict[str, str] | None = None
) -> None:
    document: dict[str, Any] = acme().trusted_root()
    if window:
        document["ctlogs"][0]["publicKey"]["validFor"] = {"start": rfc3339(SPAN.start)} | window
    verify_certificate(
        load_leaf(acme().authority.issue(leaf or Leaf(span=LEAF_SPAN), KEY.spki, submissions)),
        intermediates=(),
        material=compile_sigstore(parse_trusted_root(json.dumps(document))),
        root_name="acme",
        times=(SIGNED,),
        sct=sct,
    )


def listed(*stamps: bytes) -> Leaf:
    """A leaf with these bytes as its list of SCTs."""
    entries = b"".join(struct.pack(">H", len(stamp)) + stamp for stamp in stamps)
    return raw(octets(struct.pack(">H", len(entries)) + entries))


def raw(content: bytes) -> Leaf:
    return replace(Leaf(span=LEAF_SPAN), extra=(extension("1.3.6.1.4.1.11129.2.4.2", content),))


def test_an_sct_of_a_known_log_is_enough() -> None:
    verify(GENUINE)


@pytest.mark.case("TIME-011")
@pytest.mark.parametrize("order", [(STRANGE, GENUINE), (GENUINE, STRANGE)])
def test_one_of_several_is_enough(order: tuple[Submission, ...]) -> None:
    verify(*order)


@pytest.mark.case("TIME-029")
def test_extensions_are_part_of_what_is_signed() -> None:
    verify(Submission(log=acme().ct_log, stated=LEAF_INDEX))
    with pytest.raises(NotVerified, match="not about this certificate"):
        verify(Submission(log=acme().ct_log, stated=LEAF_INDEX, hashed=b""))


@pytest.mark.case("TIME-011")
@pytest.mark.parametrize(
    ("submissions", "why"),
    [
        ((), "carries no SCT"),
        ((STRANGE,), "does not know"),
        ((Submission(log=acme().ct_log, tbs=b"another"),), "not about this certificate"),
        ((Submission(log=acme().ct_log, issuer_spki=acme().authority.root_spki),), "not about this certificate"),
        ((Submission(log=acme().ct_log, issuer_spki=KEY.spki),), "not about this certificate"),
    ],
    ids=["none", "stranger", "certificate", "issuer", "own-key"],
)
def test_a_certificate_that_no_known_log_took_is_refused(submissions: tuple[Submission, ...], why: str) -> None:
    with pytest.raises(NotVerified, match=why):
        verify(*submissions)


@pytest.mark.case("TIME-011")
def test_a_log_that_calls_itself_by_a_known_id_is_refused() -> None:
    impostor = CTLog("impostor")
    stamp = impostor.timestamp(b"anything", acme().authority.key.spki, TAKEN)
    with pytest.raises(NotVerified, match="not about this certificate"):
        verify(leaf=listed(b"\x00" + acme().ct_log.key.id + stamp[33:]))


@pytest.mark.case("SIGN-042")
def test_where_none_is_required_none_is_missed() -> None:
    verify(sct=False)


@pytest.mark.case("TIME-009")
@pytest.mark.parametrize("window", [{"end": rfc3339(TAKEN - SECOND)}, {"start": rfc3339(TAKEN + SECOND)}])
def test_outside_the_window_of_the_log_it_does_not_count(window: dict[str, str]) -> None:
    with pytest.raises(NotVerified, match="window of its CT log"):
        verify(GENUINE, window=window)


@pytest.mark.case("TIME-009")
@pytest.mark.parametrize("window", [{"end": rfc3339(TAKEN)}, {"start": rfc3339(TAKEN)}])
def test_the_window_of_the_log_is_closed_at_both_ends(window: dict[str, str]) -> None:
    verify(GENUINE, window=window)


@pytest.mark.case("PARSE-012")
@pytest.mark.parametrize(
    "leaf",
    [
        raw(b""),
        raw(b"\x04\x00"),
        raw(octets(b"\x00\x05\x00")),
        listed(),
        listed(b""),
        listed(b"\x01" + b"\x00" * 46),
        listed(b"\x00" + acme().ct_log.key.id + b"\xff" * 8 + b"\x00\x00\x04\x03\x00\x00"),
        listed(b"\x00" + acme().ct_log.key.id + b"\x00" * 8 + b"\x00\x00\x63\x63\x00\x00"),
    ],
    ids=["empty", "octets", "cut", "no-entry", "empty-entry", "version", "far-future", "algorithm"],
)
def test_a_list_that_cannot_be_read_is_refused(leaf: Leaf) -> None:
    with pytest.raises(NotVerified):
        verify(leaf=leaf)


def test_there_are_at_most_a_few() -> None:
    verify(*[STRANGE] * (MAX_TIMESTAMPS - 1), GENUINE)
    with pytest.raises(NotVerified, match="more than"):
        verify(*[STRANGE] * MAX_TIMESTAMPS, GENUINE)
