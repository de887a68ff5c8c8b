"""Every field of the API becomes something that is judged: none is dropped, none is left for later."""

from datetime import UTC, datetime, timedelta

import pytest

from controller.core.evidence import Kind, VerifiedStatement
from controller.core.image import Digest, Repository
from controller.core.matchers import CertificateMatcher
from controller.core.policy import BrokenPolicy, Policy, PolicyName
from controller.core.records import SBOMFormat
from controller.core.requirements import Part, Requirements
from controller.core.signer import CertificateSigner, Extensions, SubjectType
from controller.core.slsa import TrustedBuilder
from controller.wire.policy import (
    BrokenObject,
    CertificateReference,
    ConfigMapKey,
    SigstoreSpec,
    UnlinkedException,
    UnlinkedKey,
    UnlinkedRoot,
    compile_builder,
    compile_exception,
    compile_policy,
    compile_root,
)
from controller.wire.policy.unlinked import TufSource
from tests.support import facts, objects
from tests.support.objects import Document, named_key, policy

FULL = policy("full", **objects.POLICY)
PATH = "spec.require"


def compiled(source: Document) -> Policy:
    found = compile_policy(source).policy
    assert isinstance(found, Policy), found
    return found


def required(**require: object) -> Requirements:
    found = compiled(policy(match={"images": objects.IMAGES}, require=require)).require
    assert found is not None
    return found


def problems(source: Document) -> dict[str, str]:
    found = compile_policy(source).policy
    return {one.path: one.message for one in found.problems} if isinstance(found, BrokenPolicy) else {}


def test_a_full_policy_has_every_part() -> None:
    found = compiled(FULL)
    assert found.require is not None
    for part in (found.require, *found.any_of):
        assert all((part.build, part.source_level, part.dependencies, part.signatures, part.sbom, part.attestations))
    assert (len(found.any_of), len(found.accept_summaries)) == (1, 1)


def test_a_build_becomes_what_it_says() -> None:
    build = required(buildLevel=3, sources=objects.ALTERNATIVE["sources"], build=objects.ALTERNATIVE["build"]).build
    assert build is not None
    assert build.types == {"https://actions.github.io/buildtypes/workflow/v1"}
    assert (build.parameters, build.max_age) == (("workflow", "inputs.channel"), timedelta(days=90))
    assert [(one.name, one.message) for one in build.conditions] == [("no-debug", "debug builds stay out")]
    source = build.sources[0]
    assert [str(one) for one in source.entry_points] == [".github/workflows/release.yml"]
    assert source.triggers == {"push", "release", "workflow_dispatch"}
    assert source.repository_ids == {"7654321"}
    assert source.owner_ids == {"1234567"}


def test_a_source_level_becomes_what_it_says() -> None:
    found = required(sourceLevel=objects.ALTERNATIVE["sourceLevel"]).source_level
    assert found is not None
    assert (found.level, found.summaries[0].verifier_id, found.summaries[0].max_level) == (2, "https://scs.example", 3)
    assert len(found.summaries[0].signers) == 3


def test_boms_attestations_and_dependencies_become_what_they_say() -> None:
    found = required(**{part: objects.ALTERNATIVE[part] for part in ("sbom", "attestations", "dependencies")})
    assert found.sbom is not None
    assert (found.sbom.formats, len(found.sbom.signers or ())) == (frozenset(SBOMFormat), 3)
    (attestation,) = found.attestations
    assert (attestation.max_age, attestation.newest, len(attestation.conditions)) == (timedelta(days=7), False, 1)
    assert found.dependencies is not None
    assert found.dependencies.level == 1
    assert found.dependencies.images[0].matches(Repository.parse("ghcr.io/acme-base/python"))


def test_what_is_left_out_has_its_documented_meaning() -> None:
    found = required(buildLevel=1, sbom={"formats": ["SPDX"]}, dependencies={"images": ["**"]})
    assert found.sbom is not None
    assert found.sbom.formats == {SBOMFormat.SPDX}
    assert found.sbom.signers is None
    assert found.dependencies is not None
    assert found.dependencies.level is None
    signed = required(sbom={"signers": [named_key()]})
    assert signed.sbom is not None
    assert signed.sbom.formats == frozenset(SBOMFormat)
    newest = {"predicateType": "https://a.example/v1", "signers": [named_key()], "use": "Newest"}
    assert required(attestations=[newest]).attestations[0].newest


def test_an_accepted_summary_becomes_what_it_says() -> None:
    (found,) = compiled(FULL).accept_summaries
    assert (found.verifier_id, found.resource_uris) == ("https://verifier.acme.example", ("{repository}",))
    assert (found.max_level, found.max_age) == (3, timedelta(days=30))
    assert found.covers == {Part.BUILD_LEVEL}
    assert found.policy_uris == {"https://acme.example/policy"}
    assert found.policy_digests == {"sha256:" + "1" * 64}
    entry = {**objects.POLICY["acceptSummaries"][0], "covers": None, "maxAge": None}
    (bare,) = compiled(policy(acceptSummaries=[entry])).accept_summaries
    assert bare.covers == {Part.BUILD_LEVEL}
    assert bare.max_age is None


def test_a_policy_may_ask_by_alternatives_alone() -> None:
    found = compiled(policy(require={"anyOf": [{"buildLevel": 3}, {"signatures": [{"signers": [named_key()]}]}]}))
    assert found.require is None
    assert [one.build is None for one in found.any_of] == [False, True]


@pytest.mark.case("POL-001")
def test_templates_and_conditions_of_alternatives_are_looked_at_too() -> None:
    alternative = {
        "sources": [{"repositories": ["https://github.com/acme/{2}"]}],
        "build": {"conditions": [{"name": "a", "expression": "nosuch"}, {"name": "a", "expression": "true"}]},
    }
    found = problems(policy(match={"images": objects.IMAGES}, require={"anyOf": [{"buildLevel": 1}, alternative]}))
    assert set(found) == {
        f"{PATH}.anyOf[1].sources[0].repositories[0]",
        f"{PATH}.anyOf[1].build.conditions[0].expression",
        f"{PATH}.anyOf[1].build.conditions[1].name",
    }


@pytest.mark.case("POL-014")
@pytest.mark.parametrize("expression", ["nosuch == 1", "1 + 'a' == 2", "'text'", "!has(image.repositry)"])
def test_a_bad_condition_is_told_beside_other_problems(expression: str) -> None:
    entry = {**objects.ALTERNATIVE["attestations"][0], "conditions": [{"name": "a", "expression": expression}]}
    found = problems(policy(mode="x", require={"attestations": [entry]}))
    assert set(found) == {"spec.mode", f"{PATH}.attestations[0].conditions[0].expression"}


@pytest.mark.case("IDENT-009")
@pytest.mark.parametrize("expression", ["(?<=a)b", r"(a)\1", "a{0,1001}", "a" * 10_000])
def test_a_bad_expression_is_told_at_its_path(expression: str) -> None:
    signers = [{"certificate": {"issuer": "https://i.example", "subjectRegExp": expression}}]
    path = f"{PATH}.signatures[0].signers[0].certificate.subjectRegExp"
    assert set(problems(policy(require={"signatures": [{"signers": signers}]}))) == {path}


@pytest.mark.parametrize("text", ["{repo}", "pkg:oci/{1}", "ghcr.io/*", "{repository", "{repository}}"])
def test_a_resource_uri_holds_no_placeholder_but_the_repository(text: str) -> None:
    entry = {**objects.POLICY["acceptSummaries"][0], "resourceURIs": ["https://{repository}", text]}
    assert set(problems(policy(acceptSummaries=[entry]))) == {"spec.acceptSummaries[0].resourceURIs[1]"}


def by_certificate(certificate: Document) -> CertificateMatcher:
    (found,) = required(signatures=[{"signers": [{"certificate": certificate}]}]).signatures[0].signers
    assert isinstance(found, CertificateMatcher)
    return found


def signed(
    subject: str, *, issuer: str = "https://i.example", type_: SubjectType = SubjectType.URI
) -> VerifiedStatement:
    signer = CertificateSigner(
        trust_root="sigstore",
        issuer=issuer,
        subject_type=type_,
        subject=subject,
        extensions=Extensions(
            source_repository_uri="https://github.com/acme/shop", source_repository_visibility="public"
        ),
    )
    return VerifiedStatement(
        kind=Kind.OTHER,
        predicate_type="https://a.example/v1",
        subject=facts.D,
        payload=facts.OTHER,
        signer=signer,
        times=(datetime(2026, 6, 1, tzinfo=UTC),),
    )


@pytest.mark.case("IDENT-007")
@pytest.mark.case("IDENT-016")
def test_a_subject_is_a_glob_in_which_only_stars_are_special() -> None:
    matcher = by_certificate(
        {"issuer": "https://i.example", "subject": "https://github.com/acme/*/build.yml@refs/tags/*"}
    )
    assert (matcher.trust_root, matcher.subject_type) == ("sigstore", SubjectType.URI)
    assert matcher.accepts(signed("https://github.com/acme/ci/build.yml@refs/tags/v1"))
    for other in ("ci/x/build.yml@refs/tags/v1", "ci/buildxyml@refs/tags/v1", "ci/build.yml@refs/tags/v/1"):
        assert not matcher.accepts(signed(f"https://github.com/acme/{other}"))
    across = by_certificate({"issuer": "https://i.example", "subject": "https://github.com/acme/**"})
    assert across.accepts(signed("https://github.com/acme/ci/x/build.yml@refs/tags/v1"))


@pytest.mark.case("IDENT-015")
def test_a_double_slash_is_matched_as_it_is_written() -> None:
    subject = "https://gitlab.com/acme/shop//.gitlab-ci.yml@refs/heads/main"
    assert by_certificate({"issuer": "https://i.example", "subject": subject}).accepts(signed(subject))
    single = by_certificate({"issuer": "https://i.example", "subject": subject.replace("shop//", "shop/")})
    assert not single.accepts(signed(subject))


@pytest.mark.case("IDENT-017")
def test_the_kind_of_name_matters() -> None:
    for mine, other in ((SubjectType.URI, SubjectType.EMAIL), (SubjectType.EMAIL, SubjectType.URI)):
        matcher = by_certificate({"issuer": "https://i.example", "subject": "a@b.example", "subjectType": mine.value})
        assert matcher.accepts(signed("a@b.example", type_=mine))
        assert not matcher.accepts(signed("a@b.example", type_=other))


@pytest.mark.case("IDENT-014")
def test_extensions_are_compared_by_their_api_names() -> None:
    said = {"sourceRepositoryURI": "https://github.com/acme/shop", "sourceRepositoryVisibilityAtSigning": "public"}
    entry: Document = {"issuer": "https://i.example", "subject": "**", "extensions": said}
    assert by_certificate(entry).accepts(signed("x"))
    for name, value in (("sourceRepositoryURI", "https://github.com/acme/other"), ("buildTrigger", "push")):
        assert not by_certificate({**entry, "extensions": {**said, name: value}}).accepts(signed("x"))


def test_every_extension_of_the_api_has_its_field() -> None:
    names = [name for name, one in objects_extensions().items() if one]
    entry: Document = {"issuer": "https://i.example", "subject": "**", "extensions": dict.fromkeys(names, "x")}
    assert len(by_certificate(entry).extensions) == len(names) == 14


def objects_extensions() -> Document:
    from controller.wire.policy.common import Extensions as Model  # noqa: PLC0415 (the model is private)

    return dict.fromkeys(Model.field_names(), "x")


@pytest.mark.case("SIGN-044")
def test_not_after_is_the_last_signing_time_that_counts() -> None:
    entry: Document = {"issuer": "https://i.example", "subject": "**", "notAfter": "2026-06-01T00:00:00Z"}
    assert by_certificate(entry).accepts(signed("x"))
    assert not by_certificate({**entry, "notAfter": "2026-05-31T23:59:59Z"}).accepts(signed("x"))


@pytest.mark.case("IDENT-013")
@pytest.mark.parametrize("empty", ["issuer", "subject", "subjectRegExp"])
def test_an_empty_identity_is_broken(empty: str) -> None:
    certificate = {"issuer": "https://i.example", "subject": "x", empty: ""}
    assert problems(policy(require={"signatures": [{"signers": [{"certificate": certificate}]}]}))


def test_keys_wait_to_be_looked_up_and_accept_nobody() -> None:
    (waiting,) = required(signatures=[{"signers": [named_key()]}]).signatures[0].signers
    assert isinstance(waiting, UnlinkedKey)
    assert not waiting.accepts(facts.signature("release"))
    assert not waiting.accepts(facts.signature("", root="acme"))


def test_a_broken_policy_still_says_what_it_names() -> None:
    signers = [named_key(), {"certificate": {"issuer": "https://i.example", "subject": "**"}}, {"publicKey": 7}, 3]
    found = compile_policy(policy(mode="x", require={"signatures": [{"signers": signers}]}))
    assert isinstance(found.policy, BrokenPolicy)
    assert [one.path.rpartition(".")[2] for one in found.references] == ["publicKey", "certificate"]
    assert isinstance(found.references[1], CertificateReference)
    assert found.references[1].trust_root == "sigstore"


def test_a_full_builder_has_every_part() -> None:
    found = compile_builder(objects.document("TrustedBuilder", "full", objects.BUILDER)).builder
    assert isinstance(found, TrustedBuilder)
    assert (found.builder_ids, found.minimum_version) == (None, (2, 1, 0))
    assert found.runner_environments == {"github-hosted"}
    assert found.triggers == {"push", "create", "release", "workflow_dispatch"}
    assert [(one.start.day, one.end and one.end.day) for one in found.revoked] == [(1, 9), (1, None)]
    assert not found.records_dependencies
    recording = compile_builder(objects.builder(recordsDependencies=True)).builder
    assert isinstance(recording, TrustedBuilder)
    assert recording.records_dependencies


def test_an_exception_becomes_what_it_says() -> None:
    source = objects.exception()
    source["metadata"]["creationTimestamp"] = "2026-10-01T00:00:00Z"
    found = compile_exception(source)
    assert isinstance(found, UnlinkedException)
    exception = found.exception
    production = PolicyName(kind="ClusterSLSAPolicy", namespace="", name="production")
    own = PolicyName(kind="SLSAPolicy", namespace="shop", name="own")
    assert found.named == ((production, "spec.policies[0]"), (own, "spec.policies[1]"))
    assert exception.policies == {production, own}
    assert (exception.reason, exception.ticket) == ("vendor build moves in January", "OPS-1234")
    assert (exception.expires.month, exception.created) == (12, datetime(2026, 10, 1, tzinfo=UTC))
    digest = Digest.parse("sha256:" + "2" * 64)
    assert exception.covers(own, "shop", Repository.parse("ghcr.io/acme/legacy"), digest)
    assert not exception.covers(own, "shop", Repository.parse("ghcr.io/acme/legacy"), None)
    assert exception.covers(production, "shop", Repository.parse("ghcr.io/acme/old-thing"), None)
    assert not exception.covers(production, "pay", Repository.parse("ghcr.io/acme/old-thing"), None)


def test_an_exception_outside_of_a_cluster_has_no_creation() -> None:
    found = compile_exception(objects.exception())
    assert isinstance(found, UnlinkedException)
    assert found.exception.created is None


@pytest.mark.case("EXC-005")
@pytest.mark.parametrize(
    "spec", [{"expires": None}, {"reason": ""}, {"reason": " "}, {"expires": "2026-13-01T00:00:00Z"}]
)
def test_an_exception_without_end_or_reason_is_broken(spec: Document) -> None:
    assert isinstance(compile_exception(objects.exception(**spec)), BrokenObject)


def trust_root(**spec: object) -> UnlinkedRoot:
    found = compile_root(objects.document("TrustRoot", "github", spec))
    assert isinstance(found, UnlinkedRoot)
    return found


def test_roots_that_live_elsewhere_say_where() -> None:
    tuf = {"url": "https://tuf.example", "root": "{}", "target": "trusted_root.json"}
    source = TufSource(url=tuf["url"], root="{}", target="trusted_root.json", stale_after=timedelta(days=2))
    found = trust_root(sigstore={"tuf": tuf}, staleAfter="48h")
    assert found.sigstore == SigstoreSpec(path="spec.sigstore.tuf", tuf=source)
    kept = trust_root(sigstore={"trustedRoot": {"configMapRef": {"name": "root", "key": "root.json"}}})
    assert kept.sigstore == SigstoreSpec(
        path="spec.sigstore.trustedRoot.configMapRef",
        config_map=ConfigMapKey(name="root", key="root.json"),
    )
