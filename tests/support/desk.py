"""Somebody at a keyboard: a folder with policies that cosign's key meets, and the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster import NAMESPACE, policy, trust
from tests.support.commands import Commands, Ended
from tests.support.processes import heed_interrupts

Json = dict[str, Any]


class Desk:
    """A user's folder: policies that cosign's key meets, the setting of registries, and a home."""

    def __init__(self, path: Path, run: Commands, key: str) -> None:
        self.path, self.run = path, run
        documents = [*trust(key), policy()]
        documents[-1]["spec"]["match"]["images"] = ["*/verified/*"]
        (path / "policies.yaml").write_text(yaml.safe_dump_all(documents))

    def registries(self, *entries: Json) -> Path:
        file = self.path / "registries.yaml"
        file.write_text(yaml.safe_dump({"registries": list(entries)}))
        return file

    def arguments(self, *images: str, plain: bool = True) -> list[str]:
        hosts = dict.fromkeys(image.partition("/")[0] for image in images if not image.startswith("oci:"))
        setting = self.registries(*({"host": host, "plainHTTP": plain} for host in hosts))
        options = ["--policies", str(self.path / "policies.yaml"), "--namespace", NAMESPACE]
        return ["verify", *options, "--registries", str(setting), *images]

    def verify(self, *images: str) -> Ended:
        return self.run(*self.arguments(*images))

    def decision(self, image: str, *options: str) -> tuple[int, Json]:
        """The exit code, and the decision about this image as JSON."""
        ended = self.run(*self.arguments(image), *options, "--output", "json")
        return ended.code, json.loads(ended.out)

    def decision_on(self, layout: Path, image: str) -> tuple[int, Json]:
        """Likewise about this image, offline, when the layout stands for the image's repository."""
        name, _, digest = image.partition("@")
        return self.decision(f"oci:{layout}@{digest}", "--offline", "--as", name)

    def start(self, *images: str) -> subprocess.Popen[str]:
        """The command in a process of its own."""
        return self.spawn(*self.arguments(*images))

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Any command, likewise, with this folder for a home."""
        command = [sys.executable, "-m", "controller.cli.main", *arguments]
        variables = {name: value for name, value in os.environ.items() if name not in {"DOCKER_CONFIG", "KUBECONFIG"}}
        variables |= {"HOME": str(self.path), **environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            stdout=pipe,
            stderr=pipe,
            text=True,
            env=variables,
            preexec_fn=heed_interrupts,  # noqa: PLW1509 (this process has no threads of its own here)
        )

    def ended(self, *arguments: str, **environment: str) -> int:
        """The exit code of such a process."""
        with self.spawn(*arguments, **environment) as running:
            running.communicate(timeout=300)
        return running.returncode

    def answered(self, *images: str) -> Ended:
        """What such a process says of these images."""
        with self.start(*images) as running:
            out, err = running.communicate(timeout=300)
        return Ended(code=running.returncode, out=out, err=err)
