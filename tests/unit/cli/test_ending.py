"""How the process ends where a thread is left in a library's code."""

import subprocess
import sys

import pytest

COMMAND = """
import atexit, sys, threading, time
from controller.cli import main
atexit.register(print, "taken down")
if sys.argv.pop() == "left":
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
main.main()
"""


@pytest.mark.parametrize(("thread", "taken_down"), [("left", False), ("none", True)])
@pytest.mark.slow
def test_the_interpreter_is_not_taken_down_around_a_thread(thread: str, *, taken_down: bool) -> None:
    command = [sys.executable, "-c", COMMAND, "lint", "/nowhere", thread]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "/nowhere" in ended.stderr
    assert ("taken down" in ended.stdout) == taken_down
