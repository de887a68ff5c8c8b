"""Which statements a builder speaks for."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement
from controller.core.signer import CertificateSigner, Extensions, SubjectType
from controller.core.slsa import SourceFrom, TrustedBuilder
from controller.core.window import Window
from tests.support.facts import NOW, evidence, finding, matcher, policy, signer
from tests.support.keylessfacts import (
    CLAIM,
    EXPECTED,
    GITHUB,
    REUSABLE,
    SIGNED,
    WORKFLOW,
    certificate,
    keyless,
    named,
    said,
    workflow,
)


@dataclass(frozen=True)
class Expression:
    """A whole-text pattern that is no glob, as the language of regular expressions will be one."""

    text: str

    def matches(self, text: str) -> bool:
        return re.fullmatch(self.text, text, re.ASCII) is not None

    def __str__(self) -> str:
        return self.text


VERSIONED = workflow(by=named(pattern=Expression(re.escape(WORKFLOW) + r"@refs/tags/v[0-9]+\.[0-9]+\.[0-9]+")))


def reason(by: CertificateSigner | None = None, *builders: TrustedBuilder, builder_id: str | None = None) -> Reason:
    found = evidence(keyless(by, builder_id=builder_id))
    return finding(policy(build=EXPECTED), found, *(builders or (workflow(),))).reason


@pytest.mark.case("IDENT-008")
def test_the_builder_id_equals_the_signer_as_a_whole_and_nothing_is_split() -> None:
    odd = f"{WORKFLOW}@refs/tags/pkg@1.2.3"
    any_tag = workflow(by=named(f"{WORKFLOW}@refs/tags/*"))
    assert reason(certificate(odd), any_tag) is Reason.Satisfied
    assert reason(certificate(odd), any_tag, builder_id=odd.rpartition("@")[0]) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-007")
@pytest.mark.case("SIGN-022")
@pytest.mark.case("SIGN-025")
@pytest.mark.parametrize(
    "by",
    [
        certificate("https://github.com/evil/ci/.github/workflows/image.yml@refs/tags/v2.1.0"),
        certificate("someone@acme.example", kind=SubjectType.EMAIL, issuer="https://accounts.google.com"),
    ],
)
def test_the_trusted_builders_id_by_another_signer_is_not_trusted(by: CertificateSigner) -> None:
    assert reason(by, builder_id=REUSABLE) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-008")
def test_the_trusted_signer_with_another_builder_id_is_not_trusted() -> None:
    assert reason(builder_id="https://b.example/other") is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-028")
def test_a_delegator_signs_for_the_builder_ids_that_are_listed() -> None:
    delegated = "https://github.com/acme/builders/.github/workflows/npm.yml@refs/tags/v1.0.0"
    byob = workflow(ids=("https://github.com/acme/builders/.github/workflows/npm.yml@refs/tags/v*",))
    assert reason(None, byob, builder_id=delegated) is Reason.Satisfied
    assert reason(None, byob) is Reason.BuilderNotTrusted


def test_a_key_has_no_name_that_a_builder_id_could_equal() -> None:
    by_key = workflow(by=matcher("builder"))
    assert not by_key.speaks_for(keyless(signer("builder")))
    assert workflow(by=matcher("builder"), ids=("builder",)).speaks_for(keyless(signer("builder")))


@pytest.mark.case("SIGN-011")
@pytest.mark.case("SIGN-012")
@pytest.mark.case("SIGN-013")
@pytest.mark.parametrize(
    "issuer", [f"{GITHUB}/enterprise", f"{GITHUB}.evil.example", "https://evil.example", GITHUB + "/"]
)
def test_the_issuer_is_exact(issuer: str) -> None:
    assert reason(certificate(issuer=issuer)) is Reason.BuilderNotTrusted
    account = "https://kubernetes.io/namespaces/ci/serviceaccounts/pipeline"
    chains = workflow(by=named(account, issuer="https://oidc.acme.example"))
    assert reason(certificate(account, issuer="https://oidc.acme.example"), chains) is Reason.Satisfied
    assert reason(certificate(account, issuer=issuer), chains) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-016")
@pytest.mark.parametrize(("runner", "allowed"), [("github-hosted", True), ("self-hosted", False), (None, False)])
def test_the_runner_environment_must_be_told_and_be_one_of_those_asked(runner: str | None, *, allowed: bool) -> None:
    hosted = replace(workflow(), runner_environments=frozenset({"github-hosted"}))
    expected = Reason.Satisfied if allowed else Reason.BuilderNotTrusted
    assert reason(said(runner_environment=runner), hosted) is expected


def test_the_predicates_word_on_the_runner_counts_where_its_word_on_the_source_does() -> None:
    hosted = frozenset({"hosted"})
    for source_from, speaks in ((SourceFrom.PROVENANCE, True), (SourceFrom.CERTIFICATE, False)):
        by_key = replace(
            workflow(by=matcher("builder"), ids=("builder",), source_from=source_from), runner_environments=hosted
        )
        assert by_key.speaks_for(keyless(signer("builder"), runner="hosted")) is speaks
    silent = replace(workflow(source_from=SourceFrom.PROVENANCE), runner_environments=hosted)
    assert not silent.speaks_for(keyless(said(runner_environment=None), runner="hosted"))


@pytest.mark.case("SIGN-040")
@pytest.mark.case("SRC-014")
@pytest.mark.parametrize("trigger", ["pull_request_target", "pull_request", "issue_comment", None])
def test_a_builder_that_lists_triggers_speaks_for_no_other(trigger: str | None) -> None:
    safe = replace(workflow(), triggers=frozenset({"push", "release"}))
    found = evidence(keyless(said(build_trigger=trigger), source=replace(CLAIM, trigger=None)))
    assert finding(policy(build=EXPECTED), found, safe).reason is Reason.BuilderNotTrusted
    assert reason(None, safe) is Reason.Satisfied


@pytest.mark.case("SIGN-038")
@pytest.mark.parametrize(
    ("ref", "allowed"),
    [
        ("refs/tags/v2.1.0", True),
        ("refs/tags/v2.10.0", True),
        ("refs/tags/v10.0.0", True),
        ("refs/tags/v2.0.9", False),
        ("refs/tags/v2.1.0-rc.1", False),
        ("refs/tags/v2.2.0+build", False),
        ("refs/tags/v2.1", False),
        ("refs/tags/v02.1.0", False),
        ("refs/tags/2.1.0", False),
        ("refs/tags/v2.1.0\n", False),
        ("refs/tags/v" + "9" * 5000 + ".0.0", False),
        ("refs/heads/v2.1.0", False),
        ("refs/heads/x@refs/tags/v9.9.9", False),
    ],
)
def test_the_minimum_version_is_of_the_tag_in_the_signers_name(ref: str, *, allowed: bool) -> None:
    least = replace(workflow(by=named("https://**")), minimum_version=(2, 1, 0))
    expected = Reason.Satisfied if allowed else Reason.BuilderNotTrusted
    assert reason(certificate(f"{WORKFLOW}@{ref}"), least) is expected


def test_a_key_is_of_no_version() -> None:
    least = replace(workflow(by=matcher("builder"), ids=("builder",)), minimum_version=(0, 0, 0))
    assert not least.speaks_for(keyless(signer("builder")))


@pytest.mark.case("SIGN-039")
def test_a_revoked_window_is_closed_and_holds_what_shows_no_time() -> None:
    def spoken(window: Window, *times: timedelta) -> bool:
        return replace(workflow(), revoked=(window,)).speaks_for(keyless(times=tuple(SIGNED + one for one in times)))

    second, day = timedelta(seconds=1), timedelta(days=1)
    closed = Window(start=SIGNED, end=SIGNED + day)
    assert [spoken(closed, one) for one in (-second, 0 * second, day, day + second)] == [True, False, False, True]
    assert not spoken(closed, -day, day)
    assert not spoken(closed)
    assert not spoken(Window(start=SIGNED), 9 * day)
    assert workflow().speaks_for(keyless(times=()))


@pytest.mark.case("SIGN-039")
def test_revoked_provenance_is_refused() -> None:
    revoked = replace(workflow(), revoked=(Window(start=SIGNED, end=NOW),))
    found = finding(policy(build=EXPECTED), evidence(keyless()), revoked)
    assert found.reason is Reason.BuilderNotTrusted
    assert "revoked" in found.detail


@pytest.mark.case("SIGN-010")
def test_a_build_type_that_the_builder_does_not_list_is_not_its_own() -> None:
    assert reason(None, replace(workflow(), build_types=frozenset({"https://b.example/t"}))) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-023")
def test_of_two_builders_that_speak_the_higher_counts_and_both_are_named() -> None:
    found = finding(policy(build=BuildRequirement(level=2)), evidence(keyless()), workflow("low", level=2), workflow())
    assert (found.reason, found.proven.level, found.proven.builders) == (Reason.Satisfied, 3, ("reusable", "low"))


def test_no_fields_are_merged_from_two_builders() -> None:
    """One reaches the level and tells no source, the other tells the source and reaches no level."""
    low = workflow("low", level=2, source_from=SourceFrom.PROVENANCE)
    assert reason(certificate(extensions=Extensions()), workflow(), low) is Reason.BuilderNotTrusted


def test_why_the_nearest_builder_does_not_speak_is_told() -> None:
    near = replace(workflow("near"), runner_environments=frozenset({"github-hosted"}))
    far = workflow("far", ids=("https://b.example",))
    found = finding(policy(build=EXPECTED), evidence(keyless(said(runner_environment="self-hosted"))), far, near)
    assert "near knows the signer, but: built on a runner of self-hosted, not github-hosted" in found.detail


# Patterns over identities


@pytest.mark.case("IDENT-001")
@pytest.mark.case("IDENT-002")
@pytest.mark.parametrize(
    "ref", ["heads/main", "tags/v1", "tags/v1.2", "tags/v1.2.3-rc.0", "tags/v1.2.3+b", "tags/1.2.3", "tags/v1.2.3\n"]
)
def test_a_signer_at_another_ref_than_a_version_tag_is_another(ref: str) -> None:
    assert reason(certificate(f"{WORKFLOW}@refs/{ref}"), VERSIONED) is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-003")
def test_a_version_has_as_many_digits_as_it_likes() -> None:
    assert reason(certificate(f"{WORKFLOW}@refs/tags/v1.10.0"), VERSIONED) is Reason.Satisfied


@pytest.mark.case("IDENT-004")
def test_a_pattern_is_over_the_whole_name() -> None:
    assert reason(certificate(f"{REUSABLE}.evil"), VERSIONED) is Reason.BuilderNotTrusted
    assert reason(certificate(f"https://evil.example/?{REUSABLE}"), VERSIONED) is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-007")
def test_a_dot_is_a_dot() -> None:
    exact = workflow(by=named(REUSABLE))
    assert reason(None, exact) is Reason.Satisfied
    assert reason(certificate(REUSABLE.replace("github.com", "githubxcom")), exact) is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-014")
@pytest.mark.parametrize("uri", ["https://github.com/evil/shop", None])
def test_an_extension_that_a_signer_entry_asks_must_be_exactly_so(uri: str | None) -> None:
    asks = workflow(by=named(extensions=(("source_repository_uri", "https://github.com/acme/shop"),)))
    assert reason(None, asks) is Reason.Satisfied
    by = said(source_repository_uri=uri, build_config_uri=None)
    found = evidence(keyless(by, source=SourceClaim()))
    assert finding(policy(build=BuildRequirement(level=3)), found, asks).reason is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-015")
def test_a_double_slash_is_compared_as_it_is_written() -> None:
    name = "https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main"
    by = certificate(name, issuer="https://gitlab.com")
    written = workflow(by=named(name, issuer="https://gitlab.com"))
    cleaned = workflow(by=named(name.replace("shop//", "shop/"), issuer="https://gitlab.com"))
    assert reason(by, written) is Reason.Satisfied
    assert reason(by, cleaned) is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-016")
@pytest.mark.case("SIGN-031")
def test_a_star_stops_at_a_slash_and_two_do_not() -> None:
    name = f"{WORKFLOW}@refs/tags/v1/../../evil"
    assert reason(certificate(name)) is Reason.BuilderNotTrusted
    assert reason(certificate(name), workflow(by=named(f"{WORKFLOW}@refs/tags/v**"))) is Reason.Satisfied
    assert reason(None, workflow(ids=(f"{WORKFLOW}@refs/tags/v*",)), builder_id=name) is Reason.BuilderNotTrusted


@pytest.mark.case("IDENT-017")
@pytest.mark.case("SIGN-020")
@pytest.mark.parametrize("kind", [SubjectType.EMAIL, SubjectType.OTHER_NAME])
def test_the_kind_of_name_matters(kind: SubjectType) -> None:
    assert reason(certificate(kind=kind)) is Reason.BuilderNotTrusted
    assert reason(None, workflow(by=named(kind=kind))) is Reason.BuilderNotTrusted
    assert reason(certificate(kind=kind), workflow(by=named(kind=kind))) is Reason.Satisfied


@pytest.mark.case("IDENT-011")
@pytest.mark.parametrize(
    "name", [REUSABLE.replace("acme", "\u0430cme"), REUSABLE + "\0", REUSABLE.replace("a", "a\u0301", 1)]
)
def test_names_are_compared_as_they_are(name: str) -> None:
    assert reason(certificate(name), workflow(by=named(REUSABLE))) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-033")
def test_the_same_name_under_another_trust_root_is_another_signer() -> None:
    assert reason(certificate(root="elsewhere")) is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-044")
def test_a_signing_time_after_the_entrys_last_does_not_count() -> None:
    assert reason(None, workflow(by=named(not_after=SIGNED))) is Reason.Satisfied
    assert reason(None, workflow(by=named(not_after=SIGNED - timedelta(seconds=1)))) is Reason.BuilderNotTrusted
    timed = keyless(times=(SIGNED - timedelta(days=2), SIGNED))
    late = workflow(by=named(not_after=SIGNED - timedelta(days=1)))
    assert finding(policy(build=EXPECTED), evidence(timed), late).reason is Reason.BuilderNotTrusted


@pytest.mark.case("SIGN-044")
def test_an_entry_with_a_last_time_counts_for_nothing_that_shows_none() -> None:
    found = evidence(keyless(times=()))
    dated = workflow(by=named(not_after=NOW + timedelta(days=1)))
    assert finding(policy(build=EXPECTED), found, dated).reason is Reason.BuilderNotTrusted
