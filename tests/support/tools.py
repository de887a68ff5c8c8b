"""Where the tests find the programs that ``make tools`` built, and the real helm."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.tools import build, packages


def binary(name: str) -> Path:
    """Returns the program's path; skips the test where it is not built (with --no-skips that fails the run)."""
    try:
        path = build.location(name)
    except build.BuildError as error:
        pytest.skip(f"{name} cannot be built here: {error}")
    if not path.exists():
        pytest.skip(f"{name} is not built: run make tools")
    return path


def packaged(package: str, program: str) -> Path:
    """Returns the path of this program of the package; skips the test where the package is not unpacked."""
    path = packages.location(package, program)
    if not path.exists():
        pytest.skip(f"{package} is not there: run make tools")
    return path


def output(command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path | None = None) -> str:
    """Runs the program and returns its standard output. Raises CalledProcessError with standard error as its note."""
    try:
        return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, check=True).stdout
    except subprocess.CalledProcessError as error:
        error.add_note(error.stderr)
        raise


class Helm:
    """The real helm, against one cluster or none; its caches and settings live in the folder given."""

    def __init__(self, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = binary("helm")
        self._env = {
            "HOME": str(folder),
            "PATH": os.defpath,
            "KUBECONFIG": str(kubeconfig or os.devnull),
            "HELM_CACHE_HOME": str(folder / "cache"),
            "HELM_CONFIG_HOME": str(folder / "config"),
            "HELM_DATA_HOME": str(folder / "data"),
        }

    def run(self, *arguments: str | Path) -> str:
        """Returns standard output. Raises CalledProcessError, whose notes hold what helm said."""
        return output([self._program, *arguments], env=self._env)


class Kubectl:
    """The real kubectl, which finds Navicert's programs on its PATH as an installation puts them there."""

    def __init__(self, folder: Path, kubeconfig: Path | None = None) -> None:
        programs = folder / "programs"
        programs.mkdir()
        for name, place in tomllib.loads((build.ROOT / "pyproject.toml").read_text())["project"]["scripts"].items():
            module, _, function = place.partition(":")
            (programs / name).write_text(f"#!{sys.executable}\nfrom {module} import {function}\n{function}()\n")
            (programs / name).chmod(0o755)
        (programs / "kubectl").symlink_to(binary("kubectl"))
        self.env = {
            "HOME": str(folder),
            "PATH": f"{programs}:{os.defpath}",
            "PYTHONPATH": str(build.ROOT),
            "KUBECONFIG": str(kubeconfig or os.devnull),
        }

    def run(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """How it ended, and what it said."""
        command = [str(binary("kubectl")), *map(str, arguments)]
        return subprocess.run(command, env=self.env, capture_output=True, text=True, check=False, timeout=300)
