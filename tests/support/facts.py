"""Facts for tests of judgement, as if verified: only the tests of `core` may make them up like this."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from controller.core import evaluate
from controller.core.answer import Answer, Captures
from controller.core.build import judge_provenance
from controller.core.demand import Demand
from controller.core.evidence import Evidence, Gap, Kind, Refused, VerifiedStatement
from controller.core.image import Digest, Repository
from controller.core.match import Match
from controller.core.matchers import KeyMatcher
from controller.core.patterns import Glob, ImageGlob
from controller.core.policy import Mode, Policy, PolicyName, Tags, Uncovered
from controller.core.policyset import PolicySet
from controller.core.predicates import COSIGN_SIGN_V1, PROVENANCE_V1
from controller.core.provenance import Provenance, SourceClaim
from controller.core.question import Moment, Question
from controller.core.requirements import (
    BuildRequirement,
    Requirements,
    SignatureRequirement,
    SourceRequirement,
    SummaryAcceptance,
)
from controller.core.season import Season
from controller.core.signer import KeySigner
from controller.core.slsa import SourceFrom, TrustedBuilder
from controller.core.source import SourceTemplate
from controller.core.verdict import Finding, ImageVerdict
from controller.core.workload import Form, Slot, Workload, WorkloadImage

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
D = Digest.of(b"the image")
OTHER = Digest.of(b"another image")
PINNED = f"ghcr.io/acme/shop@{D}"
BUILDER_ID = "https://builder.acme.example/reusable@v1"
BUILD_TYPE = "https://actions.github.io/buildtypes/workflow/v1"
SOURCE = SourceClaim(repository="https://github.com/acme/shop", ref="refs/tags/v1.2.3")


def signer(key: str = "builder", *, root: str = "acme") -> KeySigner:
    return KeySigner(trust_root=root, key=f"sha256:{key}", name=key)


def matcher(key: str = "builder", *, root: str = "acme") -> KeyMatcher:
    return KeyMatcher(trust_root=root, key=f"sha256:{key}", label=f"key {key} of {root}")


def provenance(
    *,
    key: str = "builder",
    root: str = "acme",
    builder_id: str = BUILDER_ID,
    build_type: str = BUILD_TYPE,
    source: SourceClaim = SOURCE,
    payload: str = "P",
) -> VerifiedStatement:
    return VerifiedStatement(
        kind=Kind.PROVENANCE,
        predicate_type=PROVENANCE_V1,
        subject=D,
        payload=Digest.of(payload.encode()),
        signer=signer(key, root=root),
        provenance=Provenance(builder_id=builder_id, build_type=build_type, source=source),
    )


def signature(
    key: str, *, root: str = "acme", payload: str = "S", repository: Repository | None = None
) -> VerifiedStatement:
    return VerifiedStatement(
        kind=Kind.IMAGE_SIGNATURE,
        predicate_type=COSIGN_SIGN_V1,
        subject=D,
        payload=Digest.of(payload.encode()),
        signer=signer(key, root=root),
        repository=repository,
    )


def evidence(*statements: VerifiedStatement, refused: tuple[Refused, ...] = (), gaps: tuple[Gap, ...] = ()) -> Evidence:
    return Evidence(digest=D, statements=statements, refused=refused, gaps=gaps)


def builder(
    name: str = "reusable",
    *,
    level: int = 3,
    key: str = "builder",
    root: str = "acme",
    ids: tuple[str, ...] = (BUILDER_ID,),
    build_types: frozenset[str] = frozenset(),
    source_from: SourceFrom = SourceFrom.PROVENANCE,
) -> TrustedBuilder:
    return TrustedBuilder(
        name=name,
        max_level=level,
        signers=(matcher(key, root=root),),
        builder_ids=tuple(Glob.compile(text) for text in ids),
        build_types=build_types,
        source_from=source_from,
    )


IMAGES = (ImageGlob.compile("ghcr.io/acme/*"),)


def sources(
    *repositories: str, refs: tuple[str, ...] = (), images: tuple[ImageGlob, ...] = IMAGES
) -> SourceRequirement:
    return SourceRequirement(
        repositories=tuple(SourceTemplate.compile(text, images) for text in repositories),
        refs=tuple(Glob.compile(text) for text in refs),
    )


BUILD = BuildRequirement(level=3, sources=(sources("https://github.com/acme/{1}", refs=("refs/tags/v*",)),))


def signatures(*keys: str, threshold: int = 1, match_repository: bool = False) -> SignatureRequirement:
    signers = tuple(replace(matcher(key), label=f"entry {n} ({key})") for n, key in enumerate(keys))
    return SignatureRequirement(signers=signers, threshold=threshold, match_repository=match_repository)


def policy(
    name: str = "production",
    *,
    mode: Mode = Mode.ENFORCE,
    match: Match | None = None,
    tags: Tags = Tags.PIN,
    deny: frozenset[Digest] = frozenset(),
    build: BuildRequirement | None = BUILD,
    required: tuple[SignatureRequirement, ...] = (),
    namespace: str = "",
    require: Requirements | None = None,
    any_of: tuple[Requirements, ...] = (),
    accept: tuple[SummaryAcceptance, ...] = (),
) -> Policy:
    """`require` stands for `build` and `required` where it is given, and so does `any_of`."""
    kind = "SLSAPolicy" if namespace else "ClusterSLSAPolicy"
    scope = match or Match(images=IMAGES, namespace=namespace or None)
    return Policy(
        name=PolicyName(kind=kind, namespace=namespace, name=name),
        mode=mode,
        match=scope,
        tags=tags,
        deny=deny,
        require=_required(build, required) if require is None and not any_of else require,
        any_of=any_of,
        accept_summaries=accept,
    )


def _required(build: BuildRequirement | None, required: tuple[SignatureRequirement, ...]) -> Requirements | None:
    return Requirements(build=build, signatures=required) if build is not None or required else None


def policies(*members: Policy, builders: tuple[TrustedBuilder, ...] = (builder(),)) -> PolicySet:
    return PolicySet(policies=members, builders={one.name: one for one in builders})


def workload(
    *images: str,
    form: Form = Form.POD,
    namespace: str = "shop",
    labels: dict[str, str] | None = None,
    namespace_labels: dict[str, str] | None = None,
    namespace_known: bool = True,
    mirror: bool = False,
) -> Workload:
    return Workload(
        kind="Pod" if form is Form.POD else "Deployment",
        namespace=namespace,
        name="web",
        form=form,
        labels=labels or {},
        images=tuple(
            WorkloadImage.of(text, (Slot(role="container", name=f"c{n}"),))
            for n, text in enumerate(images or (PINNED,))
        ),
        namespace_labels=(namespace_labels or {}) if namespace_known else None,
        mirror=mirror,
    )


def moment(
    *,
    now: datetime = NOW,
    uncovered: Uncovered = Uncovered.ALLOW,
    dependencies: Mapping[Digest, Evidence] | None = None,
) -> Moment:
    return Moment(now=now, uncovered=uncovered, dependencies=dependencies or {})


def judge_image(
    members: PolicySet,
    pod: Workload,
    image: WorkloadImage,
    *,
    evidence: Evidence | None,
    uncovered: Uncovered = Uncovered.ALLOW,
    now: datetime = NOW,
    dependencies: Mapping[Digest, Evidence] | None = None,
) -> ImageVerdict:
    """Select and judge, as a decision does."""
    at = moment(now=now, uncovered=uncovered, dependencies=dependencies)
    selected = evaluate.select(members, pod, image)
    return evaluate.judge_image(members, pod, image, selected=selected, evidence=evidence, moment=at)


def finding(
    one: Policy,
    found: Evidence,
    *builders: TrustedBuilder,
    image: str = PINNED,
    now: datetime = NOW,
    dependencies: Mapping[Digest, Evidence] | None = None,
) -> Finding:
    """What this policy alone finds, with `builder()` where no builders are named."""
    pod = workload(image)
    members = policies(one, builders=builders or (builder(),))
    return judge_image(members, pod, pod.images[0], evidence=found, now=now, dependencies=dependencies).findings[0]


def question(
    found: Evidence, *builders: TrustedBuilder, dependencies: Mapping[Digest, Evidence] | None = None
) -> Question:
    """What is asked of this evidence, of the image that it is about."""
    at, pod = moment(dependencies=dependencies), workload()
    assert pod.images[0].reference is not None
    asked = Question.of(policies(builders=builders), pod, pod.images[0].reference, found, at, Season(at.now))
    assert asked is not None
    return asked


def judge_build(
    requirement: BuildRequirement, found: Evidence, builders: Mapping[str, TrustedBuilder], captures: Captures
) -> Answer:
    """What one build requirement says of provenance, and nothing else."""
    asked = question(found, *builders.values())
    return judge_provenance(Demand.of_build(requirement), found, asked, lambda: captures)
