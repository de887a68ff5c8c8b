"""Images that an image was built from: which they are, and which Build level each has.

Dependencies of dependencies are not followed (SUM-015).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from controller.core.answer import Miss
from controller.core.errors import MalformedReference
from controller.core.evidence import Evidence
from controller.core.image import Digest, ImageReference, Repository
from controller.core.policy import Policy
from controller.core.provenance import Dependency, Provenance
from controller.core.question import Question
from controller.core.reasons import Reason
from controller.core.requirements import DependencyRequirement
from controller.core.slsa import TrustedBuilder
from controller.core.testimony import testimonies
from controller.core.text import printable

_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_PACKAGE = re.compile(
    r"pkg:/*(?P<type>docker|oci)(?:/(?P<path>[^?#@]*))?(?:@(?P<version>[^?#]*))?(?:\?(?P<rest>[^#]*))?(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMES = ("docker://", "oci://", "docker-image://", "https://")
_DIGEST_MARK = "@sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDependency:
    """An image that provenance lists as a dependency. None: it does not say, or not in one way that can be read."""

    uri: str
    repository: Repository | None
    digest: Digest | None


def image_dependencies(provenance: Provenance) -> tuple[ImageDependency, ...]:
    """The dependencies that are images: by package URL (pkg:docker, pkg:oci), by scheme, or by `@sha256:`."""
    return tuple(image for one in provenance.dependencies if (image := _image(one)) is not None)


def dependency_miss(
    asked: DependencyRequirement, provenance: Provenance, builder: TrustedBuilder, question: Question
) -> Miss | None:
    """None when the builder records dependencies, and every image among them is one of those asked, at the level.

    What is not known is not none: a builder that does not record them, an image without a digest, an image whose
    evidence is not at hand (SUM-028).
    """
    if not builder.records_dependencies:
        detail = f"builder {builder.name} does not record what it builds from"
        return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)
    missed = (_image_miss(asked, image, question) for image in image_dependencies(provenance))
    return next((miss for miss in missed if miss is not None), None)


def wanted_dependencies(policies: Iterable[Policy], question: Question) -> tuple[ImageReference, ...]:
    """The images whose evidence could show that dependencies reach a level that one of these policies asks.

    Sorted, and without those that no policy would take anyway, or that are at hand already.
    """
    asked = [one for policy in policies for one in _demanded(policy) if one.level is not None]
    heard = (testimony for about in question.testimonies.values() for testimony in about)
    recorded = [one.provenance for one in heard if any(voice.builder.records_dependencies for voice in one.voices)]
    wanted = {
        ImageReference(repository=image.repository, digest=image.digest)
        for provenance in recorded
        for image in image_dependencies(provenance)
        if image.repository is not None
        and image.digest is not None
        and image.digest not in question.moment.dependencies
        and any(_is_one_of(one, image.repository) for one in asked)
    }
    return tuple(sorted(wanted, key=str))


def _demanded(policy: Policy) -> Iterator[DependencyRequirement]:
    for alternative in (*((policy.base,) if policy.base else ()), *policy.alternatives):
        yield from alternative.demand.dependencies


def _image_miss(asked: DependencyRequirement, image: ImageDependency, question: Question) -> Miss | None:
    shown = printable(image.uri)
    if asked.images and (image.repository is None or not _is_one_of(asked, image.repository)):
        detail = f"built from {shown}, which is none of the images that are allowed"
        return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)
    if asked.level is None:
        return None
    found = question.moment.dependencies.get(image.digest) if image.digest is not None else None
    level = 0 if found is None else _level(found, question.builders)
    if level >= asked.level:
        return None
    if found is not None and found.gaps:
        return Miss(reason=found.gaps[0].reason, detail=f"dependency {shown}: {found.gaps[0].detail}")
    known = f"Build level {level}" if level else "no known Build level"
    detail = f"dependency {shown} has {known}, level {asked.level} is asked"
    return Miss(reason=Reason.DependencyLevelTooLow, detail=detail)


def _level(found: Evidence, builders: tuple[TrustedBuilder, ...]) -> int:
    """The highest level of a builder that speaks for provenance about the image itself, or of every child of it."""
    voices = (voice for one in testimonies(found, builders) for voice in one.voices)
    own = max((voice.builder.max_level for voice in voices), default=0)
    children = () if found.unread else found.children
    return max(own, min((_level(child, builders) for child in children), default=0))


def _is_one_of(asked: DependencyRequirement, repository: Repository) -> bool:
    return not asked.images or any(glob.matches(repository) for glob in asked.images)


def _image(dependency: Dependency) -> ImageDependency | None:
    uri = dependency.uri or ""
    package = _PACKAGE.fullmatch(uri)
    if package is not None:
        return _packaged(uri, package, dependency)
    lower = uri.lower()  # schemes have no case (RFC 3986, 3.1)
    scheme = next((one for one in _SCHEMES if lower.startswith(one)), "")
    if lower.startswith("pkg:") or not (scheme not in {"", "https://"} or _DIGEST_MARK in lower):
        return None
    name, _, digest = uri[len(scheme) :].partition("@")
    return _dependency(uri, "" if "@" in digest else name, digest, dependency)  # two @: read as two images


def _packaged(uri: str, package: re.Match[str], dependency: Dependency) -> ImageDependency:
    """A package URL (purl-spec, types docker and oci): `repository_url` is a docker image's registry, and an OCI
    artifact's whole repository, without which it has none."""
    qualifiers = dict(part.partition("=")[::2] for part in (package["rest"] or "").split("&"))
    place, path = _plain(qualifiers.get("repository_url", "")), _plain(package["path"] or "")
    name = place if package["type"].lower() == "oci" else "/".join(part for part in (place, path) if part)
    version = _plain(package["version"] or "")
    digest = _plain(qualifiers.get("digest", "")) or (version if version.startswith("sha256:") else "")
    return _dependency(uri, name, digest, dependency)


def _plain(escaped: str) -> str:
    """Percent-encoding undone, for ASCII: nothing else is in the name of an image."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), escaped)


def _dependency(uri: str, name: str, digest: str, dependency: Dependency) -> ImageDependency:
    written = {text for text in (digest, _sha256(dependency)) if text}
    return ImageDependency(
        uri=uri,
        repository=_repository(name),
        digest=_digest(written.pop()) if len(written) == 1 else None,
    )


def _repository(name: str) -> Repository | None:
    try:
        return ImageReference.parse(name).repository
    except MalformedReference:
        return None


def _digest(text: str) -> Digest | None:
    try:
        return Digest.parse(text)
    except MalformedReference:
        return None


def _sha256(dependency: Dependency) -> str:
    hexadecimal = dependency.digests.get("sha256")
    return f"sha256:{hexadecimal}" if hexadecimal else ""
