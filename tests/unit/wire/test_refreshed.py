"""Refreshed roots in ConfigMaps, and where roots are refreshed from."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.wire.policy.tuf import DEFAULT_STALE_AFTER, duration, tuf_source
from controller.wire.refreshed import (
    Place,
    RefreshedRoot,
    config_map_name,
    parse_refreshed,
    render_refreshed,
    source_of,
)
from tests.support import objects

NOW = datetime(2026, 6, 1, tzinfo=UTC)
TUF = {"url": "https://tuf.example", "root": "{}", "target": "trusted_root.json"}
ROOT = RefreshedRoot(
    root="private", source="abc", document="{}", refreshed=NOW, metadata={"timestamp.json": "1", "snapshot.json": "2"}
)
PLACE = Place(namespace="navicert-system", name="map", version="5", uid="1234")


def root(**spec: Any) -> dict[str, Any]:
    return objects.document("TrustRoot", "private", {"sigstore": {"tuf": TUF}, **spec})


def config_map(**changed: Any) -> dict[str, Any]:
    return {**render_refreshed(PLACE, ROOT), **changed}


def test_what_is_written_is_read() -> None:
    assert parse_refreshed(config_map()) == ROOT
    assert ROOT.stale_at(timedelta(days=1)) == NOW + timedelta(days=1)
    assert config_map()["metadata"]["resourceVersion"] == "5"
    new = render_refreshed(replace(PLACE, version=""), ROOT)["metadata"]
    assert "resourceVersion" not in new
    assert new["ownerReferences"][0]["uid"] == "1234"


@pytest.mark.parametrize(
    "changed",
    [
        {"data": {"trusted_root.json": "{} "}},
        {"data": {}},
        {"data": None},
        {"metadata": {"annotations": None}},
        {"metadata": {}},
        {"data": {"trusted_root.json": "x" * 300_000}},
    ],
)
def test_what_is_not_what_was_fetched_is_malformed(changed: dict[str, Any]) -> None:
    with pytest.raises(MalformedDocument):
        parse_refreshed(config_map(**changed))


def test_a_root_is_refreshed_from_where_it_says_and_stale_when_it_says() -> None:
    source = tuf_source(root(staleAfter="36h"))
    assert source is not None
    assert (source.url, source.stale_after) == ("https://tuf.example", timedelta(hours=36))
    default = tuf_source(root())
    assert default is not None
    assert default.stale_after == DEFAULT_STALE_AFTER == timedelta(days=30)
    assert source_of(default) == source_of(source)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"spec": None},
        objects.root(),
        root(staleAfter="soon"),
        root(sigstore={"tuf": {**TUF, "url": "http://tuf.example"}}),
        root(sigstore={"tuf": {**TUF, "uri": "https://other.example"}}),
        root(sigstore={"tuf": None}),
    ],
)
def test_a_root_whose_words_do_not_hold_is_refreshed_from_nowhere(document: dict[str, Any]) -> None:
    assert tuf_source(document) is None


@pytest.mark.parametrize("text", ["0h", "1d", "-1h", "1 h", "", "9999999h", None, 5])
def test_what_is_no_duration_is_none(text: object) -> None:
    assert duration(text) is None


def test_each_of_url_root_and_target_makes_another_source() -> None:
    sources = [tuf_source(root(sigstore={"tuf": {**TUF, key: TUF[key] + "x"}})) for key in TUF]
    assert len({source_of(one) for one in sources if one is not None}) == 3


def test_config_maps_have_names_that_any_root_may_have() -> None:
    assert len(config_map_name("navicert", "x" * 253)) < 64
    assert config_map_name("navicert", "a") != config_map_name("navicert", "b")
