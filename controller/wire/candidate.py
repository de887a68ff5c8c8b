"""A candidate: bytes that a registry lists as evidence, before anybody believes a word of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from controller.core.image import Digest


class Container(Enum):
    """How a candidate carries its signature. Told by the layer's media type, which is a label, not a proof."""

    BUNDLE = "Sigstore bundle"
    ENVELOPE = "DSSE envelope"
    SIMPLE_SIGNING = "simple signing"
    STATEMENT = "bare statement"  # carries none


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate as fetched: `content` hashed to `digest` when it was read.

    `annotations` are those of its layer: cosign's legacy layers carry signature, certificate, log entry and timestamp
    in them. They are as foreign as the content.
    """

    container: Container
    content: bytes
    digest: Digest
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
