"""Judging the worst candidates: within a couple of seconds and 250 MiB, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile import SHAPES

MAX_SECONDS = 2.0  # of the processor's time in that process: other tests share the machine
MAX_MEBIBYTES = 250

PROMISED = {
    "depth": 1,
    "depth-of-100000": 1,
    "duplicate-keys": 1,
    "not-a-number": 1,
    "5,000-digit-numbers": 1,
    "payload-of-14-mb": 0,  # as much as a bundle of 20 MiB holds
    "payload-of-20-mib": 2,
    "timestamps": 0,
    "timestamps-too-many": 2,
}
"""What is promised of hostile input by name, with the exit code of `navicert verify-bundle`."""


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[3]
    command = (sys.executable, "-m", "tests.support.hostile", *arguments)
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)


@pytest.mark.slow
@pytest.mark.case("PARSE-005")
@pytest.mark.case("PARSE-007")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_worst_candidates_stay_within_time_and_memory(shape: str) -> None:
    seconds, mebibytes = (float(number) for number in ran(shape).stdout.split())
    assert seconds < MAX_SECONDS
    assert mebibytes < MAX_MEBIBYTES


@pytest.mark.slow
@pytest.mark.case("PARSE-005")
@pytest.mark.case("PARSE-007")
@pytest.mark.parametrize("shape", PROMISED)
def test_the_command_stays_within_them_and_tells_one_line(shape: str) -> None:
    """Nothing of it, an exception's trace for one, is shown besides."""
    done = ran(shape, "cli")
    told = done.stdout.splitlines()
    seconds, mebibytes, code = (float(number) for number in told.pop().split())
    assert seconds < MAX_SECONDS
    assert mebibytes < MAX_MEBIBYTES
    assert code == PROMISED[shape]
    (line,) = [*told, *done.stderr.splitlines()]
    assert line.startswith(("verified: ", "not verified: ", "navicert: ")[int(code)])
    assert len(line) < 1_000


@pytest.mark.slow
def test_a_bundle_is_not_read_further_than_it_may_be_long(tmp_path: Path) -> None:
    endless = tmp_path / "endless"
    with endless.open("wb") as file:
        file.truncate(4 << 30)  # takes no room on the disk
    done = ran("file", str(endless))
    seconds, mebibytes, code = (float(number) for number in done.stdout.split())
    assert (code, done.stderr) == (2, f"navicert: {endless}: the bundle is larger than 20 MiB\n")
    assert seconds < MAX_SECONDS
    assert mebibytes < MAX_MEBIBYTES
