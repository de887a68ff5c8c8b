"""Simple signing: the payload under a cosign `.sig` tag, which names the image it signs.

cosign's SIGNATURE_SPEC.md on top of containers/image's containers-signature(5). cosign 3 writes statements of
`controller.core.predicates.COSIGN_SIGN_V1` instead; those are read by `controller.wire.statement`.
"""

from dataclasses import dataclass

import msgspec

from controller.core.errors import MalformedReference
from controller.core.image import Digest, ImageReference, Repository
from controller.wire.strictjson import parse_strict

CRITICAL_TYPE = "cosign container image signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleSigning:
    """What a simple-signing payload says. `repository` is None where it names none that can be compared."""

    critical_type: str
    digest: str
    repository: Repository | None

    @property
    def is_image_signature(self) -> bool:
        """Whether it claims to be what cosign signs: the same JSON of another type means something else (TYPE-007)."""
        return self.critical_type == CRITICAL_TYPE

    def is_about(self, digest: Digest) -> bool:
        """Whether it names this manifest digest, in its one spelling."""
        return self.digest == str(digest)


class _Image(msgspec.Struct, frozen=True):
    digest: str = msgspec.field(name="docker-manifest-digest")


class _Identity(msgspec.Struct, frozen=True):
    reference: str | None = msgspec.field(name="docker-reference", default=None)


class _Critical(msgspec.Struct, frozen=True):
    type: str
    image: _Image
    identity: _Identity | None = None


class _Document(msgspec.Struct, frozen=True):
    critical: _Critical


def parse_simple_signing(payload: bytes) -> SimpleSigning:
    """Read a simple-signing payload of any critical type. Raises MalformedAttestation."""
    critical = parse_strict(payload, _Document, what="the simple-signing payload").critical
    reference = critical.identity.reference if critical.identity else None
    return SimpleSigning(
        critical_type=critical.type,
        digest=critical.image.digest,
        repository=_repository(reference or ""),
    )


def _repository(text: str) -> Repository | None:
    """The repository of a docker-reference; the tag or digest that may follow it is of no interest."""
    try:
        return ImageReference.parse(text).repository
    except MalformedReference:
        return None
