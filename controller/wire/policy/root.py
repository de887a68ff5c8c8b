"""The spec of TrustRoot."""

from typing import Annotated, ClassVar

from pydantic import Field

from controller.wire.policy import forms
from controller.wire.policy.common import PEM_CHARACTERS, PUBLIC_ONLY, Duration, KeyName, ObjectName, Text, Timestamp
from controller.wire.policy.nodes import Node, Rule, exactly_one, only_with, ordered

TRUSTED_ROOT_CHARACTERS = 262_144  # the public-good one has about 7,000


class PublicGood(Node):
    """The public Sigstore instance."""

    may_be_empty: ClassVar[bool] = True


class ConfigMapReference(Node):
    """A key of a ConfigMap in Navicert's own namespace."""

    name: ObjectName
    """The ConfigMap."""
    key: Annotated[str, Field(min_length=1, max_length=253, pattern=forms.KEY_OF_CONFIG_MAP)]
    """The key whose text is the document."""


class TrustedRoot(Node):
    """A Sigstore trusted_root.json: exactly one of inline and configMapRef."""

    inline: Annotated[str, Field(min_length=2, max_length=TRUSTED_ROOT_CHARACTERS)] | None = None
    """The document itself."""
    config_map_ref: ConfigMapReference | None = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("inline", "configMapRef"),)


class Tuf(Node):
    """A TUF repository that serves the trusted root."""

    url: Annotated[str, Field(max_length=1024, pattern=forms.HTTPS)]
    """Where the repository is served; only the operator asks it, never an admission."""
    root: Annotated[str, Field(min_length=2, max_length=TRUSTED_ROOT_CHARACTERS)]
    """The root metadata to start from."""
    target: Text
    """The name of the target file."""


class Sigstore(Node):
    """A Sigstore instance: exactly one of publicGood, trustedRoot and tuf."""

    public_good: PublicGood | None = None
    trusted_root: TrustedRoot | None = None
    tuf: Tuf | None = None

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("publicGood", "trustedRoot", "tuf"),)


class RootKey(Node):
    """A public key and when it is believed."""

    name: KeyName
    """What signer entries call it."""
    pem: Annotated[str, Field(min_length=1, max_length=PEM_CHARACTERS)]
    """The public key, PEM."""
    not_before: Timestamp | None = None
    """The first moment at which what it signs counts."""
    not_after: Timestamp | None = None
    """The last moment at which what it signs counts."""
    revoked_at: Timestamp | None = None
    """What it signed from this time on is refused, and so is what has no verified time of signing."""

    rules: ClassVar[tuple[Rule, ...]] = (PUBLIC_ONLY, ordered("notBefore", "notAfter"))


class Shown(Node):
    """What evidence must show besides its signature."""

    transparency_log: bool | None = None
    """An entry in a transparency log. Absent: true for a Sigstore instance, false for keys."""
    signed_timestamp: bool | None = None
    """A timestamp that a timestamping authority signed. Absent: false."""
    sct: bool | None = None
    """Proof that a certificate log knows the certificate. Absent: true for a Sigstore instance, false for keys."""


def _refreshed(sigstore: object) -> bool:
    return not isinstance(sigstore, dict) or sigstore.get("tuf") is not None


class RootSpec(Node):
    """Which certificate authorities, logs, timestamping authorities and keys are believed."""

    sigstore: Sigstore | None = None
    keys: (
        Annotated[
            list[RootKey],
            Field(
                min_length=1,
                max_length=32,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            ),
        ]
        | None
    ) = None
    """Public keys that are believed, by name."""
    require: Shown | None = None
    time_root: ObjectName | None = None
    """For keys: the TrustRoot whose logs and timestamping authorities tell the signing times."""
    stale_after: Duration | None = None
    """For roots that are refreshed: how long after the last good refresh they are still believed."""

    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("sigstore", "keys"),
        only_with("timeRoot", "keys"),
        Rule(
            cel="!has(self.staleAfter) || (has(self.sigstore) && has(self.sigstore.tuf))",
            holds=lambda fields: "staleAfter" not in fields or _refreshed(fields.get("sigstore")),
            message="staleAfter is for roots that are refreshed (sigstore.tuf): nothing tells the age of another",
            field="staleAfter",
        ),
    )
