"""Docker's configuration file with credentials (config.json, .dockerconfigjson), and what its programs answer.

Parts: `auths`, `credHelpers`, `credsStore`. Everything else in the file is ignored. The older form (.dockercfg) is what
stands under `auths`, alone. No message quotes a secret.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from controller.core.errors import MalformedAttestation, MalformedDocument, MalformedReference
from controller.core.image import DEFAULT_HOST, Repository, normalise_host
from controller.core.text import printable
from controller.wire.strictjson import parse_strict

MAX_CONFIG_BYTES = 1024 * 1024  # what a Secret holds
DOCKER_HUB_KEY = "https://index.docker.io/v1/"  # under which programs know Docker Hub
TOKEN_USER = "<token>"  # the user name that says: the secret is an identity token

_T = TypeVar("_T")

_PROGRAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_VERSION_PATH = re.compile(r"/v[0-9]+/?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A user name with a password, or an identity token. Neither ever shows."""

    username: str = field(repr=False)
    password: str = field(repr=False)
    identity_token: str = field(repr=False, default="")

    def __post_init__(self) -> None:
        texts = (self.username, self.password, self.identity_token)
        if not (self.identity_token or (self.username and self.password)):
            raise MalformedDocument("a credential is a user name with a password, or an identity token")
        if ":" in self.username or any(ord(char) < 32 or ord(char) == 127 for text in texts for char in text):
            raise MalformedDocument("a credential holds no control characters, and a user name no colon")

    @property
    def basic(self) -> str:
        """The value of an Authorization header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program `docker-credential-NAME` that knows the credential of `server`, asked for it in this spelling."""

    name: str
    server: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Whose credential is where: of every repository of `host` at or below `path` ("" is all of them)."""

    host: str
    path: str
    source: Credential | Program

    def covers(self, repository: Repository) -> bool:
        """Whether the credential belongs to this repository: host and port alike, path component by component."""
        below = not self.path or f"{repository.path}/".startswith(f"{self.path}/")
        return repository.host == self.host and below


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerConfig:
    """The entries of one or more files, and the program that `credsStore` names for all other hosts."""

    entries: tuple[Entry, ...] = ()
    store: str | None = None

    @classmethod
    def joined(cls, configs: Sequence["DockerConfig"]) -> "DockerConfig":
        """All files as one; where two say the same place, the first decides."""
        entries = tuple(entry for config in configs for entry in config.entries)
        return cls(entries=entries, store=next((config.store for config in configs if config.store), None))

    @property
    def told(self) -> "DockerConfig":
        """What the files say themselves, without programs: those of strangers are not to be run."""
        return DockerConfig(entries=tuple(entry for entry in self.entries if isinstance(entry.source, Credential)))

    def source(self, repository: Repository) -> Credential | Program | None:
        """Where the credential of this repository is: the longest path that covers it, else the store."""
        covering = (entry for entry in self.entries if entry.covers(repository))
        best = max(covering, key=lambda entry: len(entry.path), default=None)  # the first of equals
        if best is not None:
            return best.source
        return Program(name=self.store, server=server_key(repository.host)) if self.store else None


class _Auth(msgspec.Struct):
    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None


class _Config(msgspec.Struct):
    auths: dict[str, _Auth] | None = None
    cred_helpers: dict[str, str] | None = msgspec.field(name="credHelpers", default=None)
    creds_store: str | None = msgspec.field(name="credsStore", default=None)


class _Answer(msgspec.Struct):
    username: str = msgspec.field(name="Username")
    secret: str = msgspec.field(name="Secret")


def server_key(host: str) -> str:
    """How programs spell the server of images on `host`."""
    return DOCKER_HUB_KEY if host == DEFAULT_HOST else host


def parse_docker_config(content: bytes) -> DockerConfig:
    """Read one file. Raises MalformedDocument, which names the place and quotes no secret.

    A place that is no host (Docker knows some) has no image and is left out, as is one with nothing in it.
    """
    config = _parsed(content, _Config)
    helped = (
        (place, Program(name=_program(name, place), server=place))
        for place, name in (config.cred_helpers or {}).items()
    )
    told = ((place, _credential(auth, place)) for place, auth in (config.auths or {}).items())
    store = _program(config.creds_store, "credsStore") if config.creds_store else None
    return DockerConfig(entries=tuple(_entries([*helped, *told])), store=store)


def parse_docker_cfg(content: bytes) -> DockerConfig:
    """Read one file of the older form, as `parse_docker_config` does."""
    auths = _parsed(content, dict[str, _Auth])
    return DockerConfig(entries=tuple(_entries((place, _credential(auth, place)) for place, auth in auths.items())))


def parse_program_answer(content: bytes) -> Credential:
    """Read what `docker-credential-NAME get` printed. Raises MalformedDocument, which quotes nothing."""
    try:
        answer = parse_strict(content, _Answer, what="answer")
    except MalformedAttestation:
        raise MalformedDocument("no credential") from None
    if answer.username == TOKEN_USER:
        return Credential(username="", password="", identity_token=answer.secret)
    return Credential(username=answer.username, password=answer.secret)


def _parsed(content: bytes, shape: type[_T]) -> _T:
    if len(content) > MAX_CONFIG_BYTES:
        raise MalformedDocument(f"larger than {MAX_CONFIG_BYTES} bytes")
    try:
        return parse_strict(content, shape, what="docker config")
    except MalformedAttestation:  # its message may quote
        raise MalformedDocument("not a docker config of one meaning") from None


def _entries(sources: Iterable[tuple[str, Credential | Program | None]]) -> Iterator[Entry]:
    for place, source in sources:
        _, _, rest = place.rpartition("://")
        host, slash, path = rest.partition("/")
        path = "" if _VERSION_PATH.fullmatch(slash + path) else path.strip("/")
        try:
            repository = Repository(normalise_host(host), path or "any")
        except MalformedReference:
            continue
        if source is not None:
            yield Entry(host=repository.host, path=path, source=source)


def _credential(auth: _Auth, place: str) -> Credential | None:
    username, password = auth.username or "", auth.password or ""
    try:
        if auth.auth and not (username and password):
            decoded = base64.b64decode(auth.auth, validate=True).decode()
            username, _, password = decoded.partition(":")
        if not (username or password or auth.identitytoken):
            return None
        return Credential(username=username, password=password, identity_token=auth.identitytoken or "")
    except ValueError:  # what b64decode and UnicodeDecodeError are
        raise MalformedDocument(f"auths.{printable(place, limit=120)}: auth is not base64 of user:password") from None
    except MalformedDocument as error:
        raise MalformedDocument(f"auths.{printable(place, limit=120)}: {error}") from None


def _program(name: str, place: str) -> str:
    if not _PROGRAM.fullmatch(name):
        raise MalformedDocument(f"{printable(place, limit=120)}: {printable(name, limit=80)!r} names no program")
    return name
