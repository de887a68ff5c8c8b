"""A candidate: bytes that a registry lists as evidence, before anybody believes a word of them."""

from dataclasses import dataclass
from enum import Enum

from controller.core.image import Digest


class Container(Enum):
    """How a candidate carries its signature. Told by the layer's media type, which is a label, not a proof."""

    BUNDLE = "Sigstore bundle"
    ENVELOPE = "DSSE envelope"
    SIMPLE_SIGNING = "simple signing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate as fetched: `content` hashed to `digest` when it was read.

    `signature` is the base64 text beside a simple-signing payload (a layer annotation), None elsewhere.
    """

    container: Container
    content: bytes
    digest: Digest
    signature: str | None = None
