"""Which statements a builder speaks for."""

from dataclasses import replace
from datetime import timedelta

import pytest

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
