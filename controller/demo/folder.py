"""The folder a run works in: policies filled in, the registries file, certificates, reviews, the webhook's log."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.demo.certificates import ServerIdentity
from controller.demo.signing import SampleKey

SAMPLE_REGISTRY = "registry.example"
SAMPLE_MIRROR = "mirror.example"
_BLANK = re.compile(r"^(?P<indent> *)FILL-IN-THE-KEY-OF-(?P<name>[a-z-]+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """Where everything lies. Nothing here is made before its `write_` method is called; all raise OSError."""

    root: Path

    @property
    def policies(self) -> Path:
        """The policies as `navicert serve --policies` reads them."""
        return self.root / "policies"

    @property
    def registries(self) -> Path:
        """The file of `--registries`."""
        return self.root / "registries.yaml"

    @property
    def authority(self) -> Path:
        """The certificate authority to trust, PEM."""
        return self.root / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The webhook's certificate, PEM."""
        return self.root / "tls.pem"

    @property
    def key(self) -> Path:
        """The webhook's private key, PEM, readable by this user only."""
        return self.root / "tls.key"

    @property
    def log(self) -> Path:
        """What the webhook says while it runs."""
        return self.root / "webhook.log"

    def write_policies(self, keys: Mapping[str, SampleKey], *, registry: str, mirror: str) -> None:
        """The sample policies, with this run's keys and addresses in the places that are to be filled in."""
        self.policies.mkdir()
        for sample in sorted(shipped_policies().glob("*.yaml")):
            filled = _BLANK.sub(lambda blank: _key_lines(blank, keys), sample.read_text())
            filled = filled.replace(SAMPLE_REGISTRY, registry).replace(SAMPLE_MIRROR, mirror)
            (self.policies / sample.name).write_text(filled)
        entries = [{"host": host, "plainHTTP": True} for host in (registry, mirror)]
        self.registries.write_text(json.dumps({"registries": entries}, indent=1) + "\n")

    def write_identity(self, identity: ServerIdentity) -> None:
        """Certificates and key."""
        self.authority.write_bytes(identity.authority)
        self.certificate.write_bytes(identity.certificate)
        self.key.touch(mode=0o600)
        self.key.write_bytes(identity.key)

    def write_review(self, name: str, review: Mapping[str, Any]) -> Path:
        """A review, ready to be sent again by hand."""
        path = self.root / "reviews" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(review, indent=1) + "\n")
        return path


def shipped_policies() -> Path:
    """The folder of the sample policies that are shipped: to be filled in, and refusing until they are."""
    return Path(__file__).parent / "policies"


def _key_lines(blank: re.Match[str], keys: Mapping[str, SampleKey]) -> str:
    body = keys[blank["name"]].public_pem.splitlines()[1:-1]
    return "\n".join(blank["indent"] + line for line in body)
