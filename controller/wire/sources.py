"""What a provenance predicate says of a build before its build type gives it a meaning, and how to read that.

The readers of build types (`sources_github`, `sources_platforms`) turn a Build into an Origin with what is here.
"""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from controller.core.provenance import SourceClaim
from controller.core.source import normalise_source
from controller.wire.strictjson import parse_part

_COMMITS = {"sha1": re.compile(r"[0-9a-f]{40}"), "gitCommit": re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")}
_T = TypeVar("_T")


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A material, resolved dependency or config source: ResourceDescriptor (in-toto, v1), as far as it matters."""

    uri: str = ""
    digests: Mapping[str, str] = msgspec.field(default_factory=dict)
    name: str = ""
    media_type: str = ""
    download_location: str = ""

    @property
    def commit(self) -> str | None:
        """The git commit among the digests: `gitCommit`, or `sha1` as before v1. None if two of them disagree.

        A SHA-256 is no commit, however many digits it has: one build type writes it so, and reads it so (SRC-021).
        """
        found = {self.digests[key] for key, form in _COMMITS.items() if form.fullmatch(self.digests.get(key, ""))}
        return found.pop() if len(found) == 1 else None


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a predicate that build types define. Texts are JSON, and empty for what is not there.

    `config` and `entry_point` are v0.x's config source; v1 has them among its external parameters, if at all.
    """

    parameters: bytes = b""
    environment: bytes = b""  # v1: internal parameters
    config: Resource = msgspec.field(default_factory=Resource)
    entry_point: str | None = None
    resources: tuple[Resource, ...] = ()  # materials, resolved dependencies


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The source, and where it was built, as one build type tells them."""

    source: SourceClaim = msgspec.field(default_factory=SourceClaim)
    runner_environment: str | None = None


def read_part(text: bytes, shape: type[_T]) -> _T:
    """The part of a build as `shape`, whose members all have defaults: unset, null and empty are the same (SLSA v1).

    Raises MalformedAttestation.
    """
    return parse_part(b"{}" if text in {b"", b"null"} else text, shape, what="the provenance")


def split_revision(uri: str) -> tuple[str | None, str | None]:
    """Repository and revision of `git+https://host/path@revision`, split at the first @ (SRC-007)."""
    head, _, revision = uri.partition("@")
    repository = normalise_source(head)
    return repository, (revision or None) if repository else None


def only(values: Iterable[_T]) -> _T | None:
    """The one value that all of them are; None when there is none, or several: nothing is guessed."""
    found = set(values)
    return found.pop() if len(found) == 1 else None


def agreed(config: Resource, resources: tuple[Resource, ...], *, entry_point: str | None = None) -> SourceClaim:
    """The source of a build type that says it twice: as its config source and as its first resource.

    Where the two differ, the claim names both: it meets no expectation and agrees with no certificate (SRC-010).
    Saying it once is no contradiction.
    """
    if config.uri and resources and not _agree(config, resources[0]):
        return contradiction(_words(config), _words(resources[0]))
    repository, ref = split_revision(config.uri)
    if repository is None:
        return SourceClaim()
    return SourceClaim(repository=repository, ref=ref, commit=config.commit, entry_point=entry_point)


def contradiction(first: str, second: str, *others: str) -> SourceClaim:
    """A source that is said in several ways: no repository is spelt with blanks, so nothing equals this one."""
    return SourceClaim(repository=" and ".join([first, second, *others]))


def _agree(config: Resource, first: Resource) -> bool:
    same = all(first.digests.get(name, value) == value for name, value in config.digests.items())
    commits = {config.commit, first.commit} - {None}
    return config.uri == first.uri and same and len(commits) < 2


def _words(resource: Resource) -> str:
    commit = f" at {resource.commit}" if resource.commit else ""
    return f"{resource.uri}{commit}"
