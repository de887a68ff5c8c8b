"""Trusted roots: every published form is read, and one that leaves something open is broken."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.errors import MalformedAttestation, MalformedDocument
from controller.core.window import Window
from controller.wire.trustedroot import MAX_BYTES, parse_trusted_root
from tests.support.instance import SPAN, acme

Json = dict[str, Any]
Change = Callable[[Json], object]


def root() -> Json:
    document: Json = json.loads(json.dumps(acme().trusted_root()))
    return document


def changed(change: Change) -> str:
    document = root()
    change(document)
    return json.dumps(document)


def refusal(text: str | bytes) -> str:
    with pytest.raises(MalformedDocument) as refused:
        parse_trusted_root(text)
    assert not isinstance(refused.value, MalformedAttestation)
    return str(refused.value)


def test_everything_that_is_listed_is_there() -> None:
    document = parse_trusted_root(json.dumps(root()))
    since = Window(start=SPAN.start)
    (authority,), (stamping,) = document.authorities, document.timestamp_authorities
    assert authority.certificates == (acme().authority.intermediate, acme().authority.root)
    assert (authority.uri, authority.valid) == ("https://fulcio.acme.example", since)
    assert stamping.certificates == (acme().timestamps.leaf, acme().timestamps.root)
    first, second = document.logs
    assert (first.base_url, first.key_id, first.key_der) == (
        "https://rekor.acme.example",
        acme().rekor.id,
        acme().rekor.key.spki,
    )
    assert (second.key_details, second.valid) == ("PKIX_ED25519", since)
    assert [log.key_id for log in document.ct_logs] == [acme().ct_log.key.id]


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    ],
)
def test_every_media_type_is_read(media_type: str) -> None:
    assert parse_trusted_root(changed(lambda document: document.update(mediaType=media_type))).logs


@pytest.mark.parametrize("media_type", ["", "application/json", "application/vnd.dev.sigstore.trustedroot.v0.3+json"])
def test_another_media_type_is_refused(media_type: str) -> None:
    assert "not known" in refusal(changed(lambda document: document.update(mediaType=media_type)))


def test_without_a_media_type_it_is_refused() -> None:
    refusal(changed(lambda document: document.pop("mediaType")))


@pytest.mark.parametrize("kind", ["tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"])
@pytest.mark.parametrize("value", [None, [], ...])
def test_any_part_may_be_missing(kind: str, value: object) -> None:
    parse_trusted_root(changed(lambda document: document.pop(kind) if value is ... else document.update({kind: value})))


def window_of(document: Json, kind: str) -> Json:
    entry: Json = document[kind][0]
    holder: Json = entry.get("publicKey", entry)["validFor"]
    return holder


KINDS = pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("tlogs", "tlogs[0].publicKey.validFor"),
        ("ctlogs", "ctlogs[0].publicKey.validFor"),
        ("certificateAuthorities", "certificateAuthorities[0].validFor"),
        ("timestampAuthorities", "timestampAuthorities[0].validFor"),
    ],
)


@pytest.mark.case("TIME-010")
@KINDS
def test_a_window_without_a_start_breaks_the_root(kind: str, path: str) -> None:
    assert f"{path}.start" in refusal(changed(lambda document: window_of(document, kind).pop("start")))
    assert f"{path}.start" in refusal(changed(lambda document: window_of(document, kind).update(start=None)))


@pytest.mark.case("TIME-010")
@KINDS
@pytest.mark.parametrize("empty", [True, False])
def test_no_window_at_all_breaks_the_root(kind: str, path: str, *, empty: bool) -> None:
    def change(document: Json) -> None:
        entry = document[kind][0]
        holder = entry.get("publicKey", entry)
        holder["validFor"] = {} if empty else None

    assert path in refusal(changed(change))


@pytest.mark.case("PARSE-017")
@KINDS
def test_an_end_that_is_null_or_absent_leaves_the_window_open(kind: str, path: str) -> None:
    def change(document: Json) -> None:
        window_of(document, kind)["end"] = None

    assert parse_trusted_root(changed(change)) == parse_trusted_root(json.dumps(root()))


@KINDS
def test_a_window_that_ends_before_it_starts_breaks_the_root(kind: str, path: str) -> None:
    change = {"start": "2024-01-01T00:00:01Z", "end": "2024-01-01T00:00:00Z"}
    assert f"{path} ends" in refusal(changed(lambda document: window_of(document, kind).update(change)))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2022-12-31T23:59:59.999Z", datetime(2022, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        ("2022-12-31T23:59:59.123456789Z", datetime(2022, 12, 31, 23, 59, 59, 123456, tzinfo=UTC)),
        ("2023-01-01T01:00:00+01:00", datetime(2023, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_rfc_3339(text: str, time: datetime) -> None:
    document = parse_trusted_root(changed(lambda document: window_of(document, "tlogs").update(start=text)))
    assert document.logs[0].valid.start == time


@pytest.mark.parametrize("text", ["", "2022-12-31", "20221231T000000Z", "2022-12-31T23:59:59", "2022-02-30T00:00:00Z"])
def test_other_times_break_the_root(text: str) -> None:
    told = refusal(changed(lambda document: window_of(document, "tlogs").update(start=text)))
    assert "tlogs[0].publicKey.validFor.start is no RFC 3339 time" in told


@pytest.mark.case("PARSE-016")
def test_unknown_fields_are_ignored() -> None:
    def change(document: Json) -> None:
        document["invented"] = document["tlogs"][0]["invented"] = {"by": "nobody"}
        document["certificateAuthorities"][0]["certChain"]["invented"] = 1

    assert parse_trusted_root(changed(change)) == parse_trusted_root(json.dumps(root()))


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda d: d["tlogs"][0]["publicKey"].pop("rawBytes"), "tlogs[0].publicKey.rawBytes"),
        (lambda d: d["ctlogs"][0]["publicKey"].update(rawBytes="!"), "ctlogs[0].publicKey.rawBytes"),
        (lambda d: d["tlogs"][0]["logId"].update(keyId="%"), "tlogs[0].logId.keyId"),
        (lambda d: d["tlogs"][0].pop("publicKey"), "publicKey"),
        (lambda d: d["certificateAuthorities"][0].pop("certChain"), "certChain"),
        (lambda d: d["certificateAuthorities"][0]["certChain"].update(certificates=[]), "certificates"),
        (
            lambda d: d["timestampAuthorities"][0]["certChain"]["certificates"][1].pop("rawBytes"),
            "timestampAuthorities[0].certChain.certificates[1].rawBytes",
        ),
    ],
)
def test_missing_bytes_break_the_root(change: Change, path: str) -> None:
    assert path in refusal(changed(change))


def test_a_log_without_id_is_read() -> None:
    assert parse_trusted_root(changed(lambda document: document["tlogs"][0].pop("logId"))).logs[0].key_id == b""


def test_several_roots_one_a_line_are_told_apart() -> None:
    line = json.dumps(root())
    assert "one a line" in refusal(f"{line}\n{line}\n")
    assert parse_trusted_root(f"{line}\n") == parse_trusted_root(json.dumps(root(), indent=2))


@pytest.mark.case("PARSE-001")
def test_a_duplicate_key_is_refused() -> None:
    text = json.dumps(root())
    assert "duplicate key" in refusal(text[:-1] + ',"tlogs":[]}')


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "[" * 100_000,
        "\ud800",
        "\ufeff{}",
        b"\xff",
        json.dumps(root()) + "x",
        "{" * 200_000,
        "{}\n" * 200_000,
        "{}" + "\n" * 900_000 + "x",
    ],
)
def test_what_is_no_trusted_root_is_malformed(text: str | bytes) -> None:
    refusal(text)


def test_bounds_are_kept() -> None:
    assert "larger than" in refusal(" " * (MAX_BYTES + 1))
    refusal(changed(lambda document: document.update(tlogs=document["tlogs"] * 33)))
    chain = {"certificates": [{"rawBytes": base64.b64encode(b"x").decode()}] * 11}
    refusal(changed(lambda document: document["certificateAuthorities"][0].update(certChain=chain)))


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_give_a_value_or_malformed_document(content: str | bytes) -> None:
    refusal(content)
