"""Globs over names, and nothing else: `*` stops at a slash, `**` does not, every other character is itself.

Matching costs at most (wildcards x characters) steps: no pattern, however hostile, takes longer.
"""

import re
from dataclasses import dataclass
from typing import Self

from controller.core.errors import MalformedReference
from controller.core.image import DEFAULT_HOST, Repository, normalise_host

MAX_WILDCARDS = 8
MAX_PATTERN_CHARACTERS = 1024
_TOKENS = re.compile(r"\*+|[^*]+")
_IPV6_HOST = re.compile(r"\[[0-9a-f:]+\](?::[0-9]+)?")


class MalformedPattern(ValueError):
    """Text that is no pattern; the message says why and is shown with the field path."""


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob. It always matches the whole text."""

    text: str
    tokens: tuple[str, ...]

    @classmethod
    def compile(cls, text: str, *, reserved: str = "") -> Self:
        """Compile, refusing characters in `reserved`, `***`, and more than MAX_WILDCARDS wildcards."""
        if not text:
            raise MalformedPattern("a pattern is never empty")
        if len(text) > MAX_PATTERN_CHARACTERS:
            raise MalformedPattern(f"a pattern has at most {MAX_PATTERN_CHARACTERS} characters")
        if foreign := next((char for char in text if char in reserved), None):
            raise MalformedPattern(
                f"{foreign!r} has no meaning here: only * (inside a component) and ** (across) are special"
            )
        tokens = tuple(_TOKENS.findall(text))
        wildcards = [token for token in tokens if token.startswith("*")]
        if any(len(token) > 2 for token in wildcards):
            raise MalformedPattern("write * or **, not more stars")
        if len(wildcards) > MAX_WILDCARDS:
            raise MalformedPattern(f"a pattern has at most {MAX_WILDCARDS} wildcards")
        return cls(text, tokens)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The wildcards in order, each `*` or `**`."""
        return tuple(token for token in self.tokens if token.startswith("*"))

    def matches(self, text: str) -> bool:
        """Whether the whole text fits."""
        return self.captures(text) is not None

    def captures(self, text: str) -> tuple[str, ...] | None:
        """What each wildcard matched, from the left each as short as the rest allows; None when it does not fit."""
        if not self._ends_fit(text):
            return None
        ends = _reachable(self.tokens, text)
        if 0 not in ends[0]:
            return None
        captured: list[str] = []
        position = 0
        for token, following in zip(self.tokens, ends[1:], strict=True):
            if token.startswith("*"):
                end = next(e for e in range(position, len(text) + 1) if e in following)
                captured.append(text[position:end])
                position = end
            else:
                position += len(token)
        return tuple(captured)

    def _ends_fit(self, text: str) -> bool:
        """The cheap part first: of a thousand policies most are about another host."""
        first, last = self.tokens[0], self.tokens[-1]
        return (first.startswith("*") or text.startswith(first)) and (last.startswith("*") or text.endswith(last))

    def __str__(self) -> str:
        return self.text


def _reachable(tokens: tuple[str, ...], text: str) -> list[set[int]]:
    """For each i the positions from which tokens[i:] match the rest of the text, computed from the right."""
    tables = [{len(text)}]
    for token in reversed(tokens):
        following = tables[0]
        if not token.startswith("*"):
            starts = {
                end - len(token) for end in following if end >= len(token) and text.startswith(token, end - len(token))
            }
        else:
            starts = _wildcard_starts(text, following, crosses=token == "**")
        tables.insert(0, starts)
    return tables


def _wildcard_starts(text: str, following: set[int], *, crosses: bool) -> set[int]:
    starts: set[int] = set()
    open_ended = False
    for position in range(len(text), -1, -1):
        if position < len(text) and text[position] == "/" and not crosses:
            open_ended = False
        open_ended = open_ended or position in following
        if open_ended:
            starts.add(position)
    return starts


@dataclass(frozen=True, slots=True)
class ImageGlob:
    """A glob over normalised repository names: the first component matches the host only (REF-003).

    `**` alone is every image.
    """

    text: str
    host: Glob
    path: Glob

    @classmethod
    def compile(cls, text: str) -> Self:
        """Compile; raises MalformedPattern for anything that could not match a normalised name as meant."""
        if text == "**":
            return cls(text, Glob.compile("*"), Glob.compile("**"))
        host, slash, path = text.partition("/")
        if not slash:
            raise MalformedPattern("an image glob is host/path, as in docker.io/library/nginx; ** alone is every image")
        if "**" in host:
            raise MalformedPattern("the first component is the host: * is any host, ** can't stand there")
        host = normalise_host(host)
        if host == DEFAULT_HOST and "/" not in path and "**" not in path:
            path = f"library/{path}"
        host_glob = Glob.compile(host, reserved="" if _IPV6_HOST.fullmatch(host) else "?[]{}@")
        path_glob = Glob.compile(path, reserved="?[]{}@:")
        _refuse_unmatchable(host, path)
        return cls(text, host_glob, path_glob)

    @property
    def wildcards(self) -> tuple[str, ...]:
        """The wildcards in order: the host's, then the path's."""
        return self.host.wildcards + self.path.wildcards

    def matches(self, repository: Repository) -> bool:
        """Whether this repository is meant."""
        return self.captures(repository) is not None

    def captures(self, repository: Repository) -> tuple[str, ...] | None:
        """What each wildcard matched ({1} is the first); None when the repository is not meant."""
        host = self.host.captures(repository.host)
        path = None if host is None else self.path.captures(repository.path)
        return None if host is None or path is None else host + path

    def __str__(self) -> str:
        return self.text


def _refuse_unmatchable(host: str, path: str) -> None:
    """A glob that no normalised name can match is a mistake, not a policy that matches nothing."""
    looks_like_host = host == "localhost" or any(mark in host for mark in ".:*[")
    if not looks_like_host:
        raise MalformedPattern(f"the first component is the host: write docker.io/{host}/... for Docker Hub")
    sample_host, sample_path = host.replace("*", "a"), path.replace("**", "a").replace("*", "a")
    try:
        Repository(sample_host, sample_path)
    except MalformedReference:
        raise MalformedPattern("no repository name can match this: lower case, no empty components, no tag") from None
