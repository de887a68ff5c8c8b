"""`navicert status`: what is in force in a cluster, what is not, whom the API server asks, and who answers."""

import asyncio
import sys
from collections.abc import Mapping

import click
import msgspec

from controller.cli.kubeconfig import found_kubeconfig, user_kubeconfig_option
from controller.cli.output import TEXT_OR_JSON, Cell, Column, Format, Screen, Tone
from controller.cli.surveying import survey
from controller.kube.connection import from_kubeconfig
from controller.wire.installation import Configuration, Installation, ObjectStanding, Replica, State

EXIT_CODES: Mapping[State, int] = {"sound": 0, "broken": 1, "unknown": 3}

_TONES: Mapping[bool | None, Tone] = {True: Tone.GOOD, False: Tone.BAD, None: Tone.NOTICE}
_WORDS: Mapping[bool | None, str] = {True: "yes", False: "no", None: "unknown"}
_OBJECTS = (
    Column("object"),
    Column("mode"),
    Column("ready"),
    Column("reason"),
    Column("findings"),
    Column("message", folds=True),
)
_WEBHOOKS = (Column("webhook"), Column("on failure"), Column("waits"))
_REPLICAS = (Column("replica"), Column("ready"), Column("leads"), Column("last heard of policies"))
_CLOSING = {
    "sound": "Everything is as it should be.",
    "broken": "Something is not as it should be.",
    "unknown": "Not everything could be found out.",
}


@click.command()
@user_kubeconfig_option
@click.option("--own-namespace", default="navicert-system", show_default=True, help="Navicert's namespace.")
@click.option("--output", type=click.Choice(TEXT_OR_JSON), default="text", show_default=True, help="How to answer.")
def status(kubeconfig: str | None, own_namespace: str, output: str) -> int:
    """Say what is in force in a cluster, what is broken and why, whom the API server asks and who answers it.

    Counts what the reports say of what runs. Needs to read what it tells, the metrics of Navicert's pods included
    (get on pods/proxy): what it may not read is told as unknown.

    Exit codes: 0 everything is as it should be, 1 something is not, 3 something could not be found out.
    """
    connection = from_kubeconfig(found_kubeconfig(kubeconfig))
    screen = Screen.over(sys.stdout, sys.stderr)
    with screen.progress("connecting") as tell:
        found = asyncio.run(survey(connection, home=own_namespace, tell=tell))
    if Format(output) is Format.JSON:
        screen.document(msgspec.to_builtins(found))
    else:
        _show(screen, found)
    return EXIT_CODES[found.state]


def _show(screen: Screen, found: Installation) -> None:
    if found.objects:
        screen.table(_OBJECTS, [_object_row(one) for one in found.objects])
        screen.line()
    for configuration in found.configurations:
        _show_configuration(screen, configuration)
    if found.replicas:
        screen.table(_REPLICAS, [_replica_row(one) for one in found.replicas])
        screen.line()
    for sentence in found.unknown:
        screen.line(f"not known: {sentence}", Tone.NOTICE)
    tone = {"sound": Tone.GOOD, "broken": Tone.BAD, "unknown": Tone.NOTICE}[found.state]
    screen.line(_CLOSING[found.state], tone)


def _object_row(one: ObjectStanding) -> tuple[Cell, ...]:
    counts = ", ".join(f"{number} {outcome}" for outcome, number in (one.findings or {}).items())
    none = "" if one.mode is None else "none" if one.findings is not None else "no reports"
    return (
        Cell(one.object),
        Cell(one.mode or ""),
        Cell(_WORDS[one.ready], _TONES[one.ready]),
        Cell(one.reason),
        Cell(counts or none),
        Cell(one.message),
    )


def _show_configuration(screen: Screen, one: Configuration) -> None:
    if one.installed is None:
        return
    if not one.webhooks:
        how = "empty: the API server asks nobody" if one.installed else "not installed: nothing asks Navicert"
        screen.line(f"{one.kind}: {how}", Tone.BAD)
        screen.line()
        return
    exempt = f", exempt: {', '.join(one.exempt)}" if one.exempt else ""
    screen.line(f"{one.kind}{exempt}")
    rows = [(Cell(hook.name), Cell(hook.on_failure), Cell(f"{hook.timeout_seconds} s")) for hook in one.webhooks]
    screen.table(_WEBHOOKS, rows)
    screen.line()


def _replica_row(one: Replica) -> tuple[Cell, ...]:
    age = one.knowledge_seconds
    heard = "" if one.component == "operator" else "unknown" if age is None else f"{age:.0f} s ago"
    leads = "" if one.component == "webhook" else _WORDS[one.leading]
    return Cell(one.name), Cell(_WORDS[one.ready], _TONES[one.ready]), Cell(leads), Cell(heard)
