"""A real node: kubelet, containerd, runc and a control plane, in namespaces of its own, where pods really run.

Everything it is made of ends with one process, whose death the kernel turns into everybody's. It has a network of its
own: whoever talks to it enters that network first, and then uses ordinary addresses and ports.

There is no kube-proxy and no DNS: the API server reaches Services by their endpoints, and pods reach the API server,
the node's address and each other.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Self

from tests.support import pki
from tests.support.controlplane import Client, Credentials
from tests.support.ociimage import Image, build_image
from tests.support.processes import Process, wait_until
from tests.support.tools import binary

ADDRESS, SERVICE_ADDRESS = "10.99.0.1", "10.96.0.1"
SERVICES, PODS = "10.96.0.0/16", "10.244.0.0/24"
SERVER = f"https://{ADDRESS}:443"
PAUSE = "navicert.test/pause:1"
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")
MACHINE_PROGRAMS = ("unshare", "nsenter", "ip", "mount", "containerd", "ctr", "runc", "gcc", "apt-get", "dpkg-deb")
ISOLATED = ("unshare", "--net", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
FIRST_PROCESS = Path(__file__).resolve().parents[1] / "e2e" / "node.sh"
PLUGINS = Path("/usr/lib/cni")
CGROUPS = Path("/sys/fs/cgroup")
PAUSE_SOURCE = """
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void end(int number) { _exit(0); }
static void reap(int number) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) { signal(SIGINT, end); signal(SIGTERM, end); signal(SIGCHLD, reap); for (;;) pause(); }
"""
_CLONE_NEWNET = 0x40000000


def missing() -> list[str]:
    """What this machine lacks for a node, in words; empty where one can run."""
    lacks = [] if platform.system() == "Linux" else ["it is no Linux"]
    lacks += [] if os.geteuid() == 0 else ["this is not root"]
    lacks += [f"there is no {name}" for name in MACHINE_PROGRAMS if not shutil.which(name)]
    lacks += [] if (PLUGINS / "bridge").exists() else [f"there are no network plugins in {PLUGINS}"]
    lacks += [] if (CGROUPS / "memory").exists() else ["its cgroups are not of version 1"]
    return lacks or _forbidden()


def _forbidden() -> list[str]:
    """What the kernel says to a node's mounts, network and cgroups: root in a container may have none of them."""
    with tempfile.TemporaryDirectory(prefix="node-") as folder:
        cgroup = f"navicert-{Path(folder).name}"
        tried = subprocess.run(
            [*ISOLATED, FIRST_PROCESS, "try"],
            env=_settings(Path(folder), cgroup),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    _remove(cgroup)
    return [] if tried.returncode == 0 else [f"a node's own mounts and network are forbidden: {tried.stderr.strip()}"]


def pause_image(folder: Path, *, named: str = "pause") -> Image:
    """An image of one static program that waits, and reaps; another name makes it another image."""
    (folder / "pause").mkdir(parents=True)
    (folder / "pause.c").write_text(PAUSE_SOURCE)
    source, program = str(folder / "pause.c"), str(folder / "pause" / "pause")
    subprocess.run(["gcc", "-Os", "-static", "-s", "-o", program, source], check=True)
    return build_image(
        [folder / "pause"],
        architecture=platform.machine(),
        entrypoint=["/pause"],
        user="65535:65535",
        env=[f"NAME={named}"],
    )


class Node:
    """A running node; its state is a short-named folder of its own, because sockets live there."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="node-", dir="/tmp"))
        self._cgroup = f"navicert-{self.folder.name}"
        (self.folder / "logs").mkdir()
        (self.folder / "registries").mkdir()
        self._pause = pause_image(self.folder / "pause")
        self._admin = self._make_credentials()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    def client(self) -> Client:
        """A client with every permission, for use inside."""
        return Client(self._admin)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """This thread, and every process it starts meanwhile, is in the node's network and in no other."""
        with Path("/proc/thread-self/ns/net").open() as outside, Path(f"/proc/{self._init}/ns/net").open() as inside:
            _set_network(inside.fileno())
            try:
                yield
            finally:
                _set_network(outside.fileno())

    def load(self, image: Image, name: str) -> None:
        """Has containerd know the image by this name, as if it had pulled it."""
        archive = image.archive(name, self.folder / "image.tar")
        self.ctr("images", "import", str(archive))
        archive.unlink()

    def ctr(self, *arguments: str) -> str:
        command = ["ctr", "--address", str(self.folder / "containerd.sock"), "--namespace", "k8s.io", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def trust_plain(self, host: str) -> None:
        """Containerd pulls from this registry without TLS."""
        folder = self.folder / "registries" / host
        folder.mkdir(parents=True)
        (folder / "hosts.toml").write_text(
            f'server = "http://{host}"\n[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n'
        )

    def asked(self) -> list[dict[str, Any]]:
        """What ServiceAccounts of Navicert's namespace asked the API server for, as its audit log has it."""
        lines = (self.folder / "logs" / "audit.log").read_text().splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]

    def restart(self) -> None:
        """As after a power failure: everything is gone at once but what is on disk. Called inside, it returns inside;
        what else ran in the network is cut off from it."""
        self._end()
        (self.folder / "ready").unlink()
        for left in self.folder.glob("containerd.sock*"):
            left.unlink()
        self._start()
        with Path(f"/proc/{self._init}/ns/net").open() as inside:
            _set_network(inside.fileno())

    def stop(self) -> None:
        """Ends everything and leaves nothing: no process, mount, interface, cgroup, file."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self) -> None:
        self._process.stop()
        _remove(self._cgroup)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_credentials(self) -> Credentials:
        folder = self.folder / "pki"
        folder.mkdir()
        authority = pki.Authority("node")
        (folder / "ca.crt").write_bytes(authority.certificate)
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1")
        authority.server(ADDRESS, SERVICE_ADDRESS, *names).write(folder, "apiserver")
        key = pki.new_key()
        (folder / "accounts.pub").write_bytes(pki.public_pem(key))
        (folder / "accounts.key").write_bytes(pki.private_pem(key))
        for name, subject in (
            ("admin", ("admin", "system:masters")),
            ("controller-manager", ("system:kube-controller-manager",)),
            ("scheduler", ("system:kube-scheduler",)),
            ("kubelet", ("system:node:node", "system:nodes")),
        ):
            pair = authority.client(*subject).write(folder, name)
            credentials = Credentials(server=SERVER, ca_file=folder / "ca.crt", certificate=pair)
            (self.folder / f"{name}.kubeconfig").write_text(credentials.kubeconfig())
        return Credentials(
            server=SERVER, ca_file=folder / "ca.crt", certificate=(folder / "admin.crt", folder / "admin.key")
        )

    def _start(self) -> None:
        programs = self.folder / "bin"
        programs.mkdir(exist_ok=True)
        for name in PROGRAMS:
            if not (programs / name).exists():
                (programs / name).symlink_to(binary(name))
        command: Sequence[str | Path] = [*ISOLATED, FIRST_PROCESS]
        settings = _settings(self.folder, self._cgroup)
        self._process = Process(command, log=self.folder / "logs" / "init.log", env=settings)
        self._process.wait_ready((self.folder / "containerd.sock").exists)
        self._init = int(Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()[0])
        with self.entered():
            self._process.wait_ready(self._answers)
            (self.folder / "ready").touch()
            self.load(self._pause, PAUSE)
            self._process.wait_ready(self._has_node)

    def _answers(self) -> bool:
        with suppress(OSError):
            return self.client().get("/readyz")[0] == 200
        return False

    def _has_node(self) -> bool:
        """The node is ready, and pods of the namespace `default` have who they are."""
        known, node = self.client().get("/api/v1/nodes/node")
        account, _ = self.client().get("/api/v1/namespaces/default/serviceaccounts/default")
        if (known, account) != (200, 200):
            return False
        return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])


def main() -> int:
    """Says what this machine lacks, and succeeds where that is nothing."""
    lacks = missing()
    sys.stdout.write("; ".join(lacks))
    return 1 if lacks else 0


def _settings(folder: Path, cgroup: str) -> dict[str, str]:
    """The environment of the first process."""
    return {
        "PATH": os.environ["PATH"],
        "ROOT": str(folder),
        "BIN": str(folder / "bin"),
        "CGROUP": cgroup,
        "NODE_IP": ADDRESS,
        "PAUSE": PAUSE,
        "SERVICE_IP": SERVICE_ADDRESS,
        "SERVICES": SERVICES,
        "PODS": PODS,
    }


def _remove(cgroup: str) -> None:
    for controller in CGROUPS.iterdir():
        if (controller / cgroup).is_dir():
            wait_until(partial(_removed, controller / cgroup))


def _set_network(descriptor: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _removed(folder: Path) -> bool:
    """Removes a tree of cgroups from its leaves up, as far as they are empty by now."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()
    return not folder.exists()


if __name__ == "__main__":
    sys.exit(main())
