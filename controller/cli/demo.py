"""`navicert demo`: the whole product on this machine, without a cluster."""

import asyncio
import shlex
import signal
import sys
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import click

from controller.cli.output import TEXT_OR_JSON, Cell, Column, Format, Screen, Tone
from controller.demo.folder import DemoFolder, shipped_policies
from controller.demo.reviews import Ruling
from controller.demo.run import TIMEOUT_SECONDS, Row, Stage, ask_all, set_stage
from controller.demo.webhook import DemoFailed

_COLUMNS = (Column("asked", folds=True), Column("answer"), Column("reason"), Column("why", folds=True))
_TONES = {
    Ruling.ADMITTED: Tone.GOOD,
    Ruling.WARNED: Tone.NOTICE,
    Ruling.REFUSED: Tone.BAD,
    Ruling.UNKNOWN: Tone.NOTICE,
    Ruling.OTHER: Tone.BAD,
}
_TERMINATED = 128 + signal.SIGTERM
_EXAMPLE = "foreign"  # the situation whose review is offered for asking again


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running until Ctrl-C, and say how to ask it.")
@click.option(
    "--output",
    type=click.Choice(TEXT_OR_JSON),
    default="text",
    show_default=True,
    help="A table to read, or one JSON document.",
)
def demo(*, keep: bool, output: str) -> None:
    """Show what is admitted and what is refused, and why, without a cluster.

    Starts a registry with freshly signed sample images and the real webhook on this machine, sends it the reviews an
    API server would send, and prints the answers. Exit code 1 when an answer is not the one that must be given,
    3 when the demo could not run.
    """
    screen = Screen.over(sys.stdout, sys.stderr)
    try:
        rows = asyncio.run(_until_terminated(_run(screen, Format(output), keep=keep)))
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)
    except DemoFailed as error:
        screen.problem(str(error))
        raise click.exceptions.Exit(3) from error
    except OSError as error:
        screen.problem(f"the demo could not run: {error}")
        raise click.exceptions.Exit(3) from error
    raise click.exceptions.Exit(exit_code(rows))


def exit_code(rows: Sequence[Row]) -> int:
    """0 when everything was answered as it must be; a demo that asked nothing has shown nothing."""
    return 0 if rows and all(row.as_expected for row in rows) else 1


async def _until_terminated(showing: Coroutine[None, None, Sequence[Row]]) -> Sequence[Row]:
    """SIGTERM cancels it, so that what runs is ended and the folder with its keys goes, too."""
    task = asyncio.ensure_future(showing)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


async def _run(screen: Screen, output: Format, *, keep: bool) -> Sequence[Row]:
    async with AsyncExitStack() as running:
        folder = DemoFolder(Path(running.enter_context(tempfile.TemporaryDirectory(prefix="navicert-demo-"))))
        with screen.progress("starting a registry and the webhook") as tell:
            stage = await running.enter_async_context(set_stage(folder))
            rows = await ask_all(stage, tell)
        interrupt = _interrupt() if keep else None  # heeded before anybody is told that it is kept
        if output is Format.JSON:
            screen.document(_document(rows) | (_running_document(stage) if keep else {}))
        else:
            show(screen, rows)
        if output is Format.TEXT and keep:
            _show_running(screen, stage, rows)
        elif output is Format.TEXT:
            _show_next(screen)
        if interrupt is not None:
            await interrupt.wait()
    return rows


def _interrupt() -> asyncio.Event:
    """Set when the user interrupts, which then ends nothing by itself."""
    interrupt = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, interrupt.set)
    return interrupt


def show(screen: Screen, rows: Sequence[Row]) -> None:
    """The table, and on the error stream every answer that is not as it must be."""
    screen.table(_COLUMNS, [_cells(row) for row in rows])
    screen.line()
    wrong = [row for row in rows if not row.as_expected]
    for row in wrong:
        expected = f"{row.situation.ruling.value}, {row.situation.reason.name}"
        screen.problem(f"not as it must be: {row.situation.asked}: expected {expected}")
    screen.line(f"{len(rows) - len(wrong)} of {len(rows)} answers are as they must be.")


def _cells(row: Row) -> tuple[Cell, ...]:
    return (
        Cell(row.situation.asked),
        Cell(row.ruling.value, _TONES[row.ruling]),
        Cell(row.reason.name if row.reason else ""),
        Cell(row.why),
    )


def _show_next(screen: Screen) -> None:
    screen.line()
    screen.line("What to try next:")
    screen.line(f"  {_again()}   leaves all this running, and says how to ask it yourself")
    screen.line(f"  {shipped_policies()}   the policies behind these answers")


def _show_running(screen: Screen, stage: Stage, rows: Sequence[Row]) -> None:
    review = next(row.review for row in rows if row.situation.name == _EXAMPLE)
    curl = ("curl", "--silent", "--show-error", "--cacert", str(stage.folder.authority))
    content = ("--header", "Content-Type: application/json", "--data", f"@{review}")
    screen.line()
    screen.line("Still running, until Ctrl-C. Ask it yourself:")
    screen.line(f"  {shlex.join((*curl, *content, stage.webhook.url(seconds=TIMEOUT_SECONDS)))}")
    screen.line("What it works on:")
    screen.line(f"  {stage.folder.policies}   the policies")
    screen.line(f"  {review.parent}   the reviews that were sent")
    screen.line(f"  {stage.folder.log}   its log: one JSON line a decision")


def _again() -> str:
    return shlex.join((sys.argv[0], "demo", "--keep"))


def _document(rows: Sequence[Row]) -> dict[str, Any]:
    return {"asExpected": all(row.as_expected for row in rows), "rows": [_row_document(row) for row in rows]}


def _running_document(stage: Stage) -> dict[str, Any]:
    """Where what was kept running is, for a program that asks it."""
    folder = stage.folder
    return {
        "url": stage.webhook.url(seconds=TIMEOUT_SECONDS),
        "authority": str(folder.authority),
        "policies": str(folder.policies),
        "log": str(folder.log),
    }


def _row_document(row: Row) -> dict[str, Any]:
    situation = row.situation
    return {
        "name": situation.name,
        "asked": situation.asked,
        "kind": situation.kind.value,
        "namespace": situation.namespace,
        "images": list(row.images),
        "answer": row.ruling.value,
        "reason": row.reason.name if row.reason else None,
        "why": row.why,
        "expected": {"answer": situation.ruling.value, "reason": situation.reason.name},
        "asExpected": row.as_expected,
    }
