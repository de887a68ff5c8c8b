"""Resolves pyproject.toml into uv.lock, and takes the addresses out of it.

    .venv/bin/python tests/tools/lock.py [uv lock options, such as --upgrade]

What the lock has to say is names, versions and hashes: set-up exports exactly those and installs from whatever index
the machine is configured for. Addresses would only record which mirror this machine happened to use.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
INDEX = re.compile(r'(registry = )"[a-z]+://[^"]*"')
FILE = re.compile(r'(url = )"[a-z]+://[^/"]+')


def neutralise(lock: str) -> str:
    """Replaces the index, and scheme and host of every file, by names that resolve nowhere (RFC 2606)."""
    without_index = INDEX.sub(r'\1"https://index.invalid/simple"', lock)
    return FILE.sub(r'\1"https://files.invalid', without_index)


def main(arguments: list[str]) -> int:
    resolved = subprocess.run([ROOT / ".venv/bin/uv", "lock", *arguments], cwd=ROOT, check=False)
    path = ROOT / "uv.lock"
    path.write_text(neutralise(path.read_text()))
    return resolved.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
