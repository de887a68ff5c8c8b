"""The only place that prints: tables on a terminal, plain text when piped, JSON on request.

Colours and box lines only on a terminal, and no colour with NO_COLOR (no-color.org). Nothing is cut off to fit: a
terminal too narrow for a table gets one line a value instead. What is printed is text, never markup.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text
from yaml import safe_dump

MIN_FOLDED = 18  # characters that a column of sentences needs to be read with ease
_PADDING = 2
_YAML_WIDTH = 4096  # a text stays in one line


class Format(Enum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


TEXT_OR_JSON = (Format.TEXT.value, Format.JSON.value)


class Tone(Enum):
    """What a cell says, for its colour: the words say it, too."""

    PLAIN = ""
    GOOD = "green"
    NOTICE = "yellow"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; one that folds holds sentences, the others values that stay in one piece."""

    name: str
    folds: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a table."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where results and progress go: results to `out`, everything about how it is going to `err`."""

    out: Console
    err: Console

    @classmethod
    def over(cls, out: TextIO, err: TextIO) -> Self:
        """A screen over two streams; each is a terminal or not on its own, whatever the environment forces."""
        return cls(out=_console(out), err=_console(err))

    def line(self, text: str = "", tone: Tone = Tone.PLAIN) -> None:
        """A line of text, as it is."""
        _print(self.out, Text(text, style=tone.value))

    def answer(self, text: str) -> None:
        """A line for another program, byte by byte: tabs stay tabs."""
        self.out.file.write(f"{text}\n")

    def mark(self, sign: str, word: str) -> str:
        """The sign, on a terminal whose encoding has it; the word everywhere else."""
        if not self.out.is_terminal:
            return word
        try:
            sign.encode(self.out.encoding)
        except (UnicodeEncodeError, LookupError):
            return word
        return sign

    def problem(self, text: str) -> None:
        """What went wrong, on the error stream."""
        _print(self.err, Text(text, style=Tone.BAD.value))

    def document(self, value: Any, form: Format = Format.JSON) -> None:
        """A JSON document, or the same as YAML: the same bytes on a terminal and in a pipe."""
        if form is Format.YAML:
            _print(self.out, Text(safe_dump(value, sort_keys=False, width=_YAML_WIDTH).rstrip("\n")))
        else:
            _print(self.out, Text(json.dumps(value, indent=2, ensure_ascii=True)))

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
        """A table; every row has a cell for each column."""
        if not self.out.is_terminal:
            _plain_table(self.out, columns, rows)
        elif self.out.width < _least_width(columns, rows):
            _stacked(self.out, columns, rows)
        else:
            _boxed_table(self.out, columns, rows)

    @contextmanager
    def progress(self, text: str) -> Iterator[Callable[[str], None]]:
        """A line that the callable rewrites while work goes on; nothing at all unless `err` is a terminal."""
        if not self.err.is_terminal:
            yield _tell_nobody
            return
        with self.err.status(Text(text)) as status:
            yield lambda now: status.update(Text(now))


def _tell_nobody(text: str) -> None:
    """Progress is for people who watch."""


def _console(stream: TextIO) -> Console:
    # FORCE_COLOR and its kin must not put escapes into a pipe, nor NO_COLOR leave bold and dim behind.
    colours = stream.isatty() and not os.environ.get("NO_COLOR")
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        color_system="auto" if colours else None,
        no_color=not colours,
        highlight=False,
        markup=False,
        emoji=False,
    )


def _print(console: Console, text: Text) -> None:
    """Terminals fold long lines themselves, without putting line ends into what is copied from them."""
    console.print(text, soft_wrap=True)


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> tuple[int, ...]:
    names = [len(column.name) for column in columns]
    return tuple(max([name, *(len(row[index].text) for row in rows)]) for index, name in enumerate(names))


def _least_width(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> int:
    widths = zip(columns, _widths(columns, rows), strict=True)
    return sum((min(width, MIN_FOLDED) if column.folds else width) + _PADDING for column, width in widths)


def _plain_table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    widths = _widths(columns, rows)
    for line in ([column.name for column in columns], *([cell.text for cell in row] for row in rows)):
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        _print(console, Text("  ".join(padded).rstrip()))


def _stacked(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    for row in rows:
        for column, cell in zip(columns, row, strict=True):
            _print(console, Text.assemble(f"{column.name}: ", (cell.text, cell.tone.value)))
        _print(console, Text())


def _boxed_table(console: Console, columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    # Rich itself puts one of the spaces between columns.
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _PADDING - 1, 0, 0))
    for column in columns:
        table.add_column(column.name, no_wrap=not column.folds, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.tone.value) for cell in row))
    console.print(table)
