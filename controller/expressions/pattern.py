"""Regular expressions over whole names, by RE2: time linear in the text, whatever the expression (IDENT-010)."""

from collections.abc import Callable
from dataclasses import dataclass, field

import re2

from controller.core.text import printable

MAX_PATTERN_CHARACTERS = 1024
_MAX_PROGRAM_BYTES = 1 << 20  # of one compiled expression; 1,024 characters of plain text need a twentieth
_TRIPLE_QUOTED = 6  # characters at least


@dataclass(frozen=True, slots=True)
class RegExp:
    """A compiled expression that always matches the whole text, bytes as they are.

    `$` never stands before a line end, `.` is none, `\\d` is ASCII. `compile_pattern` makes these.
    """

    text: str
    fullmatch: Callable[[str], object] = field(repr=False, compare=False)

    def matches(self, text: str) -> bool:
        """Whether the whole text fits. What is no Unicode text fits nothing."""
        try:
            return self.fullmatch(text) is not None
        except UnicodeEncodeError:  # a lone surrogate
            return False

    def __str__(self) -> str:
        return self.text


def compile_pattern(text: str) -> RegExp | str:
    """The expression, or what is wrong with it, fit to print. Never raises.

    RE2 has no lookaround and no backreferences, and bounds repetition and size: those are problems, too (IDENT-009).
    """
    if not text:
        return "an expression is never empty"
    if len(text) > MAX_PATTERN_CHARACTERS:
        return f"an expression has at most {MAX_PATTERN_CHARACTERS} characters"
    try:
        return RegExp(text, re2.compile(text, _options()).fullmatch)
    except UnicodeEncodeError:
        return "not Unicode text"
    except re2.error as error:
        return f"not an RE2 expression: {printable(_reason(error))}"


def program_size(written: str) -> int | str:
    """How many instructions a search by this CEL text, quotes and prefix included, compiles to, or the problem with it.

    Never raises. Of escapes only the doubled backslash is read: what others stand for is not guessed.
    """
    prefix = written[: len(written) - len(written.lstrip("bBrR"))]
    quoted = written[len(prefix) :]
    width = 3 if len(quoted) >= _TRIPLE_QUOTED and quoted[:3] == quoted[0] * 3 else 1
    text = quoted[width:-width]
    if "r" not in prefix.lower():
        if "\\" in text.replace("\\\\", ""):
            return "write the expression as r'...', without escapes"
        text = text.replace("\\\\", "\\")
    try:
        return int(re2.compile(text, _options()).programsize)
    except UnicodeEncodeError:
        return "not Unicode text"
    except re2.error as error:
        return f"not an RE2 expression: {printable(_reason(error))}"


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_PROGRAM_BYTES
    return options


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
