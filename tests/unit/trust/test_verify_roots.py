"""Judging candidates: each trust root verifies for itself."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest

from controller.core.evidence import Refused, VerifiedStatement
from controller.core.signer import CertificateSigner, KeySigner
from controller.trust.keys import parse_public_key
from controller.trust.root import Require, RootKey, TrustRoot, TrustRoots, compile_sigstore
from controller.trust.verify import judge_candidate
from controller.wire.trustedroot import parse_trusted_root
from tests.support.bundles import CERTIFICATE, CHAIN, Order, make, order, pem
from tests.support.forms import FORMS
from tests.support.foundry import Foundry, SigningKey
from tests.support.instance import INTEGRATED, JUDGED, STAMPED, Instance, acme, stranger
from tests.support.judging import SUBJECT
from tests.support.tsa import Stamp


@cache
def sound(form: str = "v0.3 dsse stamped") -> Order:
    return order(FORMS[form], Foundry().provenance(SUBJECT))


def sigstore(name: str, instance: Instance | None = None, require: Require | None = None) -> TrustRoot:
    document = json.dumps((instance or acme()).trusted_root())
    material = compile_sigstore(parse_trusted_root(document))
    return TrustRoot(name=name, sigstore=material, require=require or Require.of_sigstore())


def keys(name: str, *, time_root: str | None = None, require: Require | None = None) -> TrustRoot:
    key = RootKey(name="release", key=parse_public_key(sound().key.pem.decode()))
    return TrustRoot(name=name, keys=(key,), time_root=time_root, require=require or Require())


def judge(wanted: Order, *roots: TrustRoot) -> tuple[VerifiedStatement, ...] | Refused:
    trusted = TrustRoots(roots={root.name: root for root in roots})
    return judge_candidate(make(wanted).candidate(), subject=SUBJECT, roots=trusted, now=JUDGED)


def signers(judged: tuple[VerifiedStatement, ...] | Refused) -> list[str]:
    assert not isinstance(judged, Refused), judged.detail
    return [statement.signer.trust_root for statement in judged if statement.signer is not None]


def detail(judged: tuple[VerifiedStatement, ...] | Refused) -> str:
    assert isinstance(judged, Refused)
    return judged.detail


@pytest.mark.case("SIGN-034")
@pytest.mark.case("SIGN-033")
def test_a_root_that_is_satisfied_does_not_serve_one_that_is_not() -> None:
    strict = sigstore("strict", require=Require(transparency_log=True, signed_timestamp=True, sct=True))
    lenient, foreign = sigstore("lenient"), sigstore("foreign", stranger())
    logged = sound("v0.3 dsse")
    assert signers(judge(logged, strict, lenient, foreign)) == ["lenient"]
    assert signers(judge(sound(), strict, lenient, foreign)) == ["lenient", "strict"]
    assert "strict: no authority of this trust root signed a timestamp" in detail(judge(logged, strict, foreign))


def test_every_objection_names_its_root() -> None:
    found = detail(judge(sound("v0.3 dsse"), sigstore("second", stranger()), sigstore("first", stranger())))
    assert found == "first: no log of this trust root holds it, and one must; second: " + found.partition("second: ")[2]


def test_without_any_root_for_it_a_certificate_proves_nothing() -> None:
    assert detail(judge(sound())) == "signed with a certificate, and no trust root holds a certificate authority"
    assert detail(judge(sound(), keys("keys"))) == detail(judge(sound()))


def test_all_verified_times_are_told() -> None:
    judged = judge(sound(), sigstore("sigstore"))
    assert not isinstance(judged, Refused)
    assert [statement.times for statement in judged] == [(INTEGRATED, STAMPED)]


@pytest.mark.case("KEY-019")
def test_a_key_counts_under_each_root_with_the_times_of_its_own_time_root() -> None:
    wanted = sound("key v0.3 dsse")
    roots = (
        keys("timed", time_root="sigstore"),
        keys("timeless"),
        keys("misled", time_root="foreign"),
        sigstore("sigstore"),
        sigstore("foreign", stranger()),
    )
    judged = judge(wanted, *roots)
    assert not isinstance(judged, Refused)
    times = {statement.signer.trust_root: statement.times for statement in judged if statement.signer is not None}
    assert times == {"timed": (INTEGRATED,), "timeless": (), "misled": ()}


@pytest.mark.case("KEY-017")
@pytest.mark.parametrize("time_root", [None, "sigstore", "foreign", "absent"])
def test_a_key_whose_root_requires_a_log_needs_an_entry_of_its_time_root(time_root: str | None) -> None:
    asking = keys("keys", time_root=time_root, require=Require(transparency_log=True))
    roots = (asking, sigstore("sigstore"), sigstore("foreign", stranger()))
    assert "no log of this trust root" in detail(judge(sound("key v0.3"), *roots))
    judged = judge(sound("key v0.3 dsse"), *roots)
    assert isinstance(judged, Refused) is (time_root != "sigstore")


@pytest.mark.parametrize("form", [".att dsse", ".sig hashedrekord"])
def test_what_stands_in_annotations_takes_nothing_from_a_key(form: str) -> None:
    wanted = order(FORMS[form], Foundry().simple_signing(SUBJECT) if "sig" in form else Foundry().provenance(SUBJECT))
    trusted = TrustRoots(roots={root.name: root for root in (keys("keys"), sigstore("sigstore"))})
    judged = judge_candidate(make(wanted).candidate(), subject=SUBJECT, roots=trusted, now=JUDGED)
    assert not isinstance(judged, Refused)
    assert [type(statement.signer) for statement in judged] == [CertificateSigner, KeySigner]


def test_a_certificate_in_annotations_that_can_not_be_read_takes_nothing_from_a_key() -> None:
    layer = make(sound("key .att"))
    layer = replace(layer, annotations={**layer.annotations, CERTIFICATE: pem(b"no certificate")})
    trusted = TrustRoots(roots={root.name: root for root in (keys("keys"), sigstore("sigstore"))})
    judged = judge_candidate(layer.candidate(), subject=SUBJECT, roots=trusted, now=JUDGED)
    assert signers(judged) == ["keys"]
    trusted = TrustRoots(roots={"sigstore": sigstore("sigstore")})
    assert "certificate" in detail(judge_candidate(layer.candidate(), subject=SUBJECT, roots=trusted, now=JUDGED))


def test_in_a_bundle_a_certificate_leaves_no_room_for_a_key() -> None:
    judged = judge(sound(), keys("keys"), sigstore("sigstore"))
    assert signers(judged) == ["sigstore"]


@pytest.mark.case("SIGN-017")
def test_the_chain_of_a_layer_may_go_on_to_a_root_that_makes_nobody_believed() -> None:
    layer = make(sound(".att dsse"))
    assert layer.annotations[CHAIN].count("BEGIN CERTIFICATE") == 2
    trusted = TrustRoots(roots={"foreign": sigstore("foreign", stranger(), Require())})
    judged = judge_candidate(layer.candidate(), subject=SUBJECT, roots=trusted, now=JUDGED)
    assert "no log entry or timestamp of this trust root" in detail(judged)


@pytest.mark.case("TIME-014")
@pytest.mark.case("TIME-016")
def test_a_timestamp_of_another_authority_is_as_good_as_none() -> None:
    wanted = replace(sound("v0.3 dsse stamped"), stamps=[(stranger().timestamps, Stamp(at=STAMPED))])
    judged = judge(wanted, sigstore("sigstore"))
    assert not isinstance(judged, Refused)
    assert [statement.times for statement in judged] == [(INTEGRATED,)]
    strict = sigstore("sigstore", require=Require(transparency_log=True, signed_timestamp=True, sct=True))
    assert "no authority of this trust root" in detail(judge(wanted, strict))


def test_a_root_that_does_not_list_the_key_has_no_say() -> None:
    listing = keys("listing", require=Require(transparency_log=True))
    other = TrustRoot(name="other", keys=(SigningKey().entry("another"),))
    assert (
        detail(judge(sound("key v0.3"), listing, other)) == "listing: no log of this trust root holds it, and one must"
    )


def test_an_entry_of_another_log_is_as_good_as_none() -> None:
    wanted = replace(sound("v0.3 dsse stamped"), rekor=stranger().rekor)
    assert "no log of this trust root" in detail(judge(wanted, sigstore("sigstore")))
    judged = judge(wanted, sigstore("sigstore", require=Require(signed_timestamp=True, sct=True)))
    assert not isinstance(judged, Refused)
    assert [statement.times for statement in judged] == [(STAMPED,)]
