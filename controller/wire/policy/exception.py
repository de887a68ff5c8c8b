"""The spec of SLSAException."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from controller.core.errors import MalformedReference
from controller.core.image import Digest
from controller.core.patterns import ImageGlob
from controller.wire.policy.common import GlobText, ObjectName, Prose, Timestamp
from controller.wire.policy.nodes import Node, Rule


def _image(text: str) -> str:
    glob, at, digest = text.partition("@")
    ImageGlob.compile(glob)
    if at:
        try:
            Digest.parse(digest)
        except MalformedReference as error:
            raise ValueError(str(error)) from error
    return text


class PolicyReference(Node):
    """A policy by kind and name; a SLSAPolicy by its namespace, too."""

    kind: Literal["ClusterSLSAPolicy", "SLSAPolicy"]
    """Which kind of policy."""
    namespace: ObjectName | None = None
    """The namespace of a SLSAPolicy; a ClusterSLSAPolicy has none."""
    name: ObjectName
    """The policy's name."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.kind == 'SLSAPolicy') == has(self.__namespace__)",  # a reserved word of CEL
            holds=lambda fields: (fields.get("kind") == "SLSAPolicy") == ("namespace" in fields),
            message="a SLSAPolicy is named with its namespace, a ClusterSLSAPolicy without",
        ),
    )


class ExceptionSpec(Node):
    """A way around named policies for a time, on record."""

    policies: Annotated[list[PolicyReference], Field(min_length=1, max_length=16)]
    """The policies that it is a way around, by name. One that is broken still refuses."""
    namespaces: Annotated[list[GlobText], Field(min_length=1, max_length=64)]
    """Globs over names; ["*"] for all."""
    images: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_image)]],
        Field(min_length=1, max_length=64),
    ]
    """Globs over image names, each with or without @sha256:..."""
    expires: Timestamp
    """From this second on it no longer counts."""
    reason: Prose
    """Why, for whoever reads the report."""
    ticket: Prose | None = None
    """Where the matter is followed up."""
