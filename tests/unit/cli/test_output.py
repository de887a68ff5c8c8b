import io
import json
from collections.abc import Callable

import pytest
import yaml

from controller.cli.output import Cell, Column, Format, Screen, Tone

COLUMNS = (Column("asked", folds=True), Column("answer"), Column("why", folds=True))
LONG = "built from https://github.com/mallory/shop, expected https://github.com/acme/shop"
ROWS = (
    (Cell("an image nobody attested"), Cell("refused (403)", Tone.BAD), Cell(LONG)),
    (Cell("[bold]markup[/bold] :smile:"), Cell("admitted", Tone.GOOD), Cell("x" * 200)),
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def sized(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the width of terminals; nothing else of the environment decides how they look."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LINES", "24")
    return lambda width: monkeypatch.setenv("COLUMNS", str(width))


def shown(stream: io.StringIO) -> str:
    Screen.over(stream, io.StringIO()).table(COLUMNS, ROWS)
    return stream.getvalue()


def letters(text: str) -> str:
    return "".join(text.split())


@pytest.mark.case("CLI-007")
def test_piped_output_is_plain_and_one_line_a_row(
    sized: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sized(40)
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = shown(io.StringIO()).splitlines()
    assert len(lines) == 3
    assert "\x1b" not in "".join(lines)
    assert lines[1].endswith(LONG)


@pytest.mark.case("CLI-007")
def test_columns_of_plain_output_line_up() -> None:
    head, *rows = shown(io.StringIO()).splitlines()
    assert all(row[head.index("answer") :].startswith(("refused", "admitted")) for row in rows)


@pytest.mark.case("CLI-007")
@pytest.mark.parametrize("width", [200, 80, 60, 30, 8])
def test_a_narrow_terminal_folds_and_loses_nothing(sized: Callable[[int], None], width: int) -> None:
    sized(width)
    text = shown(Terminal())
    if width < 60:  # stacked: one line a value
        assert LONG in text
    assert "…" not in text
    assert text.count("x") - text.count("expected") >= 200
    assert "refused (403)" in text


@pytest.mark.case("CLI-007")
def test_colours_only_on_a_terminal_and_never_with_no_color(
    sized: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sized(120)
    assert "\x1b[31m" in shown(Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in shown(Terminal())


def test_markup_in_values_is_text(sized: Callable[[int], None]) -> None:
    sized(200)
    assert "[bold]markup[/bold] :smile:" in shown(Terminal())


@pytest.mark.case("CLI-007")
def test_progress_is_told_to_a_terminal_on_the_error_stream_only(sized: Callable[[int], None]) -> None:
    sized(80)
    out, pipe, terminal = io.StringIO(), io.StringIO(), Terminal()
    for err in (pipe, terminal):
        with Screen.over(out, err).progress("starting") as tell:
            tell("asking")
    assert (out.getvalue(), pipe.getvalue()) == ("", "")
    assert "asking" in terminal.getvalue() or "starting" in terminal.getvalue()


@pytest.mark.case("CLI-006")
def test_a_document_is_json_and_nothing_else() -> None:
    out = io.StringIO()
    Screen.over(out, io.StringIO()).document({"why": "é\x1b[31m"})
    assert json.loads(out.getvalue()) == {"why": "é\x1b[31m"}
    assert out.getvalue().isascii()
    assert "\x1b" not in out.getvalue()


def test_an_empty_table_is_its_heading() -> None:
    out = io.StringIO()
    Screen.over(out, io.StringIO()).table(COLUMNS, ())
    assert out.getvalue().split() == ["asked", "answer", "why"]


class Encoded(Terminal):
    """A terminal that knows one encoding; StringIO itself has none."""

    def __init__(self, encoding: str) -> None:
        super().__init__()
        self._known = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._known


@pytest.mark.case("CLI-007")
def test_signs_are_for_terminals_whose_encoding_has_them(sized: Callable[[int], None]) -> None:
    sized(80)
    streams = {
        "utf-8": Encoded("utf-8"),
        "latin-1": Encoded("latin-1"),
        "unknown": Encoded("no-such"),
        "": io.StringIO(),
    }
    shown = {
        name: Screen.over(stream, io.StringIO()).mark("\N{CHECK MARK}", "pass") for name, stream in streams.items()
    }
    assert shown == {"utf-8": "\N{CHECK MARK}", "latin-1": "pass", "unknown": "pass", "": "pass"}


def test_the_same_document_as_yaml() -> None:
    out = io.StringIO()
    Screen.over(out, io.StringIO()).document({"why": "\x1b[31m", "long": "x " * 500}, Format.YAML)
    assert yaml.safe_load(out.getvalue()) == {"why": "\x1b[31m", "long": "x " * 500}
    assert "\x1b" not in out.getvalue()
