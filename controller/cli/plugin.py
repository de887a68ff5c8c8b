"""`kubectl navicert`: the same command as a plugin of kubectl, which finds programs by their names on PATH."""

import sys
from collections.abc import Iterator, Sequence

from click.shell_completion import CompletionItem, ShellComplete

from controller.cli.main import navicert, run
from controller.cli.output import Screen

# What kubectl's shells make of an answer (ShellCompDirective of cobra): its last line, behind a colon.
_FILES, _NOTHING_ELSE, _FOLDERS = 0, 4, 16
_DIRECTIVES = {"file": _FILES, "dir": _FOLDERS}


def main() -> None:
    """The entry point of `kubectl-navicert`."""
    sys.exit(run("kubectl navicert"))


def complete() -> None:
    """The entry point of `kubectl_complete-navicert`: what kubectl asks for what could stand in place of the last word.

    kubectl 1.26 and later.
    """
    screen = Screen.over(sys.stdout, sys.stderr)
    for line in completions(sys.argv[1:]):
        screen.answer(line)


def completions(words: Sequence[str]) -> Iterator[str]:
    """The lines of the answer for these words, of which the last is to be completed."""
    *before, last = words or [""]
    found = ShellComplete(navicert, {}, "navicert", "").get_completions(before, last)
    yield from (_line(one) for one in found if one.type == "plain")
    yield f":{next((_DIRECTIVES[one.type] for one in found if one.type in _DIRECTIVES), _NOTHING_ELSE)}"


def _line(item: CompletionItem) -> str:
    return f"{item.value}\t{item.help}" if item.help else str(item.value)
