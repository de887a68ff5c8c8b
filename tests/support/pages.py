"""The pages under docs/: their fenced blocks, and the comment before a block that says what a test does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"^(?: *<!-- (?P<mark>[\w-]+): (?P<note>[^\n]*?) -->\n)?"
    r"(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_PLACEHOLDER = re.compile(
    r"^(?P<indent> *)-----BEGIN PUBLIC KEY-----\n *FILL-IN-THE-KEY-OF-(?P<name>\S+)\n *-----END PUBLIC KEY-----\n",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block; `mark` and `note` are empty where no comment stands before it."""

    page: Path
    line: int
    mark: str
    note: str
    language: str
    text: str

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks() -> Iterator[Block]:
    """Every fenced block of every page."""
    for page in PAGES:
        text = page.read_text()
        for found in _BLOCK.finditer(text):
            yield Block(
                page=page,
                line=text.count("\n", 0, found.start("language")) + 1,
                mark=found["mark"] or "",
                note=found["note"] or "",
                language=found["language"],
                text=re.sub(rf"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            )


def marked(mark: str, page: str) -> list[Block]:
    return [block for block in blocks() if block.mark == mark and block.page.name == page]


def fill_in(text: str, pem_of: dict[str, str]) -> str:
    """The text with these keys, by name, in the places that are to be filled in. Raises KeyError for another."""

    def key(found: re.Match[str]) -> str:
        return "".join(f"{found['indent']}{line}\n" for line in pem_of[found["name"]].splitlines())

    return _PLACEHOLDER.sub(key, text)
