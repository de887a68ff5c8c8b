"""Whose word counts for the source, and what a certificate's word is."""

from dataclasses import replace

import pytest

from controller.core.certified import certified_source, contradiction
from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement
from controller.core.signer import CertificateSigner, Extensions
from controller.core.slsa import SourceFrom, TrustedBuilder
from tests.support.facts import evidence, finding, matcher, policy, signer
from tests.support.keylessfacts import (
    CLAIM,
    COMMIT,
    ENTRY_POINT,
    EXPECTED,
    OLD_EXTENSIONS,
    REF,
    SHOP,
    alternative,
    certificate,
    keyless,
    said,
    workflow,
)

EVIL = "https://github.com/evil/shop"
SILENT = certificate(extensions=Extensions())
LEVEL_ONE = BuildRequirement(level=1)


def reason(
    by: CertificateSigner | None = None,
    source: SourceClaim = CLAIM,
    *,
    builder: TrustedBuilder | None = None,
    asked: BuildRequirement = EXPECTED,
) -> Reason:
    found = evidence(keyless(by, source=source))
    return finding(policy(build=asked), found, builder or workflow()).reason


def test_the_base_situation_is_admitted() -> None:
    assert reason() is Reason.Satisfied
    assert certified_source(certificate()) == CLAIM


@pytest.mark.case("SIGN-037")
def test_the_source_is_the_repository_that_called_the_workflow_and_not_the_workflows() -> None:
    called = said(source_repository_uri=EVIL, build_config_uri=f"{EVIL}/{ENTRY_POINT}@{REF}")
    assert reason(called, replace(CLAIM, repository=EVIL)) is Reason.SourceMismatch
    asked = BuildRequirement(level=3, sources=(alternative(EVIL),))
    assert reason(called, replace(CLAIM, repository=EVIL), asked=asked) is Reason.Satisfied


@pytest.mark.case("SIGN-026")
@pytest.mark.case("SRC-011")
@pytest.mark.parametrize("asked", [EXPECTED, BuildRequirement(level=3), LEVEL_ONE])
def test_a_predicate_that_names_another_repository_than_its_certificate_is_worth_nothing(
    asked: BuildRequirement,
) -> None:
    assert reason(source=replace(CLAIM, repository=EVIL), asked=asked) is Reason.BuilderNotTrusted
    elsewhere = said(source_repository_uri=EVIL, build_config_uri=None)
    assert reason(elsewhere, asked=asked) is Reason.BuilderNotTrusted


@pytest.mark.case("SRC-012")
@pytest.mark.case("SRC-016")
@pytest.mark.parametrize(
    "claim",
    [
        replace(CLAIM, commit="d" * 40),
        replace(CLAIM, ref="refs/heads/main"),
        replace(CLAIM, entry_point="debug.yml"),
        replace(CLAIM, trigger="release"),
        replace(CLAIM, repository_id="12"),
        replace(CLAIM, owner_id="7"),
        replace(CLAIM, repository="http://github.com/acme/shop"),
    ],
)
def test_any_field_that_both_tell_must_agree(claim: SourceClaim) -> None:
    assert reason(source=claim) is Reason.BuilderNotTrusted


def test_the_runner_that_both_tell_must_agree() -> None:
    statement = keyless(runner="self-hosted")
    assert "runner environment self-hosted" in (contradiction(statement, certified_source(statement.signer)) or "")
    assert finding(policy(build=EXPECTED), evidence(statement), workflow()).reason is Reason.BuilderNotTrusted
    assert contradiction(keyless(runner="github-hosted"), CLAIM) is None


@pytest.mark.case("SIGN-035")
def test_a_builder_that_lets_the_predicate_tell_the_source_does_not_let_it_contradict() -> None:
    loose = workflow(source_from=SourceFrom.PROVENANCE)
    elsewhere = said(source_repository_uri=EVIL, build_config_uri=None)
    assert reason(elsewhere, builder=loose) is Reason.BuilderNotTrusted
    assert reason(elsewhere, SourceClaim(), builder=loose) is Reason.SourceMismatch


@pytest.mark.parametrize("uri", ["http://github.com/acme/shop", "ssh://git@github.com/acme/shop", "acme/shop"])
def test_a_certified_repository_that_can_not_be_compared_agrees_with_none(uri: str) -> None:
    odd = said(source_repository_uri=uri, build_config_uri=None)
    assert reason(odd) is Reason.BuilderNotTrusted
    assert reason(odd, SourceClaim()) is Reason.SourceMismatch


@pytest.mark.case("SIGN-036")
@pytest.mark.parametrize("claim", [SourceClaim(), SourceClaim(repository=SHOP), SourceClaim(commit=COMMIT)])
def test_what_the_predicate_does_not_say_is_no_disagreement(claim: SourceClaim) -> None:
    assert reason(source=claim) is Reason.Satisfied


@pytest.mark.case("SRC-030")
@pytest.mark.case("SIGN-027")
def test_a_certificate_that_says_nothing_of_the_source_lets_the_predicate_only_where_the_builder_does() -> None:
    assert reason(SILENT) is Reason.BuilderNotTrusted
    assert reason(SILENT, asked=BuildRequirement(level=3)) is Reason.Satisfied
    assert reason(SILENT, builder=workflow(source_from=SourceFrom.PROVENANCE)) is Reason.Satisfied


def test_the_predicates_word_never_fills_what_a_certificate_leaves_open() -> None:
    loose = workflow(source_from=SourceFrom.PROVENANCE)
    assert reason(said(source_repository_ref=None, build_config_uri=None), builder=loose) is Reason.RefNotAllowed
    assert reason(said(source_repository_uri=None, build_config_uri=None), builder=loose) is Reason.SourceMismatch


@pytest.mark.case("SRC-035")
def test_a_certificate_of_the_first_generation_tells_the_source_where_its_issuer_is_github() -> None:
    old = certificate(extensions=OLD_EXTENSIONS)
    assert reason(old) is Reason.Satisfied
    assert certified_source(old) == SourceClaim(repository=SHOP, ref=REF, commit=COMMIT, trigger="push")
    asks_runner = replace(workflow(), runner_environments=frozenset({"github-hosted"}))
    assert reason(old, builder=asks_runner) is Reason.BuilderNotTrusted
    enterprise = certified_source(replace(old, issuer="https://token.actions.githubusercontent.com/acme"))
    assert enterprise is not None
    assert enterprise.repository == SHOP
    for issuer in ("https://gitlab.com", "https://token.actions.githubusercontent.com.evil.example"):
        foreign = certified_source(replace(old, issuer=issuer))
        assert foreign is not None
        assert foreign.repository == "acme/shop"  # no repository that anything expects


@pytest.mark.case("SRC-041")
def test_what_the_first_generation_does_not_carry_meets_no_expectation() -> None:
    old = certificate(extensions=OLD_EXTENSIONS)
    by_entry_point = BuildRequirement(level=3, sources=(alternative(entry_points=(ENTRY_POINT,)),))
    by_owner = BuildRequirement(level=3, sources=(alternative(owner_ids={"1234567"}),))
    assert reason(old, asked=by_entry_point) is Reason.EntryPointMismatch
    assert reason(old, asked=by_owner) is Reason.SourceMismatch
    assert reason(asked=by_entry_point) is Reason.Satisfied
    assert reason(asked=by_owner) is Reason.Satisfied


def test_the_first_generation_counts_only_where_nothing_of_the_present_one_is_there() -> None:
    mixed = certificate(extensions=replace(OLD_EXTENSIONS, runner_environment="github-hosted"))
    claim = certified_source(mixed)
    assert claim is not None
    assert claim.repository is None
    assert reason(mixed, SourceClaim()) is Reason.SourceMismatch


@pytest.mark.parametrize(
    ("config", "ref", "path"),
    [
        (f"{SHOP}/{ENTRY_POINT}@{REF}", REF, ENTRY_POINT),
        (f"{SHOP}/a@b/c.yml@refs/tags/pkg@1.2.3", "refs/tags/pkg@1.2.3", "a@b/c.yml"),
        (f"{SHOP}//.gitlab-ci.yml@refs/heads/main", "refs/heads/main", ".gitlab-ci.yml"),
        (f"{SHOP}/{ENTRY_POINT}@refs/heads/main", REF, None),
        (f"https://github.com/acme/ci/{ENTRY_POINT}@{REF}", REF, None),
        (f"{SHOP}-evil/{ENTRY_POINT}@{REF}", REF, None),
        (f"{SHOP}/@{REF}", REF, None),
        (ENTRY_POINT, REF, None),
        ("", REF, None),
    ],
)
def test_the_entry_point_stands_between_the_repository_and_the_ref(config: str, ref: str, path: str | None) -> None:
    claim = certified_source(said(build_config_uri=config, source_repository_ref=ref))
    assert claim is not None
    assert claim.entry_point == path


def test_keys_certify_no_source() -> None:
    assert certified_source(signer()) is None
    assert certified_source(None) is None
    by_key = workflow(by=matcher("builder"), ids=("https://b.example",), source_from=SourceFrom.CERTIFICATE)
    found = evidence(keyless(None, builder_id="https://b.example"))
    assert finding(policy(build=EXPECTED), found, by_key).reason is Reason.BuilderNotTrusted
