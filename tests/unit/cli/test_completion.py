"""`navicert completion`: the script that click makes, and what a shell gets from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_navicert_itself(run: Commands, shell: str) -> None:
    ended = run("completion", shell)
    assert ended.code == 0
    assert f"_NAVICERT_COMPLETE={shell}_complete" in ended.out


def test_other_shells_are_a_mistake(run: Commands) -> None:
    assert run("completion", "csh").code == 2


@pytest.mark.parametrize(
    ("words", "offered", "not_offered"),
    [
        ("navicert ver", {"plain,verify", "plain,verify-bundle"}, {"plain,serve"}),
        ("navicert verify --tr", {"plain,--trusted-root"}, set()),
        ("navicert verify --output ", {"plain,yaml"}, set()),
    ],
)
@pytest.mark.slow
def test_names_options_and_values_are_completed(words: str, offered: set[str], not_offered: set[str]) -> None:
    count = len(words.split()) - (not words.endswith(" "))
    asked = {"_NAVICERT_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    command = [sys.executable, "-m", "controller.cli.main"]
    got = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=True, timeout=60)
    lines = set(got.stdout.split())
    assert offered <= lines
    assert not not_offered & lines
