"""Navicert's own image where there is no container engine: the Containerfile's steps, over a base that stands in.

What the build stage runs is run here; the base is made of Debian's packages, with what the Containerfile's base has:
the interpreter, the libraries it loads, a user, no shell. Both are kept in the user's cache until what they are made of
changes.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support.ociimage import Image, build_image
from tests.tools.build import ROOT, cache_folder, locked

NAME = "navicert.test/navicert:e2e"
ASSEMBLE, BASE = ROOT / "image" / "assemble.sh", ROOT / "tests" / "e2e" / "base.sh"
CONTAINERFILE = ROOT / "Containerfile"
STEPS = ("image/assemble.sh", "pyproject.toml", "uv.lock", "tests/tools/bootstrap-requirements.txt")
PARTS = {"packages": STEPS, "navicert": (*STEPS, "controller", "LICENSE", "README.md")}


def product_image() -> Image:
    """The base and what each COPY of the Containerfile adds to /app; user, environment and entry point as it says."""
    said = _instructions()
    return build_image(
        roots(),
        architecture=platform.machine(),
        entrypoint=json.loads(said["ENTRYPOINT"]),
        user=said["USER"],
        env=shlex.split(said["ENV"]),
        workdir=said["WORKDIR"],
    )


def roots() -> list[Path]:
    """The folders that are the image's layers, lowest first."""
    base = _kept("base", BASE.read_bytes(), [BASE], cache_folder().parent / "packages")
    python = ["env", f"PYTHON={sys.executable}"]
    parts = [_kept(part, _hash(sources), [*python, ASSEMBLE, part], below="app") for part, sources in PARTS.items()]
    return [base, *parts]


def _hash(sources: Sequence[str]) -> bytes:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(path for name in sources for path in _files(ROOT / name)):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.digest()


def _kept(name: str, made_of: bytes, command: Sequence[str | Path], *arguments: Path, below: str = "") -> Path:
    folder = cache_folder().parent / "image" / f"{name}-{hashlib.sha256(made_of).hexdigest()[:16]}"
    with locked(folder.parent / f"{name}.lock"):
        if not folder.exists():
            with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as scratch:
                made = Path(scratch) / "root"
                (made / below).mkdir(parents=True)
                subprocess.run([*command, made / below, *arguments], check=True, stdout=sys.stderr)
                for older in folder.parent.glob(f"{name}-*"):  # at once: half a folder would pass for a whole one
                    older.rename(Path(scratch) / older.name)
                made.rename(folder)
    return folder


def _files(path: Path) -> list[Path]:
    found = path.rglob("*") if path.is_dir() else [path]
    return [one for one in found if one.is_file() and "__pycache__" not in one.parts]


def _instructions() -> dict[str, str]:
    """The last of each instruction, which is the last stage's."""
    lines = re.findall(r"^([A-Z]+) (.+)$", CONTAINERFILE.read_text(), re.MULTILINE)
    return dict(lines)
