"""What failed is run once more by itself only where the machine may be to blame, and never silently."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_again(*tests: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "pytest", "--again", "--verbose", *tests)
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=600)
    return ended.returncode, ended.stdout + ended.stderr


def test_a_test_of_processes_is_run_and_named() -> None:
    name = "tests/faults/test_faultproxy.py::test_calls_are_told_by_their_path[manifests/v1-Call.TAG]"
    code, told = run_again(name)
    assert (code, f"PASSED ONLY WHEN RUN AGAIN {name}" in told) == (0, True), told


@pytest.mark.parametrize(
    "test",
    [
        "tests/unit/test_outlet.py",
        "tests/apiserver/test_storm.py::test_nobody_was_answered_wrongly_not_even_in_a_storm_that_broke_off",
    ],
)
def test_neither_a_pure_test_nor_a_watch_for_what_must_never_happen_is(test: str) -> None:
    code, told = run_again(test)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "is not run again" in told


def test_many_are_no_accident() -> None:
    code, told = run_again("tests/faults/test_faultproxy.py")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "too many to be run again" in told
