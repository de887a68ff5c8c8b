"""The spec of ClusterSLSAPolicy and SLSAPolicy."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from controller.wire.policy import forms
from controller.wire.policy.common import (
    URI,
    BuildLevel,
    BuildType,
    Conditions,
    Duration,
    GlobText,
    ImageGlobText,
    LabelSelector,
    ObjectName,
    Signers,
    SourceLevel,
    Text,
    Trigger,
)
from controller.wire.policy.nodes import Fields, Node, Rule

ImageGlobs = Annotated[list[ImageGlobText], Field(min_length=1, max_length=64)]
ForgeIDs = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=20, pattern=forms.NUMBER)]], Field(min_length=1, max_length=32)
]


class Namespaces(Node):
    """Which namespaces: by name and by label; every part that is given must match."""

    names: Annotated[list[GlobText], Field(min_length=1, max_length=64)] | None = None
    """Names, or globs over names."""
    selector: LabelSelector | None = None
    """Labels of the namespace."""


class NamespacedMatch(Node):
    """Which workloads and images of the policy's own namespace; an absent part matches everything."""

    namespaces: dict[str, object] | None = None
    """Not for a SLSAPolicy: it is about its own namespace and no other."""
    pod_selector: LabelSelector | None = None
    """Labels of the pod or pod template. Whoever writes the pod writes its labels."""
    images: ImageGlobs | None = None
    """Globs over the normalised repository name: host/path, * stops at a slash, ** does not."""
    exclude_images: ImageGlobs | None = None
    """Globs of images that the policy is not about."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.namespaces)",
            holds=lambda fields: "namespaces" not in fields,
            message="a SLSAPolicy is about its own namespace only: remove namespaces, or write a ClusterSLSAPolicy",
            field="namespaces",
        ),
    )


class Match(NamespacedMatch):
    """Which workloads and images; every part that is given must match, an absent part matches everything."""

    namespaces: Namespaces | None = None  # type: ignore[assignment]  # the one part that a SLSAPolicy does not have
    """Which namespaces."""

    rules: ClassVar[tuple[Rule, ...]] = ()


class Deny(Node):
    """Images that are refused whatever they carry."""

    digests: Annotated[
        list[Annotated[str, Field(max_length=71, pattern=forms.DIGEST)]],
        Field(min_length=1, max_length=1024),
    ]
    """sha256: and 64 lower-case hexadecimal digits each."""


class Source(Node):
    """One alternative of where the image may be built from; it must hold as a whole."""

    repositories: Annotated[list[Text], Field(min_length=1, max_length=32)]
    """https://host/path each; {1} stands for what the first wildcard of the image glob matched."""
    refs: Annotated[list[GlobText], Field(min_length=1, max_length=32)] | None = None
    """Full git refs, or globs over them."""
    entry_points: Annotated[list[GlobText], Field(min_length=1, max_length=32)] | None = None
    """Paths of the build's definition in the repository."""
    triggers: Annotated[list[Trigger], Field(min_length=1, max_length=16)] | None = None
    """Events that may have started the build."""
    repository_ids: ForgeIDs | None = None
    """The forge's numeric ids of the repository."""
    owner_ids: ForgeIDs | None = None
    """The forge's numeric ids of the repository's owner."""


class SourceSummary(Node):
    """Whose verification summaries tell a source level."""

    verifier_id: URI
    signers: Signers
    max_level: SourceLevel
    """The level beyond which this verifier is not believed."""


class SourceLevelRequirement(Node):
    """The SLSA Source level of the commit that was built."""

    min: SourceLevel
    summaries: Annotated[list[SourceSummary], Field(min_length=1, max_length=8)]


class Parameters(Node):
    """External parameters of the build."""

    allow: Annotated[list[Text], Field(min_length=1, max_length=64)]
    """Those that may be there; any other refuses."""


class Build(Node):
    """How the image was built."""

    types: Annotated[list[BuildType], Field(min_length=1, max_length=32)] | None = None
    """Build types that are allowed."""
    parameters: Parameters | None = None
    max_age: Duration | None = None
    """The most that may have passed since the verified signing time, such as 720h."""
    conditions: Conditions | None = None


def _reachable(fields: Fields) -> bool:
    threshold, signers = fields.get("threshold", 1), fields.get("signers")
    return not (isinstance(threshold, int) and isinstance(signers, list)) or threshold <= len(signers)


class Signatures(Node):
    """Signatures of the image itself."""

    signers: Signers
    threshold: Annotated[int, Field(ge=1, le=16)] = 1
    """How many distinct signers must have signed."""
    repository: Literal["Any", "Match"] = "Any"
    """Match: a simple-signing signature must name this repository."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.threshold) || self.threshold <= size(self.signers)",
            holds=_reachable,
            message="the threshold is above the number of signers",
            field="threshold",
        ),
    )


class SBOM(Node):
    """A software bill of materials about the image."""

    formats: Annotated[list[Literal["SPDX", "CycloneDX"]], Field(min_length=1, max_length=2)] | None = None
    signers: Signers | None = None
    """Absent: the signer of the statement that met the build requirements."""


class Attestation(Node):
    """Another attestation about the image."""

    predicate_type: URI
    signers: Signers
    max_age: Duration | None = None
    use: Literal["Any", "Newest"] = "Any"
    """Newest: an older good statement does not help."""
    conditions: Conditions | None = None


class Dependencies(Node):
    """The images that this image was built from."""

    min_level: BuildLevel | None = None
    images: ImageGlobs | None = None


_BUILD_PARTS = ("buildLevel", "builders", "sources", "build")


class Alternative(Node):
    """What is required; every part that is given must be satisfied."""

    build_level: BuildLevel | None = None
    """The SLSA Build level, 1 to 3."""
    builders: Annotated[list[ObjectName], Field(min_length=1, max_length=32)] | None = None
    """The TrustedBuilders that are allowed; absent: any."""
    sources: Annotated[list[Source], Field(min_length=1, max_length=16)] | None = None
    """Alternatives, of which one must hold as a whole."""
    source_level: SourceLevelRequirement | None = None
    build: Build | None = None
    signatures: Annotated[list[Signatures], Field(min_length=1, max_length=8)] | None = None
    """Each entry must be satisfied."""
    sbom: SBOM | None = None
    attestations: Annotated[list[Attestation], Field(min_length=1, max_length=8)] | None = None
    """Each entry must be satisfied."""
    dependencies: Dependencies | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="!has(self.sbom) || has(self.sbom.signers) || "
            + " || ".join(f"has(self.{name})" for name in _BUILD_PARTS),
            holds=lambda fields: (
                not isinstance(fields.get("sbom"), dict)
                or _has_signers(fields["sbom"])
                or any(name in fields for name in _BUILD_PARTS)
            ),
            message="an sbom names its signers where nothing is required of the build",
            field="sbom",
        ),
    )


def _has_signers(sbom: object) -> bool:
    return isinstance(sbom, dict) and sbom.get("signers") is not None


class Require(Alternative):
    """What is required; every part that is given must be satisfied."""

    any_of: Annotated[list[Alternative], Field(min_length=1, max_length=4)] | None = None
    """Alternatives of the same shape: besides the rest, one of them must hold."""


class AcceptedSummary(Node):
    """A verification summary that may stand in for provenance."""

    verifier_id: URI
    signers: Signers
    resource_uris: Annotated[list[Text], Field(min_length=1, max_length=16)]
    """The resources it may be about; {repository} stands for the image's own."""
    max_level: BuildLevel
    """The level beyond which this verifier is not believed."""
    covers: (
        Annotated[
            list[Literal["buildLevel", "builders", "sources", "build", "dependencies"]],
            Field(min_length=1, max_length=5),
        ]
        | None
    ) = None
    """What it stands in for; absent: buildLevel."""
    policy_uris: Annotated[list[Text], Field(min_length=1, max_length=16)] | None = None
    policy_digests: Annotated[list[Text], Field(min_length=1, max_length=16)] | None = None
    max_age: Duration | None = None


def _asks(fields: Fields) -> bool:
    return "require" in fields or "deny" in fields or fields.get("tags") == "Deny"


class NamespacedPolicySpec(Node):
    """What a policy is about and what it asks."""

    mode: Literal["Enforce", "Warn", "Audit"]
    """Enforce refuses, Warn admits with a warning, Audit admits and only reports."""
    match: NamespacedMatch | None = None
    tags: Literal["Pin", "Deny", "Allow"] = "Pin"
    """Pin replaces a tag by its digest at admission, Deny refuses tags, Allow judges what the tag points to now."""
    deny: Deny | None = None
    require: Require | None = None
    accept_summaries: Annotated[list[AcceptedSummary], Field(min_length=1, max_length=8)] | None = None

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.require) || has(self.deny) || (has(self.tags) && self.tags == 'Deny')",
            holds=_asks,
            message="a policy asks for something: require is missing, and neither deny nor tags: Deny stands alone",
            field="require",
        ),
        Rule(
            cel="!has(self.acceptSummaries) || has(self.require)",
            holds=lambda fields: "acceptSummaries" not in fields or "require" in fields,
            message="a summary stands in for what is required, and require is missing",
            field="acceptSummaries",
        ),
    )


class PolicySpec(NamespacedPolicySpec):
    """What a policy is about and what it asks."""

    match: Match | None = None
