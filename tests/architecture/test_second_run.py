"""What failed is run once more by itself only where the machine may be to blame, and never silently."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.secondrun import MOST, Failed, refusal

ROOT = Path(__file__).resolve().parents[2]
NAME = "tests/faults/test_faultproxy.py::test_calls_are_told_by_their_path[manifests/v1-Call.TAG]"


def failed(tier: str = "apiserver", *, once: bool = False) -> Failed:
    return Failed(name="this", tier=tier, once=once)


def test_a_few_tests_of_processes_may_be() -> None:
    assert refusal([failed()] * MOST) is None


@pytest.mark.parametrize("one", [failed("unit"), failed("properties"), failed("architecture"), failed(once=True)])
def test_neither_a_pure_test_nor_a_watch_for_what_must_never_happen_may(one: Failed) -> None:
    assert refusal([failed(), one]) == "this failed, and is not run again"


def test_many_are_no_accident() -> None:
    assert refusal([failed()] * (MOST + 1)) == "6 tests failed: too many to be run again"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "code", "said"),
    [(NAME, 0, f"PASSED ONLY WHEN RUN AGAIN {NAME}"), ("tests/unit/test_outlet.py", 4, "is not run again")],
)
def test_a_run_goes_by_that_and_names_them(name: str, code: int, said: str) -> None:
    command = (sys.executable, "-m", "pytest", "--again", "--verbose", name)
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=600)
    told = ended.stdout + ended.stderr
    assert (ended.returncode, said in told) == (code, True), told
