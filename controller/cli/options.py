"""Options that several commands take: one name, one meaning and one help text for each."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any, TypeVar

import click

from controller.core.policy import Uncovered
from controller.settings import Address
from controller.wire.duration import parse_duration

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
PATH = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)

_Command = TypeVar("_Command", bound=Callable[..., Any])
_Option = Callable[[_Command], _Command]

uncovered_option = click.option(
    "--uncovered",
    type=click.Choice([choice.value for choice in Uncovered]),
    default=Uncovered.ALLOW.value,
    show_default=True,
    help="What happens at admission to an image of which no ClusterSLSAPolicy in Enforce or Warn asks the origin.",
)
exception_maximum_option = click.option(
    "--exception-maximum",
    type=parse_duration,
    metavar="DURATION",
    default="2160h",
    show_default=True,
    help="How far after its creation a SLSAException may reach.",
)
status_listen_option = click.option(
    "--status-listen",
    type=Address.parse,
    metavar="HOST:PORT",
    default="0.0.0.0:8080",
    show_default=True,
    help="Health and metrics, in the clear.",
)
log_level_option = click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The least level of lines to log, as JSON on standard error.",
)
_registries_option = click.option("--registries", type=FILE, help="YAML file that configures single registry hosts.")


def registry_options(command: _Command) -> _Command:
    """How a program reads registries: nobody's credentials but those that it is given."""
    return _all(
        command,
        _registries_option,
        click.option(
            "--credentials", type=PATH, help="Docker configuration with credentials: a file, or a folder of them."
        ),
        click.option(
            "--credential-programs",
            type=FOLDER,
            help="The folder of the docker-credential-* programs that --credentials may name.",
        ),
    )


def user_registry_options(command: _Command) -> _Command:
    """How somebody at a keyboard reads registries: with their own credentials, unless they say otherwise."""
    return _all(
        command,
        _registries_option,
        click.option(
            "--credentials",
            type=PATH,
            help="Docker configuration with credentials: a file, or a folder of them; default: the user's own.",
        ),
        click.option(
            "--credential-programs", type=FOLDER, help="The folder of its docker-credential-* programs; default: PATH."
        ),
    )


def _all(command: _Command, *options: _Option[_Command]) -> _Command:
    """The first option stands first in the help."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
