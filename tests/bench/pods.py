"""A pod of three images whose evidence is in hand, and twenty policies of which five are about them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from controller.core.condition import Condition
from controller.core.evaluate import judge_image, select
from controller.core.evidence import Evidence
from controller.core.image import Digest
from controller.core.match import Match
from controller.core.matchers import CertificateMatcher
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Policy
from controller.core.policyset import PolicySet
from controller.core.provenance import Provenance, SourceClaim
from controller.core.question import Moment
from controller.core.requirements import BuildRequirement
from controller.core.signer import CertificateSigner, Extensions, SubjectType
from controller.core.slsa import SourceFrom, TrustedBuilder
from controller.core.verdict import Verdict, conclude
from controller.core.workload import Workload
from controller.expressions.condition import Use, compile_condition
from tests.support import facts

NAMES = ("shop", "web", "api")
MATCHING, STRANGERS = 5, 15
EvidenceByRepository = Mapping[str, Evidence]
ISSUER = "https://token.actions.githubusercontent.com"
WORKFLOWS = ("image", "library", "chart")
IMAGES = (ImageGlob.compile("ghcr.io/acme/*"),)
REF = "refs/tags/v1.2.3"


def _workflow(name: str, ref: str) -> str:
    return f"https://github.com/acme/ci/.github/workflows/{name}.yml@{ref}"


def _signer(name: str) -> CertificateSigner:
    source, builder = f"https://github.com/acme/{name}", _workflow("image", "refs/tags/v2.3.1")
    return CertificateSigner(
        trust_root="sigstore",
        issuer=ISSUER,
        subject_type=SubjectType.URI,
        subject=builder,
        extensions=Extensions(
            build_signer_uri=builder,
            runner_environment="github-hosted",
            source_repository_uri=source,
            source_repository_digest="a" * 40,
            source_repository_ref=REF,
            build_config_uri=f"{source}/.github/workflows/release.yml@{REF}",
            build_trigger="push",
        ),
    )


def _evidence(name: str) -> Evidence:
    digest = Digest.of(name.encode())
    built = Provenance(
        builder_id=_workflow("image", "refs/tags/v2.3.1"),
        build_type=facts.BUILD_TYPE,
        source=SourceClaim(repository=f"https://github.com/acme/{name}", ref=REF),
        external_parameters={"workflow": {"ref": REF}, "inputs": {"channel": "stable"}},
    )
    times = (facts.NOW - timedelta(days=3),)
    provenance = replace(
        facts.provenance(payload=f"P{name}"), subject=digest, signer=_signer(name), times=times, provenance=built
    )
    signature = replace(facts.signature("release", payload=f"S{name}"), subject=digest)
    return Evidence(digest=digest, statements=(provenance, signature))


def _builder(workflow: str) -> TrustedBuilder:
    subject = Glob.compile(_workflow(workflow, "refs/tags/*"))
    signer = CertificateMatcher(trust_root="sigstore", issuer=ISSUER, subject=subject, subject_type=SubjectType.URI)
    return TrustedBuilder(
        name=workflow,
        max_level=3,
        signers=(signer,),
        builder_ids=None,
        source_from=SourceFrom.CERTIFICATE,
        runner_environments=frozenset({"github-hosted"}),
        triggers=frozenset({"push"}),
        minimum_version=(2, 1, 0),
    )


def _build(*conditions: Condition) -> BuildRequirement:
    return BuildRequirement(
        level=3,
        builders=frozenset({"image"}),
        sources=(facts.sources("https://github.com/acme/{1}", refs=("refs/heads/main", "refs/tags/v*")),),
        types=frozenset({facts.BUILD_TYPE}),
        parameters=("workflow", "inputs.channel"),
        max_age=timedelta(days=90),
        conditions=conditions,
    )


def twenty_policies(*, condition: str | None = None) -> PolicySet:
    """Level, builder, source, build type, parameters and age each; two of the five ask for a signature besides. The
    condition is another one in each, by the policy's number in the place of `{}`."""

    def build(number: int) -> BuildRequirement:
        if condition is None:
            return _build()
        compiled = compile_condition("one", condition.replace("{}", str(number)), None, Use.BUILD)
        if not isinstance(compiled, Condition):
            raise TypeError(compiled)
        return _build(compiled)

    def matching(number: int) -> Policy:
        required = (facts.signatures("release"),) if number % 2 else ()
        return facts.policy(f"same-{number}", match=Match(images=IMAGES), build=build(number), required=required)

    def stranger(number: int) -> Policy:
        elsewhere = Match(images=(ImageGlob.compile(f"registry-{number}.example/team/*"),))
        others = Match(images=IMAGES, namespaces=(Glob.compile(f"team-{number}"),))
        return facts.policy(f"other-{number}", match=elsewhere if number % 3 else others, build=build(number))

    members = (*map(matching, range(MATCHING)), *map(stranger, range(STRANGERS)))
    return facts.policies(*members, builders=tuple(map(_builder, WORKFLOWS)))


def attested() -> EvidenceByRepository:
    """Of each image, made anew: nothing that was worked out before belongs to it."""
    return {f"ghcr.io/acme/{name}": _evidence(name) for name in NAMES}


def pod(found: EvidenceByRepository, number: int, *, namespace: str = "shop") -> Workload:
    """One of many pods of the same three images: it has a name and labels of its own."""
    labels = {"app": "shop", "pod": f"{number:05}"}
    texts = [f"{repository}@{one.digest}" for repository, one in found.items()]
    return replace(facts.workload(*texts, labels=labels, namespace=namespace), name=f"shop-{number:05}")


def judge_pod(members: PolicySet, workload: Workload, found: EvidenceByRepository, at: Moment) -> Verdict:
    """All three images as a decision judges them, at a time of its own as each review has."""
    verdicts = tuple(
        judge_image(
            members,
            workload,
            image,
            selected=select(members, workload, image),
            evidence=found[str(image.reference and image.reference.repository)],
            moment=at,
        )
        for image in workload.images
    )
    verdict = conclude(verdicts, expected=len(NAMES))
    if not verdict.allowed or len(verdict.findings) != MATCHING * len(NAMES):
        raise AssertionError("the benchmark must measure what is judged and admitted")
    return verdict
