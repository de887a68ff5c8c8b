"""Builds the programs the tests run against from pinned Go modules, once per user.

    python3 tests/tools/build.py [--only NAME]... [--list]

Each tool lands in ``${XDG_CACHE_HOME:-~/.cache}/navicert/tools/<name>-<key>/``, where the key covers everything that
decides the bytes: module files, sources, Go version, link flags. A folder that exists is complete: it is renamed into
place, under a lock. Standard library only, so that it runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
HEARTBEAT_SECONDS = 15.0
LOG_TAIL_LINES = 30
STRIP = "-s -w"
# Without it the server calls itself v0.0.0-master+$Format:%H$, which clients that parse the version refuse.
KUBERNETES_VERSION = " ".join(
    f"-X k8s.io/component-base/version.{field}={value}"
    for field, value in (("gitVersion", "v1.36.3"), ("gitMajor", "1"), ("gitMinor", "36"))
)


@dataclass(frozen=True)
class Tool:
    """One program: its module folder below tests/tools, the Go package of its main, and how it is linked."""

    name: str
    module: str
    package: str
    ldflags: str = STRIP
    from_assets: bool = False
    e2e: bool = False

    @property
    def folder(self) -> Path:
        return HERE / self.module


TOOLS = {
    tool.name: tool
    for tool in (
        Tool("registry", "registry", "."),
        Tool("etcd", "etcd", "go.etcd.io/etcd/server/v3", from_assets=True),
        Tool(
            "kube-apiserver",
            "kubernetes",
            "k8s.io/kubernetes/cmd/kube-apiserver",
            ldflags=f"{STRIP} {KUBERNETES_VERSION}",
            from_assets=True,
        ),
        Tool(
            "kubectl",
            "kubectl",
            "k8s.io/kubernetes/cmd/kubectl",
            ldflags=f"{STRIP} {KUBERNETES_VERSION}",
            from_assets=True,
        ),
        Tool("distribution", "distribution", "github.com/distribution/distribution/v3/cmd/registry"),
        Tool("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
        Tool("cosign", "cosign", "github.com/sigstore/cosign/v3/cmd/cosign"),
        Tool("cosign2", "cosign2", "github.com/sigstore/cosign/v2/cmd/cosign"),
        Tool("oras", "oras", "oras.land/oras/cmd/oras"),
        # The private Sigstore: newer releases of rekor-tiles and the timestamp authority want a newer Go.
        Tool("fulcio", "fulcio", "github.com/sigstore/fulcio"),
        Tool("rekor-tiles", "rekor-tiles", "github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix"),
        Tool(
            "timestamp-authority",
            "timestamp-authority",
            "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server",
        ),
        Tool("trillmem", "trillmem", "."),
        Tool("ctfe", "ctfe", "github.com/google/certificate-transparency-go/trillian/ctfe/ct_server"),
        Tool("rekor", "rekor", "github.com/sigstore/rekor/cmd/rekor-server"),
        # What makes a control plane a node that runs pods. All but the controllers are for `make e2e` and `make bench`.
        *(
            Tool(name, "node", f"k8s.io/kubernetes/cmd/{name}", ldflags=f"{STRIP} {KUBERNETES_VERSION}", e2e=e2e)
            for name, e2e in (("kube-controller-manager", False), ("kube-scheduler", True), ("kubelet", True))
        ),
        # A node that is none: it says of every pod that it runs. For `make bench` alone.
        Tool("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", e2e=True),
    )
}


class BuildError(Exception):
    """A tool could not be built; the message says why."""


def say(message: str) -> None:
    print(f"tools: {message}", file=sys.stderr, flush=True)


def cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "navicert" / "tools"


def go_environment() -> dict[str, str]:
    pinned = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    return {**os.environ, **pinned}


def go_version(go: str) -> str | None:
    """Returns for example ``go1.26.6 linux/amd64``, or None where there is no such program."""
    try:
        answer = subprocess.run([go, "version"], env=go_environment(), capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip().removeprefix("go version ")


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.partition(" ")[0])))


def required_go() -> tuple[int, ...]:
    directives = (re.search(r"^go (\S+)$", path.read_text(), re.MULTILINE) for path in HERE.glob("*/go.mod"))
    return max(numbers(found[1]) for found in directives if found)


def bundled_go() -> Path | None:
    return next(ROOT.glob(".venv/lib/python3*/site-packages/go/bin/go"), None)


def install_bundled_go() -> Path:
    """Installs the Go toolchain that uv.lock pins into .venv, held to its hash."""
    say("no suitable Go on PATH: installing the locked one into .venv")
    try:
        subprocess.run([HERE / "bootstrap.sh", "--group", "toolchain"], stdout=sys.stderr, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BuildError(f"no Go on PATH, and the locked one cannot be installed: {error}") from error
    if found := bundled_go():
        return found
    raise BuildError("the locked toolchain was installed but holds no go command")


@cache
def go() -> tuple[str, str]:
    """Returns the Go command to use and its version."""
    for candidate in (shutil.which("go"), bundled_go()):
        version = candidate and go_version(str(candidate))
        if version and numbers(version) >= required_go():
            return str(candidate), version
    installed = str(install_bundled_go())
    version = go_version(installed)
    if version is None:
        raise BuildError(f"{installed} does not run on this machine")
    return installed, version


def key(tool: Tool) -> str:
    digest = hashlib.sha256()
    sources = [tool.folder / "go.mod", tool.folder / "go.sum", *sorted(tool.folder.glob("*.go"))]
    for part in (
        *(path.read_bytes() for path in sources),
        go()[1].encode(),
        tool.package.encode(),
        tool.ldflags.encode(),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def location(name: str) -> Path:
    """Returns where the tool's binary is or will be: from KUBEBUILDER_ASSETS where that has it, else the cache."""
    tool = TOOLS[name]
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and tool.from_assets and os.access(Path(assets) / name, os.X_OK):
        return Path(assets) / name
    return cache_folder() / f"{name}-{key(tool)}" / name


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{path.stem}: another build of it is running, waiting")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def compile_tool(tool: Tool, binary: Path) -> None:
    command = [go()[0], "build", "-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", tool.ldflags]
    started = beat = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [*command, "-o", binary, tool.package], cwd=tool.folder, env=go_environment(), stdout=log, stderr=log
        )
        try:
            while process.poll() is None:
                time.sleep(0.1)
                if time.monotonic() - beat >= HEARTBEAT_SECONDS:
                    beat = time.monotonic()
                    say(f"{tool.name}: building, {beat - started:.0f} s")
        finally:
            process.kill()
        if process.wait() != 0:
            log.seek(0)
            tail = "".join(log.readlines()[-LOG_TAIL_LINES:])
            raise BuildError(f"{tool.name}: go build failed after {time.monotonic() - started:.0f} s\n{tail}")


def build(name: str) -> Path:
    """Returns the tool's binary, built if it is not there. Raises BuildError."""
    binary = location(name)
    if binary.exists():
        return binary
    with locked(cache_folder() / f"{name}.lock"):
        if binary.exists():
            return binary
        say(f"{name}: building with {go()[1]}")
        started = time.monotonic()
        with tempfile.TemporaryDirectory(dir=cache_folder(), prefix=f".{name}-") as scratch:
            complete = Path(scratch) / "complete"
            compile_tool(TOOLS[name], complete / name)
            complete.rename(binary.parent)
        say(f"{name}: built in {time.monotonic() - started:.1f} s ({binary.stat().st_size / 1e6:.0f} MB)")
    return binary


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="build.py", description="Build the programs the tests run against.")
    parser.add_argument("--only", action="append", choices=TOOLS, metavar="NAME", help="this tool (repeatable)")
    parser.add_argument("--e2e", action="store_true", help="with those that `make test` does not need")
    parser.add_argument("--list", action="store_true", help="print each tool and where it is, build nothing")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    names = options.only or [name for name, tool in TOOLS.items() if options.e2e or not tool.e2e]
    started = time.monotonic()
    try:
        for name in names:
            if options.list:
                path = location(name)
                print(f"{name:20}{'ready  ' if path.exists() else 'missing'}  {path}")
            else:
                build(name)
    except BuildError as error:
        say(str(error))
        return 1
    if not options.list:
        say(f"{len(names)} ready in {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
