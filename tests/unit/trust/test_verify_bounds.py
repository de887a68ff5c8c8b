"""Judging the worst candidates: within a couple of seconds and 250 MiB, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.hostile import SHAPES

MAX_SECONDS = 2.0  # of the processor's time in that process: other tests share the machine
MAX_MEBIBYTES = 250


@pytest.mark.slow
@pytest.mark.case("PARSE-005")
@pytest.mark.case("PARSE-007")
@pytest.mark.parametrize("shape", SHAPES)
def test_the_worst_candidates_stay_within_time_and_memory(shape: str) -> None:
    root = Path(__file__).resolve().parents[3]
    command = (sys.executable, "-m", "tests.support.hostile", shape)
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    seconds, mebibytes = (float(number) for number in ran.stdout.split())
    assert seconds < MAX_SECONDS
    assert mebibytes < MAX_MEBIBYTES
