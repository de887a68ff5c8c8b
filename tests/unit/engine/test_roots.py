"""Trust roots as objects: what they hold, what they require, and who tells their times."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.engine.linking import Snapshot
from controller.engine.policies import PolicyStore
from controller.trust.root import Require, public_good
from controller.wire.policy import KINDS
from tests.support.instance import acme
from tests.support.objects import Document, document, named_key, new_pem, policy

PUBLIC = document("TrustRoot", "sigstore", {"sigstore": {"publicGood": {}}})


def inline(name: str = "private", text: str | None = None, **spec: Any) -> Document:
    root = json.dumps(acme().trusted_root()) if text is None else text
    return document("TrustRoot", name, {"sigstore": {"trustedRoot": {"inline": root}}, **spec})


def keys(name: str = "acme", **spec: Any) -> Document:
    return document("TrustRoot", name, {"keys": [{"name": "release", "pem": new_pem()}], **spec})


def linked(*sources: Document) -> Snapshot:
    store = PolicyStore()
    for kind in KINDS:
        store.replace(kind, [one for one in sources if one["kind"] == kind])
    snapshot = store.current()
    assert snapshot is not None
    return snapshot


def test_the_public_good_instance_comes_along() -> None:
    root = linked(PUBLIC).roots.roots["sigstore"]
    assert root.sigstore == public_good()
    assert root.require == Require(transparency_log=True, signed_timestamp=False, sct=True)


def test_a_root_of_ones_own_is_what_its_document_lists() -> None:
    material = linked(inline()).roots.roots["private"].sigstore
    assert material is not None
    counts = (material.authorities, material.logs, material.ct_logs, material.timestamp_authorities)
    assert list(map(len, counts)) == [1, 2, 1, 1]


@pytest.mark.parametrize("text", ["{}", "[]", '{"mediaType": "text/plain"}'])
def test_a_document_that_can_not_be_read_breaks_the_root_at_its_path(text: str) -> None:
    found = linked(inline(text=text))
    (problem,) = found.problems["TrustRoot/private"]
    assert problem.path == "spec.sigstore.trustedRoot.inline"
    assert found.roots.roots == {}


@pytest.mark.case("TIME-010")
def test_a_window_without_a_start_breaks_the_root() -> None:
    broken = acme().trusted_root()
    del broken["tlogs"][0]["publicKey"]["validFor"]["start"]
    assert set(linked(inline(text=json.dumps(broken))).problems) == {"TrustRoot/private"}


@pytest.mark.case("SIGN-042")
@pytest.mark.case("TIME-012")
def test_what_a_root_requires_is_what_it_says_and_for_the_rest_the_default() -> None:
    require = {"transparencyLog": False, "sct": False, "signedTimestamp": True}
    roots = linked(
        inline("all", require=require),
        inline("some", require={"signedTimestamp": True}),
        keys("keys", require={"transparencyLog": True}),
        keys("silent"),
    ).roots.roots
    assert roots["all"].require == Require(transparency_log=False, signed_timestamp=True, sct=False)
    assert roots["some"].require == Require(transparency_log=True, signed_timestamp=True, sct=True)
    assert roots["keys"].require == Require(transparency_log=True, signed_timestamp=False, sct=False)
    assert roots["silent"].require == Require(transparency_log=False, signed_timestamp=False, sct=False)


@pytest.mark.case("KEY-010")
def test_a_root_of_keys_names_the_root_that_tells_its_times() -> None:
    found = linked(PUBLIC, keys(timeRoot="sigstore"))
    assert found.problems == {}
    assert found.roots.roots["acme"].time_root == "sigstore"


@pytest.mark.parametrize(
    "others", [(), (keys("sigstore"),), (inline("sigstore", text="{}"),)], ids=["absent", "of keys", "broken"]
)
def test_a_root_whose_times_nobody_can_tell_is_broken_and_breaks_what_names_it(others: tuple[Document, ...]) -> None:
    signed = policy(require={"signatures": [{"signers": [named_key()]}]})
    found = linked(keys(timeRoot="sigstore"), signed, *others)
    (problem,) = found.problems["TrustRoot/acme"]
    assert problem.path == "spec.timeRoot"
    assert "acme" not in found.roots.roots
    assert "ClusterSLSAPolicy/production" in found.problems


def test_every_change_of_a_root_changes_the_revision() -> None:
    key = keys()
    variants = [
        (PUBLIC, key),
        (inline("sigstore"), key),
        (inline("sigstore", require={"sct": False}), key),
        (PUBLIC, document("TrustRoot", "acme", {**key["spec"], "timeRoot": "sigstore"})),
        (PUBLIC, document("TrustRoot", "acme", {**key["spec"], "require": {"signedTimestamp": True}})),
    ]
    assert len({linked(*variant).roots.revision for variant in variants}) == len(variants)


def test_a_key_of_a_sigstore_root_is_none() -> None:
    signed = policy(require={"signatures": [{"signers": [named_key(root="sigstore")]}]})
    (problem,) = linked(PUBLIC, signed).problems["ClusterSLSAPolicy/production"]
    assert problem.path.endswith("publicKey.trustRoot")
    assert "is a Sigstore instance's and has no keys" in problem.message
