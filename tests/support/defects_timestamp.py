"""Defects of RFC 3161 timestamps. Those of the token itself befall evidence that shows no other time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support.breaking import Json, both, bundled, certified, defect, stamped, timed_by_stamp_alone
from tests.support.bundles import Order
from tests.support.certificates import CODE_SIGNING, Span
from tests.support.der import indefinite
from tests.support.instance import LEAF_SPAN, SPAN, STAMPED, authority_entry, rfc3339, stranger
from tests.support.rekor import b64
from tests.support.signing import KeyKind, KeyPair
from tests.support.tsa import TimestampAuthority, retold

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def _stamp(order: Order, **changes: Any) -> None:
    (authority, stamp), *_ = order.stamps
    order.stamps = [(authority, replace(stamp, **changes))]


def _instead(order: Order, authority: TimestampAuthority) -> None:
    """Another authority stamps, and the trusted root lists it."""
    order.stamps = [(authority, stamp) for _, stamp in order.stamps]

    def change(root: Json) -> None:
        root["timestampAuthorities"] = [authority_entry("https://tsa.example", authority.leaf, authority.root)]

    order.on_root = change


def _window(order: Order, **window: str) -> None:
    valid = {"start": rfc3339(SPAN.start), **window}
    order.on_root = lambda root: root["timestampAuthorities"][0].update(validFor=valid)


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_over_other_bytes(order: Order) -> None:
    """The timestamp is genuine, over the payload and not over the signature."""
    order.stamped_message = order.payload


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_by_stranger(order: Order) -> None:
    """The timestamp is by an authority that is not in the trust root."""
    order.stamps = [(stranger().timestamps, stamp) for _, stamp in order.stamps]


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_by_namesake(order: Order) -> None:
    """The token names the trusted authority and carries its certificate, and another key signed it."""
    _stamp(order, signed_by=KeyPair("a stranger's tsa", KeyKind.P384))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_after_window(order: Order) -> None:
    """The authority's window ended a second before the timestamp."""
    _window(order, end=rfc3339(STAMPED - SECOND))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_before_window(order: Order) -> None:
    """The authority's window began a second after the timestamp."""
    _window(order, start=rfc3339(STAMPED + SECOND))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamping_certificate_expired(order: Order) -> None:
    """The authority's certificate ended a day before the timestamp."""
    _instead(order, TimestampAuthority("acme tsa", SPAN, leaf_span=Span(start=SPAN.start, end=STAMPED - DAY)))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamping_certificate_for_code(order: Order) -> None:
    """The authority's certificate is for code signing, not for time stamping."""
    _instead(order, TimestampAuthority("acme tsa", SPAN, purpose=CODE_SIGNING))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_retold(order: Order) -> None:
    """The token says another time than the one that was signed."""
    (authority, stamp), *_ = order.stamps
    order.stamps = [(authority, retold(stamp, stamp.at + SECOND))]


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_rejected(order: Order) -> None:
    """The response says that the request was rejected, and holds no token."""
    _stamp(order, status=2)


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_of_another_content(order: Order) -> None:
    """The signed attributes name another content type."""
    _stamp(order, content_type="1.2.840.113549.1.7.1")


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_of_another_digest(order: Order) -> None:
    """The signed attributes hold the digest of another content."""
    _stamp(order, digest=bytes(48))


@defect("TIME-007", where=timed_by_stamp_alone)
def stamp_over_sha1(order: Order) -> None:
    """The timestamp's imprint is by SHA-1."""
    _stamp(order, imprint="sha1")


@defect("PARSE-012", where=timed_by_stamp_alone)
def stamp_with_trailing_bytes(order: Order) -> None:
    """Bytes follow the response."""
    order.on_tokens = lambda tokens: [token + b"\x00" for token in tokens]


@defect("PARSE-012", where=timed_by_stamp_alone)
def stamp_of_indefinite_length(order: Order) -> None:
    """The response is BER: its outermost length is indefinite."""
    order.on_tokens = lambda tokens: [indefinite(token) for token in tokens]


@defect("PARSE-012", where=timed_by_stamp_alone)
def stamp_cut_short(order: Order) -> None:
    """The response ends in the middle."""
    order.on_tokens = lambda tokens: [token[: len(token) // 2] for token in tokens]


@defect("TIME-007", "TIME-027", where=both(certified, stamped))
def stamped_before_certificate(order: Order) -> None:
    """The timestamp is genuine, a second before the certificate began; an integrated time may lie inside."""
    _stamp(order, at=LEAF_SPAN.start - SECOND)


@defect("TIME-007", "TIME-027", where=both(certified, stamped))
def stamped_after_certificate(order: Order) -> None:
    """The timestamp is genuine, a second after the certificate ended; an integrated time may lie inside."""
    _stamp(order, at=LEAF_SPAN.end + SECOND)


@defect("TIME-013", where=timed_by_stamp_alone)
def no_stamp(order: Order) -> None:
    """There is no timestamp, and nothing else tells a time."""
    order.stamps = []


@defect("TIME-025", where=both(stamped, bundled))
def stamp_twice(order: Order) -> None:
    """The same token stands in the bundle twice."""
    order.on_tokens = lambda tokens: tokens * 2


@defect("PARSE-007", where=both(stamped, bundled))
def stamps_too_many(order: Order) -> None:
    """33 different genuine tokens stand in the bundle."""
    (authority, stamp), *_ = order.stamps
    order.stamps = [(authority, replace(stamp, serial=number)) for number in range(1, 34)]


@defect("PARSE-003", where=both(timed_by_stamp_alone, bundled))
def stamp_of_foreign_base64(order: Order) -> None:
    """The token is spelled with foreign characters."""

    def change(document: Json) -> None:
        (entry,) = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
        entry["signedTimestamp"] = "****" + b64(b"token")

    order.on_container = change
