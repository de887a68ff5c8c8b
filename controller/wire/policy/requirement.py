"""What a policy requires of an image: of its build and source, and of what else is attached to it."""

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
    ImageGlobs,
    ObjectName,
    Signers,
    SourceLevel,
    Text,
    Trigger,
)
from controller.wire.policy.nodes import Fields, Node, Rule

ForgeIDs = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=20, pattern=forms.NUMBER)]], Field(min_length=1, max_length=32)
]


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
    """The verifier, exactly as its summaries name it."""
    signers: Signers
    """Who signs its summaries."""
    max_level: SourceLevel
    """The level beyond which this verifier is not believed."""


class SourceLevelRequirement(Node):
    """The SLSA Source level of the commit that was built."""

    min: SourceLevel
    """The lowest level that will do, 1 to 4."""
    summaries: Annotated[list[SourceSummary], Field(min_length=1, max_length=8)]
    """Verifiers whose word counts; one of them suffices."""


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
    """Conditions on the provenance; each must be true."""


def _reachable(fields: Fields) -> bool:
    threshold, signers = fields.get("threshold", 1), fields.get("signers")
    return not (isinstance(threshold, int) and isinstance(signers, list)) or threshold <= len(signers)


class Signatures(Node):
    """Signatures of the image itself."""

    signers: Signers
    """Who may have signed."""
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
    """Formats that will do; absent: both."""
    signers: Signers | None = None
    """Who may have signed it; absent: the signer of the statement that met the build requirements."""


class Attestation(Node):
    """Another attestation about the image."""

    predicate_type: URI
    """What the attestation is, exactly as it names it."""
    signers: Signers
    """Who may have signed it."""
    max_age: Duration | None = None
    """The most that may have passed since the verified signing time, such as 168h."""
    use: Literal["Any", "Newest"] = "Any"
    """Any: one that satisfies is enough. Newest: only the newest counts, an older good one does not help."""
    conditions: Conditions | None = None
    """Conditions on the predicate; each must be true."""


class Dependencies(Node):
    """The images that this image was built from."""

    min_level: BuildLevel | None = None
    """The Build level that each of them must reach."""
    images: ImageGlobs | None = None
    """Globs over image names; each of them must match one."""


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
    """The verifier, exactly as its summaries name it."""
    signers: Signers
    """Who signs its summaries."""
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
    """Policies that it may have verified by, as the summary names them; absent: any."""
    policy_digests: Annotated[list[Text], Field(min_length=1, max_length=16)] | None = None
    """Digests of such policies; absent: any."""
    max_age: Duration | None = None
    """The most that may have passed since the time that the summary counts from, such as 720h."""
