"""The sample of a policy test runs as it is printed, and each of its refusals is for the reason that it names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.commands import Commands

DOCS = Path(__file__).resolve().parents[2] / "docs"
SAMPLE = DOCS / "policy-tests"
TESTS = "shop.navicert-test.yaml"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(tmp_path, monkeypatch, capsys)


def test_the_sample_holds(run: Commands) -> None:
    ended = run("test", SAMPLE)
    assert (ended.code, "3 of 3 tests hold." in ended.out) == (0, True)


def test_the_documentation_shows_the_sample() -> None:
    assert f"```yaml\n{(SAMPLE / TESTS).read_text()}```" in (DOCS / "command-line.md").read_text()


@pytest.mark.parametrize(
    ("asked", "instead"),
    [
        ("buildLevel: 3", "bildLevel: 3"),
        ('refs: ["refs/tags/v*"]', "refs: ['refs/**']"),
        ("maxLevel: 3", "maxLevel: 2"),
    ],
)
def test_the_sample_notices_a_changed_policy(run: Commands, tmp_path: Path, asked: str, instead: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(SAMPLE, copy)
    policies = copy / "policies.yaml"
    policies.write_text(policies.read_text().replace(asked, instead))
    assert run("test", copy).code == 1
