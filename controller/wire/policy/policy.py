"""The spec of ClusterSLSAPolicy and SLSAPolicy."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from controller.wire.policy import forms
from controller.wire.policy.common import GlobText, ImageGlobs, LabelSelector
from controller.wire.policy.nodes import Fields, Node, Rule
from controller.wire.policy.requirement import AcceptedSummary, Require


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
    """Images that are refused whatever they carry: the switch for an incident."""
    require: Require | None = None
    accept_summaries: Annotated[list[AcceptedSummary], Field(min_length=1, max_length=8)] | None = None
    """Verification summaries (VSA) that may stand in for provenance."""

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
