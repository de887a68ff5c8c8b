"""Image references and digests, normalised the way container runtimes do.

Grammar: github.com/distribution/reference; digests: OCI image-spec 1.1, descriptor.md#digests.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Self

from controller.core.errors import MalformedReference
from controller.core.text import printable

DEFAULT_HOST = "docker.io"
DEFAULT_TAG = "latest"
MAX_REFERENCE_BYTES = 4096
MAX_NAME_CHARACTERS = 255  # distribution/reference: NameTotalLengthMax, host included

MAX_PORT = 65535
HTTPS_PORT = "443"  # which goes without saying

_HOST_ALIASES = {"index.docker.io": DEFAULT_HOST, "registry-1.docker.io": DEFAULT_HOST}
_IMAGE_ID = re.compile(r"(?:sha256:)?[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{64}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_PATH = re.compile(r"(?:[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A SHA-256 digest of a manifest or blob. Other algorithms are not accepted anywhere in Navicert."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX.fullmatch(self.hex):
            raise MalformedReference("a digest has 64 lower-case hexadecimal digits")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `sha256:<64 lower-case hex>`; anything else raises MalformedReference."""
        algorithm, _, hexadecimal = text.partition(":")
        if algorithm != "sha256" or not _HEX.fullmatch(hexadecimal):
            raise MalformedReference(
                f"{printable(text, limit=90)!r} is not sha256: and 64 lower-case hexadecimal digits"
            )
        return cls(hexadecimal)

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The digest of these bytes."""
        return cls(hashlib.sha256(content).hexdigest())

    def __hash__(self) -> int:
        return hash(self.hex)

    def __str__(self) -> str:
        return f"sha256:{self.hex}"


def normalise_host(host: str) -> str:
    """One spelling for one registry: lower case, no trailing dot, the port without leading zeros, and 443 only where
    a name would be no host without it.

    Docker Hub's hosts become `docker.io`. What is no host stays no host: this validates nothing.
    """
    name, colon, port = host.lower().rpartition(":")
    if not colon or name.endswith(":") or not (port.isascii() and port.isdigit()):
        name, port = host.lower(), ""
    if ":" in name and not (name.startswith("[") and name.endswith("]")):
        return host.lower()  # a second port, or a dot behind one
    name = name.removesuffix(".")
    name = _HOST_ALIASES.get(name, name)
    number = port.lstrip("0") or "0" if port else ""
    if number in {"", HTTPS_PORT}:
        return name if shows_host(name) else f"{name}:{HTTPS_PORT}"
    return f"{name}:{number}"


def shows_host(component: str) -> bool:
    """Whether this is a host, or a glob of hosts, where it stands first in a name; else it is part of a path."""
    return component.lower() == "localhost" or any(mark in component for mark in ".:[*")


@dataclass(frozen=True, slots=True, order=True)
class Repository:
    """A normalised repository: `host` (with port, if any) and `path`."""

    host: str
    path: str

    def __post_init__(self) -> None:
        host = _HOST.fullmatch(self.host)
        off = host is None or (host["port"] is not None and not 0 < int(host["port"]) <= MAX_PORT)
        if off or not _PATH.fullmatch(self.path):
            raise MalformedReference(f"{printable(str(self))!r} is not a repository name")
        if len(str(self)) > MAX_NAME_CHARACTERS:
            raise MalformedReference(f"a repository name has at most {MAX_NAME_CHARACTERS} characters")

    @classmethod
    def parse(cls, name: str) -> Self:
        """Normalise a repository name as container runtimes do: `nginx` is `docker.io/library/nginx`.

        The first component is a host only with a dot or a port in it, or when it is `localhost` or an IPv6 literal.
        Raises MalformedReference.
        """
        first, slash, rest = name.partition("/")
        if slash and shows_host(first):
            host, path = normalise_host(first), rest
        else:
            host, path = DEFAULT_HOST, name
        if host == DEFAULT_HOST and "/" not in path:
            path = f"library/{path}"
        return cls(host, path)

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ImageReference:
    """Where an image is said to be. With a `digest` the tag is decoration: the digest decides (REF-006).

    Exactly what the pod runs only if there is a digest. At least one of `tag` and `digest` is set.
    """

    repository: Repository
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        if self.tag is None and self.digest is None:
            raise MalformedReference("an image reference has a tag or a digest")
        if self.tag is not None and not _TAG.fullmatch(self.tag):
            raise MalformedReference(f"{printable(self.tag, limit=130)!r} is not a tag")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read and normalise a reference; raises MalformedReference, whose message is fit to print.

        The digest of a configuration, which runtimes take for an image that is on the node already, is no reference:
        it says nothing of where an image comes from.
        """
        if _IMAGE_ID.fullmatch(text):
            raise MalformedReference(f"{printable(text)!r} is the id of a local image")
        if len(text.encode("utf-8", "surrogatepass")) > MAX_REFERENCE_BYTES:
            raise MalformedReference(f"an image reference has at most {MAX_REFERENCE_BYTES} bytes")
        name, at, digest_text = text.partition("@")
        digest = Digest.parse(digest_text) if at else None
        head, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            head, tag = name, ""
        if colon and not tag and not head == name:
            raise MalformedReference(f"{printable(text)!r} has an empty tag")
        try:
            repository = Repository.parse(head)
        except MalformedReference:
            raise MalformedReference(f"{printable(text)!r} is not an image reference") from None
        return cls(repository=repository, tag=tag or (None if digest else DEFAULT_TAG), digest=digest)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"
