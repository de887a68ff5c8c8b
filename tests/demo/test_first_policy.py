"""The five-minute path of the README, walked with the real cosign and a real registry."""

import json
import re
import ssl
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controller.demo.certificates import issue_server_identity
from controller.demo.folder import DemoFolder
from tests.support.processes import Process, wait_until
from tests.support.registries import Cosign, Pushed, Registry

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
HOST, REPOSITORY = "registry.example", "acme/shop"


def document(name: str) -> str:
    """What the README says to write into the file of this name."""
    return README.partition(f"cat > {name} <<'END'\n")[2].partition("END\n")[0]


def policy(registry: Registry, cosign: Cosign) -> str:
    text = README.partition("<!-- policy:")[2].partition("```yaml\n")[2].partition("```")[0]
    pem = "".join(f"      {line}\n" for line in cosign.public_key.read_text().splitlines())
    filled = re.sub(r" {6}-----BEGIN PUBLIC KEY-----\n.*?-----END PUBLIC KEY-----\n", pem, text, flags=re.DOTALL)
    return filled.replace(HOST, registry.host)


def ask(folder: DemoFolder, address: str, image: Pushed) -> dict[str, Any]:
    review = document("review.json").replace(f"{HOST}/{REPOSITORY}@sha256:...", image.reference)
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"https://{address}/validate?timeout=10s", data=review.encode(), headers=headers)
    trust = ssl.create_default_context(cafile=folder.authority)
    with urllib.request.urlopen(request, context=trust, timeout=20) as answer:
        response: dict[str, Any] = json.load(answer)["response"]
    return response


@pytest.mark.registry
def test_first_policy_admits_the_attested_image_and_refuses_another(
    referrers_registry: Registry, cosign: Cosign, tmp_path: Path
) -> None:
    attested = referrers_registry.push_image(REPOSITORY, content=b"attested")
    other = referrers_registry.push_image(REPOSITORY, content=b"other")
    cosign.attest(attested, json.loads(document("predicate.json")))
    folder = DemoFolder(tmp_path)
    folder.write_identity(issue_server_identity(datetime.now(UTC)))
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "first.yaml").write_text(policy(referrers_registry, cosign))
    entry = README.partition("```yaml\nregistries:\n")[2].partition("```")[0]
    folder.registries.write_text(f"registries:\n{entry}".replace(f"{HOST}:5000", referrers_registry.host))
    options = {
        "--policies": folder.policies,
        "--registries": folder.registries,
        "--tls-cert": folder.certificate,
        "--tls-key": folder.key,
        "--listen": "127.0.0.1:0",
        "--status-listen": "127.0.0.1:0",
    }
    arguments = [str(part) for option in options.items() for part in option]
    command = [sys.executable, "-m", "controller.cli.main", "serve", *arguments]
    with Process(command, log=folder.log) as webhook:
        bound = re.compile(r'"serves": ?"admission", ?"address": ?"([^"]+)"')
        wait_until(lambda: bound.search(webhook.output()) is not None)
        found = bound.search(webhook.output())
        assert found is not None
        assert ask(folder, found[1], attested)["allowed"] is True
        refused = ask(folder, found[1], other)
    assert refused["allowed"] is False
    assert "NoProvenance" in refused["status"]["message"]
