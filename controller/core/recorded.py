"""Which of the dependencies that provenance records are images, and which images.

What can't be told not to be an image is taken for one: of the name that it is written with, or of none that is known.
"""

import re
from dataclasses import dataclass

from controller.core.errors import MalformedReference
from controller.core.image import Digest, ImageReference, Repository
from controller.core.provenance import Dependency, Provenance

_ESCAPED = re.compile(r"%([0-9A-Fa-f]{2})")
_PACKAGE = re.compile(
    r"pkg:/*(?P<type>docker|oci)(?:/(?P<path>[^?#@]*))?(?:@(?P<version>[^?#]*))?(?:\?(?P<rest>[^#]*))?(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)
_OTHER_PACKAGE = re.compile(r"pkg:/*(?!(?:docker|oci)/)[a-z][a-z0-9.+-]*/[^\s]+", re.IGNORECASE)
_REVISION = re.compile(r"(?:git|(?:git|hg|svn|bzr)\+[a-z]+)://.+", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(r"(?:https?|ssh|gs|s3)://.+", re.IGNORECASE | re.DOTALL)
_ARCHIVE = re.compile(
    r"(?:https?|gs|s3)://[^/?#]+/(?:[^?#]*/)?[^/?#:@]+"
    r"\.(?:tar|tgz|tbz2?|txz|zip|gz|bz2|xz|zst|jar|whl|gem|crate|deb|rpm|apk)(?:[?#].*)?",
    re.IGNORECASE | re.DOTALL,
)
_SCHEMES = ("docker://", "oci://", "docker-image://", "https://", "http://")
_DIGEST_MARK = "@sha256:"
_OF_COMMITS = frozenset({"gitCommit", "gitTree", "gitBlob", "gitTag", "sha1"})  # sha1: a commit's before v1
_IMAGE_TYPES = re.compile(
    r"application/vnd\.(?:oci\.image\.(?:index|manifest)|docker\.distribution\.manifest(?:\.list)?)\b.*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageDependency:
    """An image that provenance lists as a dependency, or what can't be told not to be one.

    `shown` is how it is written there. `repository` and `digest` None: it does not say, or not in one way that can be
    read.
    """

    shown: str
    repository: Repository | None
    digest: Digest | None


def image_dependencies(provenance: Provenance) -> tuple[ImageDependency, ...]:
    """All recorded dependencies but those that are certainly no images.

    These are: addresses of a version control system (`git+https:`, `git:` and the like); package URLs of other types
    than `docker` and `oci`; addresses with digests of commits only; addresses of a file whose name ends as archives
    and packages do. Wherever an image's media type, `@sha256:` or another address says otherwise, it is an image.
    """
    return tuple(image for one in provenance.dependencies if (image := _image(one)) is not None)


def _image(dependency: Dependency) -> ImageDependency | None:
    written = [text for text in (dependency.uri, dependency.download_location) if text]
    is_image = _IMAGE_TYPES.fullmatch(dependency.media_type or "") is not None
    others = [text for text in written if not _is_no_image(text, dependency)]
    if not others and not is_image and (written or _has_commits_only(dependency)):
        return None
    shown = next(iter([*others, *written]), None) or dependency.name or "a dependency without a name"
    named = {_named(shown, text, dependency) for text in others or [""]}
    return named.pop() if len(named) == 1 else ImageDependency(shown=shown, repository=None, digest=None)


def _is_no_image(text: str, dependency: Dependency) -> bool:
    if _OTHER_PACKAGE.fullmatch(text):
        return True
    if _DIGEST_MARK in text.lower():
        return False
    if _REVISION.fullmatch(text) or _ARCHIVE.fullmatch(text):
        return True
    return _ADDRESS.fullmatch(text) is not None and _has_commits_only(dependency)


def _has_commits_only(dependency: Dependency) -> bool:
    return bool(dependency.digests) and _OF_COMMITS.issuperset(dependency.digests)


def _named(shown: str, uri: str, dependency: Dependency) -> ImageDependency:
    package = _PACKAGE.fullmatch(uri)
    if package is not None:
        return _packaged(shown, package, dependency)
    lower = uri.lower()  # schemes have no case (RFC 3986, 3.1)
    scheme = next((one for one in _SCHEMES if lower.startswith(one)), "")
    name, _, digest = uri[len(scheme) :].partition("@")
    return _dependency(shown, "" if "@" in digest else name, digest, dependency)  # two @: read as two images


def _packaged(shown: str, package: re.Match[str], dependency: Dependency) -> ImageDependency:
    """A package URL (purl-spec, types docker and oci): `repository_url` is a docker image's registry, and an OCI
    artifact's whole repository, without which it has none."""
    qualifiers = dict(part.partition("=")[::2] for part in (package["rest"] or "").split("&"))
    place, path = _plain(qualifiers.get("repository_url", "")), _plain(package["path"] or "")
    name = place if package["type"].lower() == "oci" else "/".join(part for part in (place, path) if part)
    version = _plain(package["version"] or "")
    digest = _plain(qualifiers.get("digest", "")) or (version if version.startswith("sha256:") else "")
    return _dependency(shown, name, digest, dependency)


def _plain(escaped: str) -> str:
    """Percent-encoding undone, for ASCII: nothing else is in the name of an image."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), escaped)


def _dependency(shown: str, name: str, digest: str, dependency: Dependency) -> ImageDependency:
    written = {text for text in (digest, _sha256(dependency)) if text}
    return ImageDependency(
        shown=shown,
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
