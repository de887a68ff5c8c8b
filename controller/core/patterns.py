"""Globs over names, and nothing else: `*` stops at a slash, `**` does not, every other character is itself.

Positions are bit sets: matching costs a few operations for each wildcard and component, whatever the pattern.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from controller.core.errors import MalformedReference
from controller.core.image import DEFAULT_HOST, HTTPS_PORT, Repository, normalise_host, shows_host

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
        if len(self.tokens) == 1 and not self.text.startswith("*"):
            return () if text == self.text else None
        return _captures(self.tokens, text) if self._ends_fit(text) else None

    def _ends_fit(self, text: str) -> bool:
        """The cheap part first: of a thousand policies most are about another host."""
        first, last = self.tokens[0], self.tokens[-1]
        return (first.startswith("*") or text.startswith(first)) and (last.startswith("*") or text.endswith(last))

    def __str__(self) -> str:
        return self.text


@lru_cache(maxsize=4096)
def _captures(tokens: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    """Kept for the next policy and the next review: globs are few, and so are the names that they are asked about."""
    reachable = _reachable(tokens, text)
    if not reachable[0] & 1:
        return None
    captured: list[str] = []
    position = 0
    for token, following in zip(tokens, reachable[1:], strict=True):
        if token.startswith("*"):
            rest = following >> position
            end = position + (rest & -rest).bit_length() - 1  # the nearest position from which the rest fits
            captured.append(text[position:end])
            position = end
        else:
            position += len(token)
    return tuple(captured)


def _reachable(tokens: tuple[str, ...], text: str) -> list[int]:
    """For each i the positions from which tokens[i:] match the rest of the text, as a bit set, from the right."""
    reachable = [1 << len(text)]
    for token in reversed(tokens):
        following = reachable[0]
        if token == "**":
            starts = (1 << following.bit_length()) - 1
        elif token == "*":
            starts = _inside_components(text, following)
        else:
            starts = _occurrences(text, token) & (following >> len(token))
        reachable.insert(0, starts)
    return reachable


def _inside_components(text: str, following: int) -> int:
    """The positions from which one of `following` can be reached without crossing a slash."""
    starts = 0
    for first, last in _components(text):
        within = following & ((1 << last + 1) - (1 << first))
        if within:
            starts |= (1 << within.bit_length()) - (1 << first)
    return starts


@lru_cache(maxsize=256)
def _components(text: str) -> tuple[tuple[int, int], ...]:
    """The first position of each component and the one behind it."""
    ends = [index for index, char in enumerate(text) if char == "/"]
    return tuple(zip([0, *(end + 1 for end in ends)], [*ends, len(text)], strict=True))


@lru_cache(maxsize=4096)
def _occurrences(text: str, literal: str) -> int:
    """The positions at which the literal stands, overlapping ones included."""
    found, position = 0, text.find(literal)
    while position >= 0:
        found |= 1 << position
        position = text.find(literal, position + 1)
    return found


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
        if "://" in text:
            raise MalformedPattern("an image glob has no scheme: write host/path, as in docker.io/library/nginx")
        host, slash, path = text.partition("/")
        if not slash:
            raise MalformedPattern("an image glob is host/path, as in docker.io/library/nginx; ** alone is every image")
        if "**" in host:
            raise MalformedPattern("the first component is the host: * is any host, ** can't stand there")
        if not shows_host(host):
            raise MalformedPattern(f"the first component is the host: write docker.io/{host}/... for Docker Hub")
        host = normalise_host(host)
        if host == DEFAULT_HOST and "/" not in path and "**" not in path:
            path = f"library/{path}"
        host_glob = Glob.compile(host, reserved="" if _IPV6_HOST.fullmatch(host) else "?[]{}@")
        if mark := next((char for char in path if char in ":@"), None):
            raise MalformedPattern(f"an image glob is about repositories: leave out {mark!r} and what follows it")
        path_glob = Glob.compile(path, reserved="?[]{}")
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
        host = self.host.captures(self._spelt_alike(repository.host))
        path = None if host is None else self.path.captures(repository.path)
        return None if host is None or path is None else host + path

    def _spelt_alike(self, host: str) -> str:
        """A glob of hosts leaves out the port that goes without saying, also of a name that is no host without it."""
        return host.removesuffix(f":{HTTPS_PORT}") if self.host.wildcards else host

    def __str__(self) -> str:
        return self.text


def _refuse_unmatchable(host: str, path: str) -> None:
    """A glob that no normalised name can match is a mistake, not a policy that matches nothing."""
    sample_host, sample_path = host.replace("*", "a"), path.replace("**", "a").replace("*", "a")
    try:
        Repository(sample_host, sample_path)
    except MalformedReference:
        raise MalformedPattern("no repository name can match this: lower case, no empty components, no tag") from None
