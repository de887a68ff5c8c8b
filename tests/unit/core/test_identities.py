"""Patterns over identities: who a signer entry names."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from controller.core.provenance import SourceClaim
from controller.core.reasons import Reason
from controller.core.requirements import BuildRequirement
from controller.core.signer import CertificateSigner, SubjectType
from controller.core.slsa import TrustedBuilder
from tests.support.facts import NOW, evidence, finding, policy
from tests.support.keylessfacts import (
    EXPECTED,
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


@pytest.mark.case("IDENT-001")
@pytest.mark.case("IDENT-002")
@pytest.mark.parametrize(
    "ref", ["heads/main", "tags/v1", "tags/v1.2", "tags/v1.2.3-rc.0", "tags/v1.2.3+b", "tags/1.2.3", "tags/v1.2.3\n"]
)
def test_a_signer_at_another_ref_than_a_version_tag_is_another(ref: str) -> None:
    assert reason(certificate(f"{WORKFLOW}@refs/{ref}"), VERSIONED) is Reason.BuilderNotTrusted


def test_one_of_several_signers_is_enough() -> None:
    either = replace(VERSIONED, signers=(named("https://other.example"), *VERSIONED.signers))
    assert reason(None, either) is Reason.Satisfied
    assert reason(certificate("https://other.example"), either) is Reason.Satisfied
    assert reason(certificate("https://evil.example"), either) is Reason.BuilderNotTrusted


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
