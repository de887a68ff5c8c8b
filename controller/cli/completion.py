"""`navicert completion`: what makes a shell complete the commands and options of `navicert`."""

import sys

import click
from click.shell_completion import get_completion_class

from controller.cli.output import Screen

PROGRAM = "navicert"
VARIABLE = "_NAVICERT_COMPLETE"  # as click derives it from the program's name
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the completion script for a shell.

    bash: eval "$(navicert completion bash)" in ~/.bashrc. zsh: the same with zsh in ~/.zshrc. fish: navicert
    completion fish > ~/.config/fish/completions/navicert.fish.
    """
    script = get_completion_class(shell)
    if script is None:
        raise ValueError("click knows every shell that is offered")
    source = script(context.find_root().command, {}, PROGRAM, VARIABLE).source()
    Screen.over(sys.stdout, sys.stderr).line(source)
