"""The five-minute path of the README, every block as it is pasted, with the real cosign and a real registry."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.pages import Block, blocks
from tests.support.processes import Process, free_port
from tests.support.registries import Pushed, Registry
from tests.support.tools import binary

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
HOST, REPOSITORY = "registry.example", "acme/shop"
KEY = re.compile(r" {6}-----BEGIN PUBLIC KEY-----\n.*?-----END PUBLIC KEY-----\n", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Clone:
    """A folder that looks like a clone after `make demo`, and a shell in it; `names` are put in place of the page's."""

    folder: Path
    names: dict[str, str]

    def fit(self, text: str) -> str:
        for name, instead in self.names.items():
            text = text.replace(name, instead)
        return text

    def env(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        own = {"HOME": str(self.folder), "DOCKER_CONFIG": str(self.folder), "COSIGN_PASSWORD": "test"}
        return {"PATH": path, "PYTHONPATH": str(ROOT), **own}

    def shell(self, text: str) -> list[str]:
        return ["bash", "-euo", "pipefail", "-c", f"cd {self.folder}\n{self.fit(text)}"]

    def paste(self, text: str) -> str:
        done = subprocess.run(
            self.shell(text), env=self.env(), capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def steps() -> Iterator[Block]:
    """The blocks between the two headings, in order."""
    lines = README.read_text().splitlines()
    start, end = (lines.index(f"## {name}") for name in ("Five minutes to the first policy", "Command line"))
    return (block for block in blocks() if block.page == README and start < block.line < end)


def ask(clone: Clone, text: str, image: Pushed) -> dict[str, Any]:
    about = f"{clone.names[HOST]}/{REPOSITORY}@sha256:..."
    response: dict[str, Any] = json.loads(clone.paste(clone.fit(text).replace(about, image.reference)))["response"]
    return response


@pytest.mark.registry
def test_every_block_pasted_admits_the_attested_image_and_refuses_another(
    referrers_registry: Registry, tmp_path: Path
) -> None:
    attested = referrers_registry.push_image(REPOSITORY, content=b"attested")
    other = referrers_registry.push_image(REPOSITORY, content=b"other")
    ports = {f"127.0.0.1:{port}": f"127.0.0.1:{free_port()}" for port in (8443, 8080)}
    clone = Clone(
        folder=tmp_path, names={f"{HOST}:5000": referrers_registry.host, HOST: referrers_registry.host} | ports
    )
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "cosign").symlink_to(binary("cosign"))
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    (tmp_path / "policies").mkdir()

    attesting, policy, serving, registries, asking, installing = steps()
    clone.paste(attesting.text.replace("sha256:...", attested.digest))
    pem = "".join(f"      {line}\n" for line in (tmp_path / "cosign.pub").read_text().splitlines())
    (tmp_path / "policies" / "first.yaml").write_text(clone.fit(KEY.sub(pem, policy.text)))
    (tmp_path / "registries.yaml").write_text(clone.fit(registries.text))
    assert yaml.safe_load(clone.fit(registries.text))["registries"][0]["host"] == referrers_registry.host
    assert installing.mark == "install"  # tests/e2e/test_quick_start.py pastes it
    started = serving.text.rstrip() + " --registries registries.yaml"
    with Process(clone.shell(started), log=tmp_path / "serve.log", env=clone.env()) as webhook:
        webhook.wait_ready(lambda: '"serves":"admission"' in webhook.output())
        assert ask(clone, asking.text, attested)["allowed"] is True
        refused = ask(clone, asking.text, other)
    assert refused["allowed"] is False
    assert "NoProvenance" in refused["status"]["message"]
