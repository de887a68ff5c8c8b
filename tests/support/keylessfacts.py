"""The base situation of the cases as facts: a reusable workflow of a trusted builder built, and signed keyless."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from controller.core.condition import Condition, Facts, Held
from controller.core.evidence import Kind, VerifiedStatement
from controller.core.image import Digest
from controller.core.matchers import CertificateMatcher, KeyMatcher, TextPattern
from controller.core.patterns import Glob
from controller.core.predicates import PROVENANCE_V1, SPDX, SUMMARY_V1
from controller.core.provenance import Dependency, Provenance, SourceClaim
from controller.core.records import SBOM, SBOMFormat, Summary
from controller.core.requirements import (
    AttestationRequirement,
    BuildRequirement,
    Part,
    SourceRequirement,
    SummaryAcceptance,
)
from controller.core.signer import CertificateSigner, Extensions, Signer, SubjectType
from controller.core.slsa import SourceFrom, TrustedBuilder
from tests.support.facts import BUILD_TYPE, NOW, D, matcher, signer, sources

GITHUB = "https://token.actions.githubusercontent.com"
SHOP = "https://github.com/acme/shop"
REF = "refs/tags/v1.2.3"
COMMIT = "c" * 40
ENTRY_POINT = ".github/workflows/release.yml"
WORKFLOW = "https://github.com/acme/ci/.github/workflows/image.yml"
REUSABLE = f"{WORKFLOW}@refs/tags/v2.1.0"
SIGNED = NOW - timedelta(hours=1)
VULN = "https://cosign.sigstore.dev/attestation/vuln/v1"
VERIFIER = "https://verifier.acme.example"
REPOSITORY = "ghcr.io/acme/shop"

EXTENSIONS = Extensions(
    build_signer_uri=REUSABLE,
    runner_environment="github-hosted",
    source_repository_uri=SHOP,
    source_repository_digest=COMMIT,
    source_repository_ref=REF,
    source_repository_id="11",
    source_repository_owner_id="1234567",
    build_config_uri=f"{SHOP}/{ENTRY_POINT}@{REF}",
    build_trigger="push",
)
OLD_EXTENSIONS = Extensions(
    workflow_trigger="push",
    workflow_sha=COMMIT,
    workflow_name="Release",
    workflow_repository="acme/shop",
    workflow_ref=REF,
)
CLAIM = SourceClaim(
    repository=SHOP,
    ref=REF,
    commit=COMMIT,
    entry_point=ENTRY_POINT,
    trigger="push",
    repository_id="11",
    owner_id="1234567",
)
EXPECTED = BuildRequirement(level=3, sources=(sources("https://github.com/acme/{1}", refs=("refs/tags/v*",)),))


def certificate(
    subject: str = REUSABLE,
    *,
    issuer: str = GITHUB,
    kind: SubjectType = SubjectType.URI,
    root: str = "sigstore",
    extensions: Extensions = EXTENSIONS,
) -> CertificateSigner:
    return CertificateSigner(trust_root=root, issuer=issuer, subject_type=kind, subject=subject, extensions=extensions)


def said(**changes: str | None) -> CertificateSigner:
    """The base certificate with other extensions."""
    return certificate(extensions=replace(EXTENSIONS, **changes))


def keyless(
    by: Signer | None = None,
    *,
    builder_id: str | None = None,
    source: SourceClaim = CLAIM,
    build_type: str = BUILD_TYPE,
    runner: str | None = None,
    parameters: dict[str, object] | None = None,
    dependencies: Iterable[Dependency] = (),
    times: tuple[datetime, ...] = (SIGNED,),
    payload: str = "P",
    subject: Digest = D,
) -> VerifiedStatement:
    """P. Its builder.id is the signer's own name, where nothing else is said."""
    signed = by or certificate()
    own = signed.subject if isinstance(signed, CertificateSigner) else signed.name
    return VerifiedStatement(
        kind=Kind.PROVENANCE,
        predicate_type=PROVENANCE_V1,
        subject=subject,
        payload=Digest.of(payload.encode()),
        signer=signed,
        times=times,
        provenance=Provenance(
            builder_id=own if builder_id is None else builder_id,
            build_type=build_type,
            source=source,
            runner_environment=runner,
            external_parameters=parameters or {},
            dependencies=tuple(dependencies),
        ),
    )


def certified(*, payload: str = "P", **changes: str | None) -> VerifiedStatement:
    """P by another certificate, whose word nothing in the predicate repeats."""
    return keyless(said(**changes), source=SourceClaim(), payload=payload)


def named(
    subject: str = f"{WORKFLOW}@refs/tags/v*",
    *,
    pattern: TextPattern | None = None,
    issuer: str = GITHUB,
    kind: SubjectType = SubjectType.URI,
    root: str = "sigstore",
    extensions: tuple[tuple[str, str], ...] = (),
    not_after: datetime | None = None,
) -> CertificateMatcher:
    return CertificateMatcher(
        trust_root=root,
        issuer=issuer,
        subject=pattern or Glob.compile(subject),
        subject_type=kind,
        extensions=extensions,
        not_after=not_after,
    )


def workflow(
    name: str = "reusable",
    *,
    level: int = 3,
    by: CertificateMatcher | KeyMatcher | None = None,
    ids: tuple[str, ...] | None = None,
    source_from: SourceFrom = SourceFrom.CERTIFICATE,
) -> TrustedBuilder:
    """The base situation's builder, as far as it is asked nothing else: see `dataclasses.replace`."""
    return TrustedBuilder(
        name=name,
        max_level=level,
        signers=(by or named(),),
        builder_ids=None if ids is None else tuple(Glob.compile(text) for text in ids),
        source_from=source_from,
    )


def alternative(
    repository: str = SHOP,
    *,
    refs: tuple[str, ...] = (),
    entry_points: tuple[str, ...] = (),
    triggers: Iterable[str] = (),
    repository_ids: Iterable[str] = (),
    owner_ids: Iterable[str] = (),
) -> SourceRequirement:
    return replace(
        sources(repository, refs=refs),
        entry_points=tuple(Glob.compile(text) for text in entry_points),
        triggers=frozenset(triggers),
        repository_ids=frozenset(repository_ids),
        owner_ids=frozenset(owner_ids),
    )


def condition(held: Held | Callable[[Facts], Held], *, name: str = "c", message: str | None = None) -> Condition:
    """One that comes out so, whatever it is asked about, or as a function of what it is asked about."""

    def test(facts: Facts) -> tuple[Held, str]:
        return (held if isinstance(held, Held) else held(facts)), "no such key"

    return Condition(name=name, expression="e", message=message, test=test)


def summary(
    levels: tuple[str, ...] = ("SLSA_BUILD_LEVEL_3",),
    *,
    by: Signer | None = None,
    verifier: str = VERIFIER,
    resource: str = REPOSITORY,
    passed: bool = True,
    policy_uri: str | None = None,
    policy_digests: dict[str, str] | None = None,
    dependencies: dict[str, int] | None = None,
    verified_at: datetime | None = None,
    times: tuple[datetime, ...] = (SIGNED,),
    commit: str | None = None,
    payload: str = "V",
    subject: Digest = D,
) -> VerifiedStatement:
    """A verification summary about the image; of the source where `commit` is given."""
    return VerifiedStatement(
        kind=Kind.SUMMARY if commit is None else Kind.SOURCE_SUMMARY,
        predicate_type=SUMMARY_V1,
        subject=subject if commit is None else None,
        payload=Digest.of(payload.encode()),
        signer=by or signer("verifier"),
        times=times,
        commits=frozenset() if commit is None else frozenset({commit}),
        summary=Summary(
            verifier_id=verifier,
            resource_uri=resource,
            passed=passed,
            verified_levels=levels,
            policy_uri=policy_uri,
            policy_digests=policy_digests,
            dependency_levels=dependencies,
            time_verified=verified_at,
        ),
    )


def acceptance(
    *covers: Part,
    level: int = 3,
    resources: tuple[str, ...] = ("{repository}",),
    policy_uris: Iterable[str] = (),
    policy_digests: Iterable[str] = (),
    max_age: timedelta | None = None,
) -> SummaryAcceptance:
    return SummaryAcceptance(
        verifier_id=VERIFIER,
        signers=(matcher("verifier"),),
        resource_uris=resources,
        max_level=level,
        covers=frozenset(covers or {Part.BUILD_LEVEL}),
        policy_uris=frozenset(policy_uris),
        policy_digests=frozenset(policy_digests),
        max_age=max_age,
    )


def sbom(
    by: Signer | None = None,
    *,
    format_: SBOMFormat = SBOMFormat.SPDX,
    version: str = "2.3",
    payload: str = "B",
    subject: Digest = D,
) -> VerifiedStatement:
    return VerifiedStatement(
        kind=Kind.SBOM,
        predicate_type=SPDX,
        subject=subject,
        payload=Digest.of(payload.encode()),
        signer=by or certificate(),
        times=(SIGNED,),
        sbom=SBOM(format=format_, version=version),
    )


def attestation(
    by: Signer | None = None,
    *,
    predicate_type: str = VULN,
    times: tuple[datetime, ...] = (SIGNED,),
    payload: str = "A",
    subject: Digest = D,
) -> VerifiedStatement:
    return VerifiedStatement(
        kind=Kind.OTHER,
        predicate_type=predicate_type,
        subject=subject,
        payload=Digest.of(payload.encode()),
        signer=by or signer("scanner"),
        times=times,
    )


def scanned(
    *, max_age: timedelta | None = None, newest: bool = False, conditions: tuple[Condition, ...] = ()
) -> AttestationRequirement:
    return AttestationRequirement(
        predicate_type=VULN,
        signers=(matcher("scanner"),),
        max_age=max_age,
        newest=newest,
        conditions=conditions,
    )
