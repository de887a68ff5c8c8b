"""The kubeconfig of somebody at a keyboard, as kubectl finds it."""

import os
from pathlib import Path

import click

from controller.core.errors import MalformedDocument

_IN_HOME = Path(".kube", "config")

user_kubeconfig_option = click.option(
    "--kubeconfig",
    envvar=["NAVICERT_KUBECONFIG", "KUBECONFIG"],
    type=click.Path(),  # or several, joined
    metavar="FILE",
    help="The cluster is that of its current context; default: the user's own.",
)


def found_kubeconfig(given: str | None) -> Path:
    """The given one, or the file in the user's home; several may be joined as in KUBECONFIG.

    Raises MalformedDocument where there is neither. Doesn't look into it.
    """
    if given:
        return Path(given)
    own = Path(os.path.expanduser("~"), _IN_HOME)  # noqa: PTH111 (where no home is known it is none, not an error)
    if not own.is_file():
        raise MalformedDocument("there is no kubeconfig: say which by --kubeconfig")
    return own
