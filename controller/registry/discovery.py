"""What a registry lists as evidence about a digest, wherever it may be listed. Discovery is not trust.

OCI distribution-spec 1.1, "listing referrers" and "referrers tag schema"; cosign's tags `sha256-<hex>.sig` and `.att`;
BuildKit's attestation manifests, which stand in the image's own index.
All of these are always read and joined: a registry that has the referrers API may still hold what older clients put
under the fallback tag.
Nothing here reads a `subject` field, or believes an annotation further than to skip what nobody asks for.
"""

import re
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from controller.core.errors import LimitExceeded
from controller.core.image import Digest, Repository
from controller.core.predicates import SIMPLE_SIGNING, sbom_type
from controller.registry.client import Fetched, Registry
from controller.wire.candidate import Container
from controller.wire.oci import MANIFEST_TYPES, Descriptor, Index, Manifest, parse_manifest

MAX_LISTED = 1024  # in one place
MAX_FETCHED = 256

BUNDLE_PREDICATE = "dev.sigstore.bundle.predicateType"
LAYER_PREDICATE = "predicateType"
STATEMENT_PREDICATE = "in-toto.io/predicate-type"  # BuildKit
CREATED = "org.opencontainers.image.created"  # OCI image-spec 1.1, annotations.md: RFC 3339

_ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
_STATEMENT_TYPE = "application/vnd.in-toto+json"
_BUNDLE_TYPE = re.compile(r"application/vnd\.dev\.sigstore\.bundle(?:\.v0\.[0-9]+)?\+json")
_OLDEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer that holds a candidate, as its media type says. `predicate_type` is announced, or None."""

    container: Container
    descriptor: Descriptor
    predicate_type: str | None

    def wanted(self, predicate_types: frozenset[str]) -> bool:
        """Whether it may be of one of these types: what announces none may be anything (SET-016)."""
        return _wanted(self.predicate_type, predicate_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class Referrer:
    """A listed manifest that may hold candidates. `predicate_type` is announced by this listing, or None."""

    descriptor: Descriptor
    predicate_type: str | None
    created: datetime

    def wanted(self, predicate_types: frozenset[str]) -> bool:
        """As for a layer."""
        return _wanted(self.predicate_type, predicate_types)


Listed = Layer | Referrer


def sources(registry: Registry, repository: Repository, subject: Digest) -> tuple[AsyncGenerator[Listed, None], ...]:
    """Every place to look, each to be read on its own: what one can't tell takes nothing from the others.

    Each yields what it lists, at most MAX_LISTED and then raises LimitExceeded. They raise as the registry does, and
    MalformedManifest for a list that is none. A tag that is not there, or that is no list, lists nothing.
    """
    tag = f"sha256-{subject.hex}"
    return (
        _at_most(_referrers(registry, repository, subject)),
        _at_most(_fallback(registry, repository, tag)),
        _at_most(_tagged(registry, repository, f"{tag}.sig")),
        _at_most(_tagged(registry, repository, f"{tag}.att")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to fetch, newest first. `complete` is False when a documented bound left something out."""

    chosen: tuple[Listed, ...]
    complete: bool


def select(listed: Iterable[Listed], wanted: frozenset[str]) -> Selection:
    """Leave out what announces a predicate type that nobody wants, and keep the bound (SET-007).

    A manifest that is listed twice is left out only if both listings announce an unwanted type. The order of what is
    listed does not matter. Layers of tags carry no date and stand behind what does.
    """
    chosen = tuple(_distinct(entry for entry in sorted(listed, key=_newest_first) if entry.wanted(wanted)))
    return Selection(chosen=chosen[:MAX_FETCHED], complete=len(chosen) <= MAX_FETCHED)


def layers_of(manifest: Manifest) -> Iterator[Layer]:
    """The layers that hold candidates, classified by their media type and nothing else (REG-004)."""
    announced = manifest.annotations.get(BUNDLE_PREDICATE)
    for descriptor in manifest.layers:
        container = _container(descriptor.media_type)
        match container:
            case Container.BUNDLE:
                yield Layer(container=container, descriptor=descriptor, predicate_type=announced)
            case Container.ENVELOPE:
                predicate_type = descriptor.annotations.get(LAYER_PREDICATE)
                yield Layer(container=container, descriptor=descriptor, predicate_type=predicate_type)
            case Container.SIMPLE_SIGNING:
                yield Layer(container=container, descriptor=descriptor, predicate_type=SIMPLE_SIGNING)
            case Container.STATEMENT:
                predicate_type = descriptor.annotations.get(STATEMENT_PREDICATE)
                yield Layer(container=container, descriptor=descriptor, predicate_type=predicate_type)
            case None:
                continue


async def _referrers(registry: Registry, repository: Repository, subject: Digest) -> AsyncGenerator[Listed, None]:
    async with aclosing(registry.referrers(repository, subject)) as pages:
        async for page in pages:
            for referrer in _entries(page):
                yield referrer


async def _fallback(registry: Registry, repository: Repository, tag: str) -> AsyncGenerator[Listed, None]:
    fetched = await registry.manifest(repository, tag)
    for referrer in _entries(fetched) if fetched else ():
        yield referrer
    if fetched is not None:
        fetched.refuse_stale()  # what a mirror's tag lists counts; that the registry may list more is not forgotten


async def _tagged(registry: Registry, repository: Repository, tag: str) -> AsyncGenerator[Listed, None]:
    fetched = await registry.manifest(repository, tag)
    manifest = parse_manifest(fetched.content, content_type=fetched.content_type) if fetched else None
    for layer in layers_of(manifest) if isinstance(manifest, Manifest) else ():
        yield layer
    if fetched is not None:
        fetched.refuse_stale()  # what a mirror's tag lists counts; that the registry may list more is not forgotten


async def _at_most(listed: AsyncGenerator[Listed, None]) -> AsyncGenerator[Listed, None]:
    count = 0
    async with aclosing(listed):
        async for entry in listed:
            count += 1
            if count > MAX_LISTED:
                raise LimitExceeded(f"more than {MAX_LISTED} candidates are listed in one place")
            yield entry


def _entries(page: Fetched) -> Iterator[Referrer]:
    index = parse_manifest(page.content, content_type=page.content_type)
    return referrers_of(index.manifests if isinstance(index, Index) else ())


def referrers_of(descriptors: Iterable[Descriptor]) -> Iterator[Referrer]:
    """The manifests among these as referrers: whoever may push writes the annotations, so only what is read is kept."""
    for descriptor in descriptors:
        if descriptor.media_type in MANIFEST_TYPES:
            yield Referrer(
                descriptor=replace(descriptor, annotations={}),
                predicate_type=descriptor.annotations.get(BUNDLE_PREDICATE),
                created=_created(descriptor.annotations.get(CREATED, "")),
            )


def _wanted(announced: str | None, predicate_types: Collection[str]) -> bool:
    """Of SBOMs the base types are wanted, and versions announced (TYPE-012)."""
    if announced is None or announced in predicate_types:
        return True
    sbom = sbom_type(announced)
    return sbom is not None and sbom[0] in predicate_types


def _distinct(listed: Iterable[Listed]) -> Iterator[Listed]:
    """Each manifest once. Layers stay as they are: one payload may carry several signatures."""
    seen: set[Digest] = set()
    for entry in listed:
        if isinstance(entry, Referrer):
            if entry.descriptor.digest in seen:
                continue
            seen.add(entry.descriptor.digest)
        yield entry


def _newest_first(entry: Listed) -> tuple[float, str]:
    created = entry.created if isinstance(entry, Referrer) else _OLDEST
    return (-(created - _OLDEST).total_seconds(), entry.descriptor.digest.hex)


def _created(text: str) -> datetime:
    """An announced time, or the oldest there is: what can't be read is no reason to leave something out."""
    try:
        created = datetime.fromisoformat(text)
        return created.astimezone(UTC) if created.tzinfo else _OLDEST
    except (ValueError, OverflowError):
        return _OLDEST


def _container(media_type: str) -> Container | None:
    essence = media_type.partition(";")[0].strip().lower()
    if essence == _ENVELOPE_TYPE:
        return Container.ENVELOPE
    if essence == SIMPLE_SIGNING:
        return Container.SIMPLE_SIGNING
    if essence == _STATEMENT_TYPE:
        return Container.STATEMENT
    return Container.BUNDLE if _BUNDLE_TYPE.fullmatch(essence) else None
