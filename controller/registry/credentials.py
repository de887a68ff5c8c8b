"""Whose credentials are shown to which repository: Docker configurations, in files that may change while Navicert runs,
and those that workloads bring along."""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from controller.core.errors import MalformedDocument
from controller.core.image import Repository
from controller.core.text import printable
from controller.registry.programs import CredentialPrograms
from controller.wire.dockerconfig import MAX_CONFIG_BYTES, Credential, DockerConfig, Program, parse_docker_config

ANONYMOUS = "anonymous"
CONFIG_KEY = ".dockerconfigjson"  # of a Secret of type kubernetes.io/dockerconfigjson
MAX_FILES = 256
SECRET_BYTES = 32  # of the key that scopes are made with
MAX_SCOPES = 4096  # that are remembered
LOOK_SECONDS = 1.0  # between looks at whether files have changed

_log = logging.getLogger(__name__)

_Stamp = tuple[str, int, int, int]


class Credentials(Protocol):
    """Where credentials come from."""

    async def credential(self, repository: Repository) -> Credential | None:
        """The credential that belongs to this repository, or None. Raises RegistryDenied if that can't be told."""

    def scope(self, repository: Repository) -> str:
        """Which credential that is, without telling it: equal for equal credentials of the same provider. Holds no
        secret, and is not the same in two processes. What was read with one scope is not for another (CACHE-009)."""

    def beside(self, config: DockerConfig) -> "Credentials":
        """Those of somebody's own configuration and these: the longest path decides, of two equal ones his. Programs
        that it names are never run."""


class DockerCredentials:
    """Those of a Docker configuration, which `config` gives as it is now. `secret` keeps scopes from telling them."""

    def __init__(self, config: Callable[[], DockerConfig], *, programs: CredentialPrograms, secret: bytes) -> None:
        self._config, self._programs, self._secret = config, programs, secret
        self._scopes: tuple[DockerConfig, dict[Repository, str]] = (DockerConfig(), {})  # of one configuration

    async def credential(self, repository: Repository) -> Credential | None:
        """As the protocol says: the longest host and path that cover the repository win (REG-017, REG-018)."""
        source = self._config().source(repository)
        return await self._programs.credential(source) if isinstance(source, Program) else source

    def scope(self, repository: Repository) -> str:
        """As the protocol says. Of a program: its name and which server it is asked for."""
        config, (told_by, scopes) = self._config(), self._scopes
        if told_by is not config or len(scopes) >= MAX_SCOPES:
            scopes = {}
            self._scopes = config, scopes
        known = scopes.get(repository)
        if known is None:
            known = scopes[repository] = self._scope(config, repository)
        return known

    def _scope(self, config: DockerConfig, repository: Repository) -> str:
        match config.source(repository):
            case None:
                return ANONYMOUS
            case Program(name=name, server=server):
                return self._opaque("program", name, server)
            case Credential() as known:
                return self._opaque("credential", known.username, known.password, known.identity_token)

    def beside(self, config: DockerConfig) -> "DockerCredentials":
        """As the protocol says; scopes of both can be compared."""
        told = config.told
        return DockerCredentials(
            lambda: DockerConfig.joined((told, self._config())), programs=self._programs, secret=self._secret
        )

    def _opaque(self, *parts: str) -> str:
        mac = hmac.new(self._secret, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part.encode("utf-8", "surrogatepass"))
        return mac.hexdigest()


class Anonymous(DockerCredentials):
    """No credentials for anybody."""

    def __init__(self) -> None:
        nobodys = DockerConfig()
        programs, secret = CredentialPrograms(None), secrets.token_bytes(SECRET_BYTES)
        super().__init__(lambda: nobodys, programs=programs, secret=secret)


class FileCredentials(DockerCredentials):
    """Docker configuration files: one file, or those of a folder, in order of name; the first decides.

    In a folder count files named `.dockerconfigjson` or *.json, and those of its folders, one level deep: Secrets can
    be mounted there, one a folder or one a file. They are read again when they change; while that fails, what was read
    last stays, and the log says why. The constructor raises MalformedDocument.
    """

    def __init__(self, path: Path, *, programs: CredentialPrograms) -> None:
        super().__init__(self._current, programs=programs, secret=secrets.token_bytes(SECRET_BYTES))
        self._path = path
        self._stamp = _stamp(path)
        self._held = _read(path)
        self._next_look = 0.0

    def _current(self) -> DockerConfig:
        now = asyncio.get_running_loop().time()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._look()
        return self._held

    def _look(self) -> None:
        try:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._held, self._stamp = _read(self._path), stamp
        except MalformedDocument as error:
            _log.warning("credentials not reloaded", extra={"problem": str(error)})


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for entry in path.iterdir() for file in _below(entry))
    if len(found) > MAX_FILES:
        raise MalformedDocument(f"{path} holds more than {MAX_FILES} files with credentials")
    return found


def _below(entry: Path) -> Iterator[Path]:
    """A mounted Secret keeps its versions in folders that begin with two dots: what is hidden is not meant."""
    if entry.is_dir():
        yield from (file for file in entry.iterdir() if _meant(file)) if not entry.name.startswith(".") else ()
    elif _meant(entry):
        yield entry


def _meant(file: Path) -> bool:
    named = file.name == CONFIG_KEY or (file.suffix == ".json" and not file.name.startswith("."))
    return named and file.is_file()


def _stamp(path: Path) -> tuple[_Stamp, ...]:
    try:
        seen = ((file, file.stat()) for file in _files(path))
        return tuple((str(file), status.st_mtime_ns, status.st_size, status.st_ino) for file, status in seen)
    except OSError as error:
        raise MalformedDocument(f"{path}: {printable(error.strerror or '')}") from error


def _read(path: Path) -> DockerConfig:
    try:
        return DockerConfig.joined([_config(file) for file in _files(path)])
    except OSError as error:
        raise MalformedDocument(f"{path}: {printable(error.strerror or '')}") from error


def _config(file: Path) -> DockerConfig:
    try:
        with file.open("rb") as stream:
            return parse_docker_config(stream.read(MAX_CONFIG_BYTES + 1))
    except MalformedDocument as error:
        raise MalformedDocument(f"{file}: {error}") from error
