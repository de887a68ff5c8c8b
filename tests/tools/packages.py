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
    """A package of one release of Debian: its version, and the SHA-256 of the file for each architecture.

    `libraries` are the packages with what its programs are linked against, beside what every Debian has.
    """

    name: str
    version: str
    sha256: Mapping[str, str]
    libraries: tuple[str, ...] = ()


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
        # The package index gives no module of skopeo; what it is linked against a machine need not have.
        Package(
            name="skopeo",
            version="1.9.3+ds1-1+b10",
            sha256={"amd64": "5c1978f6a95577b143be772bbe50c247a28132a5cc961c74d4d2a6f2b1ab4f3d"},
            libraries=("libgpgme11", "libassuan0", "libdevmapper1.02.1"),
        ),
        Package(
            name="libgpgme11",
            version="1.18.0-3+deb12u1",
            sha256={"amd64": "a93427c0083c3b8dae9dbad875e78e0da6a8a51f7d191d4f5ad745717d1e19d3"},
        ),
        Package(
            name="libassuan0",
            version="2.5.5-5",
            sha256={"amd64": "5912430927da16ccc831459679207fdbb9dfc5a206f2bab8d6f36d5a1ab53e25"},
        ),
        Package(
            name="libdevmapper1.02.1",
            version="2:1.02.185-2",
            sha256={"amd64": "aaa78ca236055fedccf637eacf7bda02bf1980b2db668dccd202b04d0d2cfe04"},
        ),
    )
}


def root(name: str) -> Path:
    """The folder the package is or will be unpacked in."""
    package = PACKAGES[name]
    key = hashlib.sha256(f"{package.version} {sorted(package.sha256.items())}".encode()).hexdigest()[:16]
    return cache_folder() / f"{name}-{key}"


def location(name: str, program: str) -> Path:
    """Where this program of the package is or will be."""
    return root(name) / "usr" / "bin" / program


def library_path(name: str) -> str:
    """The folders of the libraries that this package's programs need, as LD_LIBRARY_PATH has them."""
    folders = (
        found for library in PACKAGES[name].libraries for found in sorted(root(library).glob("**/lib/*-linux-gnu"))
    )
    return ":".join(map(str, folders))


def unpack(name: str) -> Path:
    """Returns the folder the package lies in, fetched if it is not there. Raises BuildError."""
    folder = root(name)
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
        folder = root(name)
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
