"""Takes the programs that no Go module gives from Debian's packages, pinned by version and hash, once per user.

    python3 -m tests.tools.packages [--list]

Each package is unpacked, not installed, into ``${XDG_CACHE_HOME:-~/.cache}/navicert/tools/<name>-<key>/``: apt-get
fetches it from wherever this machine gets Debian's packages, and its hash must be the one written here. Standard
library only, as everything that runs before the tests.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.tools.build import BuildError, cache_folder, locked, say


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of one release of Debian: its version, and the SHA-256 of the file for each architecture."""

    name: str
    version: str
    sha256: Mapping[str, str]


PACKAGES = {
    package.name: package
    for package in (
        Package(
            name="prometheus",
            version="2.42.0+ds-5+deb12u1",
            sha256={"amd64": "81d59a24fce84f7fbe97a45a4f2914b6a5881b5cd1db2a6a0e129e515e1a5f55"},
        ),
        # Distribution of the generation before the referrers API, as clusters still run it.
        Package(
            name="docker-registry",
            version="2.8.2+ds1-1",
            sha256={"amd64": "a9bd06c0e006854608f8469b4371743f40604ad90975532bb3b7ceeb72fe2913"},
        ),
    )
}


def location(name: str, program: str) -> Path:
    """Where this program of the package is or will be."""
    package = PACKAGES[name]
    key = hashlib.sha256(f"{package.version} {sorted(package.sha256.items())}".encode()).hexdigest()[:16]
    return cache_folder() / f"{name}-{key}" / "usr" / "bin" / program


def unpack(name: str) -> Path:
    """Returns the folder the package lies in, fetched if it is not there. Raises BuildError."""
    folder = location(name, name).parents[2]
    if folder.exists():
        return folder
    with locked(cache_folder() / f"{name}.lock"):
        if folder.exists():
            return folder
        say(f"{name}: fetching {PACKAGES[name].version} from Debian")
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as scratch:
            complete = Path(scratch) / "complete"
            _run("dpkg-deb", "--extract", str(_fetched(PACKAGES[name], Path(scratch))), str(complete))
            complete.rename(folder)
    return folder


def _fetched(package: Package, scratch: Path) -> Path:
    """The package's file, with the hash it must have."""
    expected = package.sha256.get(_run("dpkg", "--print-architecture").strip())
    if expected is None:
        raise BuildError(f"{package.name}: no hash is pinned for this machine's architecture")
    wanted = f"{package.name}={package.version}"
    try:
        _run("apt-get", "download", wanted, cwd=scratch)
    except BuildError:
        lists = _fresh_lists(scratch)
        _run("apt-get", *lists, "download", wanted, cwd=scratch)
    (file,) = scratch.glob("*.deb")
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if found != expected:
        raise BuildError(f"{package.name}: the file has SHA-256 {found}, and not {expected}")
    return file


def _fresh_lists(scratch: Path) -> list[str]:
    """Options that give apt-get lists of its own: nobody has to be root, and nothing of the machine changes."""
    folders = {"Dir::State::Lists": scratch / "lists", "Dir::Cache": scratch / "cache"}
    for folder in folders.values():
        (folder / "partial").mkdir(parents=True)
    options = [part for name, folder in folders.items() for part in ("-o", f"{name}={folder}")]
    _run("apt-get", *options, "update", cwd=scratch)
    return options


def _run(program: str, *arguments: str, cwd: Path | None = None) -> str:
    if shutil.which(program) is None:
        raise BuildError(f"there is no {program}: the package can be had on Debian and its kin only")
    done = subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, check=False, env=os.environ)
    if done.returncode != 0:
        raise BuildError(f"{program} {arguments[0]}: {done.stderr.strip()[-600:]}")
    return done.stdout


def main(arguments: list[str]) -> int:
    for name in PACKAGES:
        folder = location(name, name).parents[2]
        if arguments == ["--list"]:
            print(f"{name:20}{'ready  ' if folder.exists() else 'missing'}  {folder}")
            continue
        try:
            unpack(name)
        except BuildError as error:
            say(str(error))
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
