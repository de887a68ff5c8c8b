"""Source repositories: one spelling to compare, and templates that image names fill in.

Two spellings of one repository compare equal; nothing else does. No URL library is asked: what does not look exactly
like `https://host/path` is no repository (SRC-001 to SRC-006).
"""

import re
from dataclasses import dataclass
from typing import Self

from controller.core.image import Repository
from controller.core.patterns import ImageGlob, MalformedPattern

CASELESS_FORGES = frozenset({"github.com", "gitlab.com"})  # their paths ignore ASCII case; image names are lower-case

_HOST = r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[0-9]{1,5})?"
_SEGMENT = r"[A-Za-z0-9_~+-][A-Za-z0-9._~+-]*|\.[A-Za-z0-9_~+-][A-Za-z0-9._~+-]*"
_REPOSITORY = re.compile(rf"https://(?P<host>{_HOST})(?P<path>(?:/(?:{_SEGMENT}))+)")
_PLACEHOLDER = re.compile(r"\{([1-9][0-9]?)\}")
_CAPTURED = re.compile(r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*")


def normalise_source(text: str) -> str | None:
    """`https://host/path` of a repository's URI, or None when it is none that can be compared.

    Takes `https://` and `git+https://`; strips one trailing slash and one `.git`. Refuses other schemes, user
    information, queries, fragments, percent-encoding, empty and dot segments. Keeps the path's case.
    """
    text = text.removeprefix("git+")
    text = text.removesuffix("/").removesuffix(".git")
    return text if _REPOSITORY.fullmatch(text) else None


@dataclass(frozen=True, slots=True)
class SourceTemplate:
    """An expected repository, in which `{n}` stands for what the n-th wildcard of an image glob matched.

    Captured text is data: it lands in the path only, and never changes host, scheme or depth (REF-015).
    """

    text: str
    pieces: tuple[str | int, ...]

    @classmethod
    def compile(cls, text: str, globs: tuple[ImageGlob, ...]) -> Self:
        """Compile against the image globs whose captures it may use; raises MalformedPattern."""
        if "*" in text:
            raise MalformedPattern(
                "a source repository is exact; {n} inserts what the n-th * of the image glob matched"
            )
        host = text.partition("/")[0]
        if "://" not in text and not any(mark in host for mark in ".:@{"):
            raise MalformedPattern("the first component is the host: write https://github.com/owner/repository")
        url = text if "://" in text else f"https://{text}"
        url = url.removeprefix("git+").removesuffix("/").removesuffix(".git")
        if not _REPOSITORY.fullmatch(_PLACEHOLDER.sub("x", url)):
            raise MalformedPattern("not a repository: write https://host/path, host in lower case")
        parts = _PLACEHOLDER.split(url)
        pieces = tuple(int(part) if index % 2 else part for index, part in enumerate(parts) if part)
        _refuse_loose_placeholders(url, pieces, globs)
        return cls(text, pieces)

    def accepts(self, actual: str, captures: tuple[str, ...]) -> bool:
        """Whether the normalised repository `actual` is the expected one for these captures."""
        position = 0
        caseless = actual.removeprefix("https://").partition("/")[0] in CASELESS_FORGES
        for piece in self.pieces:
            expected = piece if isinstance(piece, str) else captures[piece - 1]
            found = actual[position : position + len(expected)]
            if isinstance(piece, int):
                if not _insertable(expected):
                    return False
                found = found.lower() if caseless and found.isascii() else found
            if found != expected:
                return False
            position += len(expected)
        return position == len(actual)

    def expected(self, captures: tuple[str, ...]) -> str:
        """The repository in words, for messages."""
        return "".join(piece if isinstance(piece, str) else captures[piece - 1] for piece in self.pieces)

    def __str__(self) -> str:
        return self.text


def _insertable(captured: str) -> bool:
    return all(_CAPTURED.fullmatch(segment) for segment in captured.split("/"))


def _refuse_loose_placeholders(url: str, pieces: tuple[str | int, ...], globs: tuple[ImageGlob, ...]) -> None:
    numbers = [piece for piece in pieces if isinstance(piece, int)]
    if numbers and "{" in url.removeprefix("https://").partition("/")[0]:
        raise MalformedPattern("{n} can't stand in the host")
    for number in numbers:
        if not globs or any(len(glob.wildcards) < number for glob in globs):
            raise MalformedPattern(f"{{{number}}} needs {number} wildcard(s) in every glob of match.images")
        spans = any(glob.wildcards[number - 1] == "**" for glob in globs)
        if spans and not url.endswith(f"/{{{number}}}"):
            raise MalformedPattern(f"{{{number}}} stands for a **: it is allowed as the whole end of the path only")


def captures_of(globs: tuple[ImageGlob, ...], repository: Repository) -> tuple[tuple[str, ...], ...]:
    """The captures of every glob that matches (REF-017: any of them will do); one empty tuple without globs."""
    if not globs:
        return ((),)
    return tuple(found for glob in globs if (found := glob.captures(repository)) is not None)
