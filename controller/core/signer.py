"""Who signed: a key, or whom a certificate authority certified, each under the trust root that verified it."""

from dataclasses import dataclass, field
from enum import Enum


class SubjectType(Enum):
    """The kind of name that a certificate is for (RFC 5280, 4.2.1.6; OtherName: Fulcio's 1.3.6.1.4.1.57264.1.7)."""

    URI = "URI"
    EMAIL = "Email"
    OTHER_NAME = "OtherName"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KeySigner:
    """A signer that is a public key: `key` is `sha256:` and the hex SHA-256 of its SubjectPublicKeyInfo."""

    trust_root: str
    key: str
    name: str

    def __str__(self) -> str:
        return f"key {self.name} of {self.trust_root}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extensions:
    """Fulcio's extensions 1.3.6.1.4.1.57264.1.N by the names of the API; None: the certificate does not carry it.

    9 to 24 are the present generation, `workflow_*` (2 to 6) the first one. Both are kept: which one counts is a
    matter of judgement. Where both say the same thing they agree: a certificate that contradicts itself is refused.
    """

    build_signer_uri: str | None = None  # 9
    build_signer_digest: str | None = None  # 10
    runner_environment: str | None = None  # 11
    source_repository_uri: str | None = None  # 12
    source_repository_digest: str | None = None  # 13
    source_repository_ref: str | None = None  # 14
    source_repository_id: str | None = None  # 15
    source_repository_owner_uri: str | None = None  # 16
    source_repository_owner_id: str | None = None  # 17
    build_config_uri: str | None = None  # 18
    build_config_digest: str | None = None  # 19
    build_trigger: str | None = None  # 20
    run_invocation_uri: str | None = None  # 21
    source_repository_visibility: str | None = None  # 22
    deployment_environment: str | None = None  # 23
    token_subject: str | None = None  # 24
    workflow_trigger: str | None = None  # 2
    workflow_sha: str | None = None  # 3
    workflow_name: str | None = None  # 4
    workflow_repository: str | None = None  # 5
    workflow_ref: str | None = None  # 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSigner:
    """A signer that a certificate authority of `trust_root` certified: issuer (extension 8, or 1) and one name.

    Texts are exactly the certificate's, not normalised and not fit to print.
    """

    trust_root: str
    issuer: str
    subject_type: SubjectType
    subject: str
    extensions: Extensions = field(default_factory=Extensions)

    def __str__(self) -> str:
        return f"{self.subject} ({self.issuer}) under {self.trust_root}"


Signer = KeySigner | CertificateSigner


def identity(signer: Signer) -> tuple[str, ...]:
    """Who it is, whatever trust root says so and whatever else the certificate says: the key, or issuer and name.

    For counting people and keys. Whether someone may sign is a matter of trust root as well.
    """
    if isinstance(signer, KeySigner):
        return (signer.key,)
    return (signer.issuer, signer.subject_type.value, signer.subject)
