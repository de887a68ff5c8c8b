"""`kubectl navicert`: what kubectl's shells are answered, and by what name the command goes."""

from __future__ import annotations

import sys

import pytest

from controller.cli.plugin import completions, main


@pytest.mark.parametrize(
    ("words", "offered", "directive"),
    [
        (["ver"], {"verify", "verify-bundle"}, ":4"),
        (["status", "--own"], {"--own-namespace"}, ":4"),
        (["verify", "--output", "y"], {"yaml"}, ":4"),
        (["lint", ""], set(), ":0"),
        (["scan", "--kubeconfig", ""], set(), ":0"),
        (["scan", "--credential-programs", ""], set(), ":16"),
        ([], {"status", "scan"}, ":4"),
    ],
)
def test_names_options_values_and_files_are_completed(words: list[str], offered: set[str], directive: str) -> None:
    *lines, last = completions(words)
    assert offered <= {line.partition("\t")[0] for line in lines}
    assert bool(lines) is bool(offered)
    assert last == directive


def test_help_and_mistakes_name_the_plugin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["--help"], 0), (["verify"], 2)):
        monkeypatch.setattr(sys, "argv", ["kubectl-navicert", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == code
        assert "Usage: kubectl navicert " in "".join(capsys.readouterr())
