"""The command `navicert`. A command is imported when it is run: `--help` is fast, and none pays for another."""

import gc
import importlib
import logging
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from controller import __version__
from controller.core.errors import MalformedDocument, NavicertError

USAGE, IGNORANCE, INTERRUPTED = 2, 3, 130

_COMMANDS = {
    "In a cluster": {
        "serve": ("controller.cli.serve", "The webhook: policies from the cluster, or from files."),
        "reconcile": (
            "controller.cli.reconcile",
            "The operator: statuses, certificates, webhooks, trust roots, the scan.",
        ),
        "install-kinds": ("controller.cli.install_kinds", "The kinds of this version, before anything that uses them."),
        "try-gate": ("controller.cli.try_gate", "Whether the API server asks Navicert, and is answered."),
    },
    "On a laptop or in a pipeline": {
        "verify": ("controller.cli.verify", "Whether images would be admitted, and why."),
        "verify-bundle": ("controller.cli.verify_bundle", "One Sigstore bundle about a file or a digest."),
        "scan": ("controller.cli.scan", "The audit of what runs in a cluster, as a table, JSON or reports."),
        "status": ("controller.cli.status", "What is in force in a cluster, what is broken, and who answers."),
        "lint": ("controller.cli.lint", "Everything the policy webhook would say of these files, offline."),
        "test": ("controller.cli.test", "Whether policies decide as their tests say, offline."),
        "capture": ("controller.cli.capture", "Freeze an image's evidence as an OCI layout."),
        "demo": ("controller.cli.demo", "The whole product on this machine, without a cluster."),
        "completion": ("controller.cli.completion", "What makes a shell complete commands and options."),
    },
}
_BY_NAME = {name: entry for group in _COMMANDS.values() for name, entry in group.items()}
_WIDTH = max(map(len, _BY_NAME))
_CONTEXT = {"auto_envvar_prefix": "NAVICERT", "help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Commands(click.Group):
    """Knows its commands by name and one sentence, and imports the one that is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (the base class's signature)
        return list(_BY_NAME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _BY_NAME:
            return None
        module, _ = _BY_NAME[cmd_name]
        command: click.Command = getattr(_imported(module), cmd_name.replace("-", "_"))
        # The variable of --tls-cert is NAVICERT_TLS_CERT for every command, without the command's name in it.
        command.context_settings = {**_CONTEXT, **command.context_settings}
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, group in _COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(_WIDTH), sentence) for name, (_, sentence) in group.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes names without importing a single command, as somebody waits for it."""
        named = ((name, sentence) for name, (_, sentence) in _BY_NAME.items() if name.startswith(incomplete))
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=sentence) for name, sentence in named), *options]


@click.group(cls=_Commands, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="navicert", message="%(prog)s %(version)s")
def navicert() -> None:
    """Admit a workload to Kubernetes only when the origin of each of its images is proven.

    Exit codes: 0 admitted or done, 1 refused or failed, 2 usage or malformed input, 3 could not find out.
    Every option is an environment variable, too: --tls-cert is NAVICERT_TLS_CERT.
    """


def main() -> None:
    """The entry point: a mistake of the user's or of the surroundings is one line on standard error, never a trace."""
    status = run("navicert")
    if any(thread.daemon for thread in threading.enumerate()):
        _end(status)
    sys.exit(status)


def _end(status: int) -> NoReturn:
    """End at once, once everything was told. A thread that is left in the code of a library, as one that waits for a
    host that does not answer, would go on while the interpreter is taken down, and can crash with it."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def run(program: str) -> int:
    """Run the command line as this program, which is what help and mistakes call it; gives the exit code."""
    try:
        status = navicert.main(prog_name=program, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except NavicertError as error:
        return _told([error])
    except ExceptionGroup as failed:
        expected, bugs = failed.split(NavicertError)
        if expected is None or bugs is not None:
            raise
        return _told(_leaves(expected))
    return status if isinstance(status, int) else 0


def _imported(module: str) -> ModuleType:
    """Nothing that is imported becomes garbage: looking for some meanwhile, and later among it, only takes time."""
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def _told(errors: Sequence[NavicertError]) -> int:
    for error in errors:
        click.echo(f"navicert: {error}", err=True)
    return USAGE if any(isinstance(error, MalformedDocument) for error in errors) else IGNORANCE


def _leaves(group: ExceptionGroup[NavicertError]) -> list[NavicertError]:
    """What several tasks that ran beside one another failed with."""
    return [leaf for one in group.exceptions for leaf in (_leaves(one) if isinstance(one, ExceptionGroup) else [one])]


if __name__ == "__main__":
    main()
