"""The command line run in this process: exit code and both streams, as a shell would have them."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.cli.main import run as run_program


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Commands:
    """Runs `navicert`; whatever the user has in his home and environment does not count."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._home, self._monkeypatch, self._capsys = home, monkeypatch, capsys
        for name in ("DOCKER_CONFIG", "KUBECONFIG"):
            monkeypatch.delenv(name, raising=False)

    def __call__(self, *arguments: str | Path) -> Ended:
        with self._monkeypatch.context() as patch:
            patch.setenv("HOME", str(self._home))
            patch.setattr(sys, "argv", ["navicert", *map(str, arguments)])
            code = run_program("navicert")
        out, err = self._capsys.readouterr()
        assert "Traceback" not in err
        return Ended(code=code, out=out, err=err)
