"""The runnable children of an index, and what the index itself lists as evidence about each of them.

BuildKit, attestation-storage.md: attestation manifests stand in the index beside the platforms, annotated with the
digest that they are about.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from controller.core.errors import LimitExceeded, MalformedManifest
from controller.core.evidence import Gap
from controller.core.image import Digest
from controller.core.text import printable
from controller.registry.discovery import MAX_FETCHED, Referrer, referrers_of
from controller.wire.oci import Descriptor, Index

MAX_CHILDREN = 32

_REFERENCE_TYPE = "vnd.docker.reference.type"
_REFERENCE_DIGEST = "vnd.docker.reference.digest"
_ATTESTATION_MANIFEST = "attestation-manifest"
_UNKNOWN_PLATFORM = "unknown/unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A runnable child. `attestations` are what its index lists about it: nobody vouches for them."""

    digest: Digest
    platform: str | None
    attestations: tuple[Referrer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """The distinct runnable children of an index, MAX_CHILDREN at most and one more.

    `gap` says why these are not known to be all of them, or can't all be gathered; None when they are and can.
    """

    children: tuple[Child, ...]
    gap: Gap | None


def family_of(index: Index) -> Family:
    """The family of an index that was read.

    Left out is only what is annotated as attestation manifest and of an unknown platform: a label alone hides nothing
    that may run (IDX-004, IDX-005).
    """
    attestations = _attestations(index.manifests)
    runnable = {descriptor.digest: descriptor for descriptor in index.manifests if _is_runnable(descriptor)}
    children = tuple(
        Child(
            digest=digest,
            platform=printable(descriptor.platform, limit=60) if descriptor.platform else None,
            attestations=tuple(attestations.get(str(digest), ())[: MAX_FETCHED + 1]),
        )
        for digest, descriptor in list(runnable.items())[: MAX_CHILDREN + 1]
    )
    return Family(children=children, gap=_gap(index, children))


def _gap(index: Index, children: tuple[Child, ...]) -> Gap | None:
    if len(children) > MAX_CHILDREN:
        return Gap.of(LimitExceeded(f"the index has more than {MAX_CHILDREN} runnable children"))
    if not index.complete:
        return Gap.of(MalformedManifest("the index has entries that can't be read, which may be runnable children"))
    return None


def _is_runnable(descriptor: Descriptor) -> bool:
    attests = descriptor.annotations.get(_REFERENCE_TYPE) == _ATTESTATION_MANIFEST
    return not (attests and descriptor.platform == _UNKNOWN_PLATFORM)


def _attestations(descriptors: Iterable[Descriptor]) -> dict[str, list[Referrer]]:
    """What stands in the index about whom, by the digest as it is written."""
    found: dict[str, list[Referrer]] = defaultdict(list)
    for descriptor in descriptors:
        if descriptor.annotations.get(_REFERENCE_TYPE) == _ATTESTATION_MANIFEST:
            found[descriptor.annotations.get(_REFERENCE_DIGEST, "")].extend(referrers_of((descriptor,)))
    return found
