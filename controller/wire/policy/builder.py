"""The spec of TrustedBuilder."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from controller.wire.policy import forms
from controller.wire.policy.common import BuildLevel, BuildType, GlobText, Signers, Text, Timestamp, Trigger
from controller.wire.policy.nodes import Fields, Node, Rule, ordered


class RevokedWindow(Node):
    """A closed window of the verified signing time in which the builder is not believed."""

    from_: Timestamp
    """The first moment that is inside."""
    until: Timestamp | None = None
    """The last moment that is inside; absent: the window has no end."""

    rules: ClassVar[tuple[Rule, ...]] = (ordered("from", "until"),)


def _certificates_only(fields: Fields) -> bool:
    signers = fields.get("signers")
    if fields.get("builderID") != "SameAsSigner" or not isinstance(signers, list):
        return True
    return not any(isinstance(signer, dict) and signer.get("publicKey") is not None for signer in signers)


class BuilderSpec(Node):
    """Which signers may speak for which builder, and up to which level."""

    max_level: BuildLevel
    """The highest SLSA Build level that is believed of this builder."""
    signers: Signers
    """Who signs this builder's provenance."""
    builder_id: Literal["SameAsSigner", "Listed"]
    """SameAsSigner: the provenance names the certificate's own identity. Listed: it names one of builderIDs."""
    builder_ids: Annotated[list[GlobText], Field(min_length=1, max_length=32)] | None = None
    """With Listed, and only then: builder ids, or globs over them; always the whole string."""
    minimum_version: Annotated[str, Field(max_length=32, pattern=forms.VERSION)] | None = None
    """The lowest version of the tag in the signer's name."""
    build_types: Annotated[list[BuildType], Field(min_length=1, max_length=32)] | None = None
    """Build types that this builder is believed for; absent: any."""
    runner_environments: Annotated[list[Text], Field(min_length=1, max_length=8)] | None = None
    """Whose machines it is believed on, such as github-hosted; absent: any."""
    triggers: Annotated[list[Trigger], Field(min_length=1, max_length=16)] | None = None
    """Events that may have started the build."""
    records_dependencies: bool | None = None
    """True: its provenance lists every image dependency."""
    source_from: Literal["Certificate", "Provenance"] = "Certificate"
    """Whose word counts for the source. A key says nothing of it: with keys only Provenance does."""
    revoked: Annotated[list[RevokedWindow], Field(min_length=1, max_length=16)] | None = None
    """Times of signing at which it is not believed. A statement without a verified time lies in each of them."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.builderID == 'Listed') == has(self.builderIDs)",
            holds=lambda fields: (fields.get("builderID") == "Listed") == ("builderIDs" in fields),
            message="builderIDs are listed with builderID: Listed, and only then",
            field="builderIDs",
        ),
        Rule(
            cel="self.builderID != 'SameAsSigner' || self.signers.all(signer, !has(signer.publicKey))",
            holds=_certificates_only,
            message="a key has no name that could be a builder's: list the builderIDs, with builderID: Listed",
            field="builderID",
        ),
    )
