"""What failed is run once more by itself only where the machine may be to blame, and never silently."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.secondrun import MOST, Failed, refusal

ROOT = Path(__file__).resolve().parents[2]
NAME = "tests/faults/test_farewell.py::test_a_loop_ends_only_when_what_is_being_closed_is_closed"
PURE = "tests/unit/test_outlet.py::test_a_line_is_there_as_soon_as_it_was_logged"


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
    ("names", "code", "said"),
    [
        ([NAME], pytest.ExitCode.OK, f"PASSED ONLY WHEN RUN AGAIN {NAME}"),
        (
            ["tests/unit/test_outlet.py::test_a_line_is_there_as_soon_as_it_was_logged"],
            pytest.ExitCode.USAGE_ERROR,
            "is not run again",
        ),
        (["tests/unit/test_outlet.py"], pytest.ExitCode.USAGE_ERROR, "can't be run again"),
        ([], pytest.ExitCode.NO_TESTS_COLLECTED, "no tests ran"),
    ],
)
def test_a_run_goes_by_that_and_names_them(tmp_path: Path, names: list[str], code: int, said: str) -> None:
    """The last run is remembered as pytest does it; what could not even be collected is a file's name there."""
    remembered = tmp_path / "v" / "cache" / "lastfailed"
    remembered.parent.mkdir(parents=True)
    remembered.write_text(json.dumps(dict.fromkeys(names, True)))
    files = ("tests/faults/test_farewell.py", "tests/unit/test_outlet.py")
    command = (sys.executable, "-m", "pytest", "--again", "--verbose", "-o", f"cache_dir={tmp_path}", *files)
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=600)
    told = ended.stdout + ended.stderr
    assert (ended.returncode, said in told) == (code, True), told
