"""Judging candidates: whose signature counts, and when."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.trust.root import TrustRoot, TrustRoots
from controller.trust.signing import MAX_CHECKS
from tests.support.foundry import (
    Foundry,
    SigningKey,
    encode,
    roots_of,
)
from tests.support.judging import NOW, SUBJECT, bundle_of, proven, refused, statements
from tests.support.signers import key_of


class TestKeys:
    @pytest.mark.parametrize(
        "keyid",
        [
            pytest.param("", marks=pytest.mark.case("KEY-001")),
            pytest.param("some other key", marks=pytest.mark.case("KEY-001")),
            pytest.param(None, marks=pytest.mark.case("KEY-001")),
        ],
    )
    def test_the_keyid_decides_nothing(self, foundry: Foundry, keyid: str | None) -> None:
        envelope: Any = foundry.envelope_document(foundry.provenance(SUBJECT))
        envelope["signatures"][0]["keyid"] = keyid
        proven(bundle_of(foundry, envelope), foundry.roots)

    @pytest.mark.case("KEY-002")
    def test_the_right_keyid_does_not_help_another_key(self, foundry: Foundry) -> None:
        envelope: Any = foundry.envelope_document(foundry.provenance(SUBJECT), keys=[foundry.stranger])
        envelope["signatures"][0]["keyid"] = foundry.key.fingerprint
        refused(bundle_of(foundry, envelope), foundry.roots)

    @pytest.mark.case("KEY-003")
    @pytest.mark.parametrize("material", [{"publicKey": {"hint": "second"}}, {"publicKey": {}}])
    def test_the_hint_of_a_bundle_decides_nothing(self, foundry: Foundry, material: object) -> None:
        roots = roots_of(SigningKey().entry("second"), foundry.key.entry("first"))
        envelope = foundry.envelope_document(foundry.provenance(SUBJECT))
        assert key_of(proven(bundle_of(foundry, envelope, verificationMaterial=material), roots)).key == (
            foundry.key.fingerprint
        )

    def test_every_root_that_lists_the_key_vouches_for_itself(self, foundry: Foundry) -> None:
        roots = TrustRoots(
            roots={
                "other": TrustRoot(name="other", keys=(foundry.key.entry("theirs"),)),
                "acme": TrustRoot(name="acme", keys=(foundry.key.entry("ours"), SigningKey().entry("unused"))),
                "strict": TrustRoot(name="strict", keys=(foundry.key.entry("revoked", revoked_at=NOW),)),
            }
        )
        found = statements(foundry.bundle_layer(foundry.provenance(SUBJECT)), roots)
        assert [str(each.signer) for each in found] == ["key ours of acme", "key theirs of other"]

    def test_two_names_for_one_key_are_one_signer(self, foundry: Foundry) -> None:
        roots = roots_of(foundry.key.entry("b"), foundry.key.entry("a"))
        assert key_of(proven(foundry.bundle_layer(foundry.provenance(SUBJECT)), roots)).name == "a"

    @pytest.mark.case("SIGN-041")
    def test_one_trusted_signature_of_an_envelope_suffices(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        strangers = [SigningKey() for _ in range(31)]
        content = encode(foundry.envelope_document(payload, keys=[*strangers, foundry.key]))
        layer = replace(foundry.envelope_layer(payload), content=content)
        assert key_of(proven(layer, foundry.roots)).key == foundry.key.fingerprint

    def test_each_trusted_signature_of_an_envelope_counts(self, foundry: Foundry) -> None:
        second = SigningKey()
        payload = foundry.provenance(SUBJECT)
        content = encode(foundry.envelope_document(payload, keys=[foundry.key, second, foundry.key]))
        layer = replace(foundry.envelope_layer(payload), content=content)
        found = statements(layer, roots_of(foundry.key.entry("first"), second.entry("second")))
        assert {key_of(each).key for each in found} == {foundry.key.fingerprint, second.fingerprint}
        assert len(found) == 2

    def test_more_than_32_signatures_are_refused(self, foundry: Foundry) -> None:
        payload = foundry.provenance(SUBJECT)
        content = encode(foundry.envelope_document(payload, keys=[foundry.key] * 33))
        assert "<= 32" in refused(replace(foundry.envelope_layer(payload), content=content), foundry.roots).detail

    @pytest.mark.parametrize("roots", [TrustRoots(), roots_of()])
    def test_without_any_key_nothing_is_verified(self, foundry: Foundry, roots: TrustRoots) -> None:
        found = refused(foundry.bundle_layer(foundry.provenance(SUBJECT)), roots)
        assert found.detail == "no trust root holds a key"

    @pytest.mark.parametrize(
        ("not_before", "not_after", "revoked_at"),
        [
            pytest.param(None, NOW - timedelta(seconds=1), None, marks=pytest.mark.case("KEY-011")),
            pytest.param(NOW + timedelta(seconds=1), None, None, marks=pytest.mark.case("KEY-014")),
            pytest.param(None, None, NOW, marks=pytest.mark.case("KEY-013")),
            pytest.param(None, None, NOW + timedelta(days=1), marks=pytest.mark.case("KEY-013")),
            pytest.param(None, None, NOW - timedelta(days=1), marks=pytest.mark.case("KEY-013")),
        ],
    )
    @pytest.mark.parametrize("container", ["bundle", "envelope", "simple signing"])
    def test_a_key_that_does_not_count_now_proves_nothing(
        self,
        foundry: Foundry,
        container: str,
        not_before: datetime | None,
        not_after: datetime | None,
        revoked_at: datetime | None,
    ) -> None:
        layer = {
            "bundle": foundry.bundle_layer(foundry.provenance(SUBJECT)),
            "envelope": foundry.envelope_layer(foundry.provenance(SUBJECT)),
            "simple signing": foundry.signature_layer(foundry.simple_signing(SUBJECT)),
        }[container]
        entry = foundry.key.entry(not_before=not_before, not_after=not_after, revoked_at=revoked_at)
        found = refused(layer, roots_of(entry))
        assert found.step == 0
        assert "key release of acme" in found.detail

    @pytest.mark.case("KEY-014")
    def test_at_both_ends_of_its_window_a_key_counts(self, foundry: Foundry) -> None:
        entry = foundry.key.entry(not_before=NOW, not_after=NOW)
        proven(foundry.bundle_layer(foundry.provenance(SUBJECT)), roots_of(entry))


def test_a_candidate_cannot_ask_for_endless_signature_checks(foundry: Foundry) -> None:
    """One key pair, listed under as many different keys as it takes: whoever may push decides on the signatures."""
    payload = foundry.provenance(SUBJECT)
    content = encode(foundry.envelope_document(payload, keys=[foundry.key] * 32))
    layer = replace(foundry.envelope_layer(payload), content=content)
    many = roots_of(foundry.key.entry(), *(SigningKey().entry(f"key-{n}") for n in range(MAX_CHECKS // 32)))
    assert "too many signatures" in refused(layer, many).detail
    assert key_of(proven(foundry.envelope_layer(payload), many)).key == foundry.key.fingerprint
