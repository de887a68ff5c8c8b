"""What several kinds share: scalar types with their bounds, label selectors, signer entries."""

from datetime import timedelta
from functools import lru_cache
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from controller.core.patterns import Glob, ImageGlob
from controller.expressions import MAX_EXPRESSION_CHARACTERS, MAX_PATTERN_CHARACTERS, compile_pattern
from controller.wire.duration import DURATION, parse_duration
from controller.wire.policy import forms
from controller.wire.policy.nodes import RFC3339, Fields, Node, Rule, exactly_one, instant, together
from controller.wire.policy.references import DEFAULT_TRUST_ROOT

_GLOBS = 256  # compiled ones that are kept
PEM_CHARACTERS = 8192  # an RSA key of 16,384 bits has under 3,000


@lru_cache(maxsize=_GLOBS)
def compile_glob(text: str) -> Glob:
    """As Glob.compile; once for finding that it is sound, for what is made of it, and for others who write the same."""
    return Glob.compile(text)


@lru_cache(maxsize=_GLOBS)
def compile_image_glob(text: str) -> ImageGlob:
    """As ImageGlob.compile, once for all of these."""
    return ImageGlob.compile(text)


def _glob(text: str) -> str:
    return compile_glob(text).text


def _image_glob(text: str) -> str:
    return compile_image_glob(text).text


def _reg_exp(text: str) -> str:
    compiled = compile_pattern(text)
    if not isinstance(compiled, str):
        return text
    raise ValueError(compiled)


def _time(text: str) -> str:
    if instant(text) is None:
        raise ValueError("no such date or time of day")
    return text


def duration(text: str | None) -> timedelta | None:
    """How long a sound Duration is."""
    return None if text is None else parse_duration(text)


Text = Annotated[str, Field(min_length=1, max_length=1024)]
Prose = Annotated[str, Field(min_length=1, max_length=1024, pattern=forms.ANYTHING)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=forms.NAME)]
KeyName = Annotated[str, Field(min_length=1, max_length=63, pattern=forms.NAME)]
URI = Annotated[str, Field(min_length=1, max_length=1024, pattern=forms.URI)]
BuildType = Annotated[str, Field(min_length=1, max_length=1024, pattern=forms.UNBROKEN)]  # Tekton's have no scheme
GlobText = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_glob)]
ImageGlobText = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_image_glob)]
ImageGlobs = Annotated[list[ImageGlobText], Field(min_length=1, max_length=64)]
RegExpText = Annotated[str, Field(min_length=1, max_length=MAX_PATTERN_CHARACTERS), AfterValidator(_reg_exp)]
Duration = Annotated[str, Field(max_length=16, pattern=DURATION)]
Timestamp = Annotated[
    str,
    Field(max_length=40, pattern=RFC3339, json_schema_extra={"format": "date-time"}),
    AfterValidator(_time),
]
LabelKey = Annotated[str, Field(min_length=1, max_length=317, pattern=forms.LABEL_KEY)]
LabelValue = Annotated[str, Field(max_length=63, pattern=forms.LABEL_VALUE)]
Trigger = Annotated[str, Field(min_length=1, max_length=63, pattern=forms.TRIGGER)]
BuildLevel = Annotated[int, Field(ge=1, le=3)]
SourceLevel = Annotated[int, Field(ge=1, le=4)]


class LabelRequirement(Node):
    """One requirement on one label."""

    key: LabelKey
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """In and NotIn compare with values; Exists and DoesNotExist ask for the label alone."""
    values: Annotated[list[LabelValue], Field(min_length=1, max_length=64)] | None = None
    """What In and NotIn compare with; only they have it."""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="(self.operator in ['In', 'NotIn']) == has(self.values)",
            holds=lambda fields: (fields.get("operator") in ("In", "NotIn")) == ("values" in fields),
            message="In and NotIn need values, Exists and DoesNotExist have none",
            field="values",
        ),
    )


class LabelSelector(Node):
    """A label selector with the meaning that Kubernetes gives it: everything in it must hold."""

    match_labels: Annotated[dict[LabelKey, LabelValue], Field(min_length=1, max_length=32)] | None = None
    """Labels with exactly these values."""
    match_expressions: Annotated[list[LabelRequirement], Field(min_length=1, max_length=32)] | None = None
    """Requirements on single labels."""


class Extensions(Node):
    """Certificate extensions by name; each must have exactly this value."""

    build_signer_uri: Text | None = None
    """The workflow that signed, as the certificate names it (extension 9)."""
    build_signer_digest: Text | None = None
    """The commit of the workflow that signed (10)."""
    runner_environment: Text | None = None
    """Who runs the machine that built, such as github-hosted (11)."""
    source_repository_uri: Text | None = None
    """The repository that was built (12)."""
    source_repository_digest: Text | None = None
    """The commit that was built (13)."""
    source_repository_ref: Text | None = None
    """The git ref that was built (14)."""
    source_repository_id: Text | None = None
    """The forge's number of the repository (15)."""
    source_repository_owner_uri: Text | None = None
    """The owner of the repository (16)."""
    source_repository_owner_id: Text | None = None
    """The forge's number of the owner (17)."""
    build_config_uri: Text | None = None
    """The build's definition, with its repository and ref (18)."""
    build_config_digest: Text | None = None
    """The commit of the build's definition (19)."""
    build_trigger: Text | None = None
    """The event that started the build (20)."""
    run_invocation_uri: Text | None = None
    """The run that built (21)."""
    source_repository_visibility_at_signing: Text | None = None
    """Whether the repository was public, private or internal then (22)."""


class Certificate(Node):
    """A signer that a certificate names (keyless signing)."""

    trust_root: ObjectName = DEFAULT_TRUST_ROOT
    """The TrustRoot that the certificate must chain to."""
    issuer: Text
    """The identity provider, exactly as the certificate names it."""
    subject: GlobText | None = None
    """The subject alternative name: * stops at a slash, ** does not; always the whole string."""
    subject_reg_exp: RegExpText | None = None
    """The subject alternative name as an RE2 expression; always the whole string."""
    subject_type: Literal["URI", "Email", "OtherName"] = "URI"
    """The kind of the subject alternative name."""
    extensions: Extensions | None = None
    """Certificate extensions that must have exactly these values."""
    not_after: Timestamp | None = None
    """Signing times after this one no longer count."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("subject", "subjectRegExp"),)


def _no_private_key(fields: Fields) -> bool:
    pem = fields.get("pem")
    return not isinstance(pem, str) or "PRIVATE KEY" not in pem


# A rule and not a pattern: where a pattern fails, the API server's answer quotes the value.
PUBLIC_ONLY: Rule = Rule(
    cel="!has(self.pem) || !self.pem.contains('PRIVATE KEY')",
    holds=_no_private_key,
    message="this is a private key: replace it by its public key, and the key pair by a new one",
    field="pem",
)


class PublicKey(Node):
    """A signer that is a public key: one of a TrustRoot by its name, or inline."""

    trust_root: ObjectName | None = None
    """The TrustRoot that holds the key."""
    name: KeyName | None = None
    """The key's name in that TrustRoot."""
    pem: Annotated[str, Field(min_length=1, max_length=PEM_CHARACTERS)] | None = None
    """The public key itself, PEM. It needs neither transparency log nor signing time."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("name", "pem"), together("trustRoot", "name"), PUBLIC_ONLY)


class SignerEntry(Node):
    """Who may have signed: exactly one of certificate and publicKey."""

    certificate: Certificate | None = None
    """Who a certificate says it was (keyless signing)."""
    public_key: PublicKey | None = None
    """The key that signed."""

    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("certificate", "publicKey"),)


Signers = Annotated[list[SignerEntry], Field(min_length=1, max_length=16)]


class Condition(Node):
    """A CEL expression that must be true of the statement."""

    name: KeyName
    """What messages call it."""
    expression: Annotated[str, Field(min_length=1, max_length=MAX_EXPRESSION_CHARACTERS)]
    """CEL that gives true or false; anything else, an error included, does not satisfy."""
    message: Prose | None = None
    """What to tell when it is false."""


Conditions = Annotated[
    list[Condition],
    Field(
        min_length=1,
        max_length=16,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    ),
]
