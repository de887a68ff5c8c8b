"""`navicert test`: policies held to what their tests say they decide, offline."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

import click

from controller.cli.expecting import Difference, differences
from controller.cli.known import Known
from controller.cli.options import FILE
from controller.cli.output import TEXT_OR_JSON, Format, Screen, Tone
from controller.cli.policytests import PolicyTestFile, find_test_files, read_known, run_test
from controller.cli.showing import show_problems
from controller.core.errors import MalformedDocument, MalformedReview
from controller.core.text import printable
from controller.engine.opening import VERIFYING_THREADS
from controller.wire.junit import Case, Suite, render_junit
from controller.wire.policytest import PolicyTest, policy_test_schema

FAILED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one test came out; it holds where nothing is different."""

    file: str
    name: str
    seconds: float
    differences: tuple[Difference, ...]


def _print_schema(context: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 (click's)
    if wanted:
        Screen.over(sys.stdout, sys.stderr).document(policy_test_schema())
        context.exit()


@click.command()
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML to this file, too.")
@click.option(
    "--trusted-root", type=FILE, help="A trusted_root.json in the place of the TrustRoot sigstore, in all tests."
)
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of the tests' format, and exit.",
)
@click.option(
    "--output",
    type=click.Choice(TEXT_OR_JSON),
    default=Format.TEXT.value,
    show_default=True,
    help="How to answer.",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def test(paths: tuple[Path, ...], *, junit: Path | None, trusted_root: Path | None, output: str) -> int:
    """Hold policies to what their tests say: files *.navicert-test.yaml, also those of folders and folders in them.

    A test names policies, an image or a workload, evidence as OCI layouts (navicert capture makes them), a time, and
    the verdict that the webhook must give. Makes no connection. Exit codes: 0 all tests hold, 1 one does not, 2 a file
    can't be read, or there is no test.
    """
    screen = Screen.over(sys.stdout, sys.stderr)
    files = find_test_files(paths)
    with screen.progress("testing") as tell:
        known = [read_known(file, trusted_root=trusted_root) for file in files]
        outcomes = asyncio.run(_run(zip(files, known, strict=True), tell))
    if junit is not None:
        _write(junit, outcomes)
    for file, policies in zip(files, known, strict=True):
        _show_problems(screen, file, policies)
    if Format(output) is Format.JSON:
        screen.document({"outcomes": [asdict(one) for one in outcomes]})
    else:
        _show(screen, outcomes)
    return FAILED if any(one.differences for one in outcomes) else 0


async def _run(files: Iterable[tuple[PolicyTestFile, Known]], tell: Callable[[str], None]) -> tuple[Outcome, ...]:
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(VERIFYING_THREADS, thread_name_prefix="verify") as executor:
        for file, known in files:
            for one in file.tests.tests:
                tell(f"{file.path}: {printable(one.name)}")
                started = time.monotonic()
                found = await _differences(file, one, known, executor)
                seconds = round(time.monotonic() - started, 3)
                outcomes.append(
                    Outcome(file=str(file.path), name=printable(one.name), seconds=seconds, differences=found)
                )
    return tuple(outcomes)


async def _differences(
    file: PolicyTestFile, one: PolicyTest, known: Known, executor: ThreadPoolExecutor
) -> tuple[Difference, ...]:
    try:
        verdict = await run_test(file, one, known=known, executor=executor)
    except MalformedDocument as error:
        told = str(error).replace("request.object", "workload") if isinstance(error, MalformedReview) else str(error)
        raise MalformedDocument(f"{file.path}: test {printable(one.name)!r}: {told}") from error
    return differences(one.expect, verdict)


def _show_problems(screen: Screen, file: PolicyTestFile, known: Known) -> None:
    snapshot = known.store.current()
    if snapshot is not None:
        show_problems(screen, snapshot.problems, files=map(file.beside, file.tests.policies))


def _show(screen: Screen, outcomes: Sequence[Outcome]) -> None:
    for one in outcomes:
        word = screen.mark("\N{BALLOT X}", "FAIL") if one.differences else screen.mark("\N{CHECK MARK}", "pass")
        screen.line(f"{word} {one.file}: {one.name}", Tone.BAD if one.differences else Tone.GOOD)
        for line in _lines(one.differences):
            screen.line(f"  {line}")
    holding = sum(not one.differences for one in outcomes)
    screen.line(f"{holding} of {len(outcomes)} tests hold.")


def _lines(found: Iterable[Difference]) -> tuple[str, ...]:
    return tuple(line for one in found for line in (f"expected  {one.expected}", f"got       {one.got}"))


def _write(file: Path, outcomes: Sequence[Outcome]) -> None:
    suites = tuple(
        Suite(name=name, cases=tuple(_case(one) for one in found))
        for name, found in groupby(outcomes, key=lambda one: one.file)
    )
    try:
        file.write_bytes(render_junit(suites))
    except OSError as error:
        raise MalformedDocument(f"{file} can't be written: {printable(str(error.strerror))}") from error


def _case(one: Outcome) -> Case:
    return Case(name=one.name, seconds=one.seconds, failure=_lines(one.differences))
