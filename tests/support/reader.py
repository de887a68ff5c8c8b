"""Somebody who reads the pages, with a clone, helm and kubectl: pastes what they say, with what is his filled in."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import yaml

from tests.support.pages import Block
from tests.support.tools import Kubectl, binary

ROOT = Path(__file__).resolve().parents[2]
PASTE_SECONDS = 360.0


class Reader:
    """`instead` is what he writes for what the pages leave to him; without `jobs` helm is told not to wait for any."""

    def __init__(self, folder: Path, kubectl: Kubectl, *, instead: Mapping[str, str], jobs: bool) -> None:
        (folder / "charts").symlink_to(ROOT / "charts")
        programs = folder / "programs"
        programs.mkdir()
        hooks = "" if jobs else 'case $1 in install|upgrade|rollback|uninstall) set -- "$@" --no-hooks;; esac\n'
        (programs / "helm").write_text(f'#!/bin/sh\n{hooks}exec {binary("helm")} "$@"\n')
        (programs / "helm").chmod(0o755)
        self._folder, self._instead = folder, instead
        self._env = kubectl.env | {"PATH": f"{programs}:{kubectl.env['PATH']}"}

    def paste(self, text: str) -> subprocess.CompletedProcess[str]:
        """Runs it in a shell of its own that stops at the first command that fails."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self._filled_in(text)],
            cwd=self._folder,
            env=self._env,
            capture_output=True,
            text=True,
            check=False,
            timeout=PASTE_SECONDS,
        )

    def follow(self, block: Block) -> str:
        """Does what the block says, which has to work; or writes what it shows into the file the next one names."""
        if block.language == "yaml":
            name = yaml.safe_load(block.text)["metadata"]["name"]
            (self._folder / f"{name}.yaml").write_text(self._filled_in(block.text))
            return ""
        done = self.paste(block.text)
        assert done.returncode == 0, f"{block.where}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _filled_in(self, text: str) -> str:
        for said, instead in self._instead.items():
            text = text.replace(said, instead)
        return text
