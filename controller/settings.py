"""The settings of `navicert serve`. Flag, environment variable (NAVICERT_*) and chart value bear the same name."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Self

from controller.core.errors import MalformedDocument
from controller.core.policy import Uncovered
from controller.core.text import printable

MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: an IP address and a port, of which 0 is any free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `host:port`, an IPv6 address in brackets; raises MalformedDocument."""
        host, _, port = text.rpartition(":")
        try:
            parsed = ipaddress.ip_address(host[1:-1] if host.startswith("[") and host.endswith("]") else host)
        except ValueError as error:
            raise MalformedDocument(f"{printable(text)!r} is not an IP address and a port, as 0.0.0.0:8443") from error
        if not (port.isascii() and port.isdigit() and int(port) <= MAX_PORT):
            raise MalformedDocument(f"{printable(text)!r} has no port between 0 and {MAX_PORT}")
        return cls(str(parsed), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything `navicert serve` can be told.

    With `policies` nothing is read from a cluster; else the API server is that of `kubeconfig`, or of the pod's own
    cluster, and documents of trust roots are read in `namespace`, Navicert's own. With `client_ca` every client shows a
    certificate, with one of `client_names` in it where there are any. `drain_seconds` is how long serving goes on after
    SIGTERM. Without `registries` every registry is reached over TLS, without `credentials` anonymously; programs that
    the credentials name are run from `credential_programs` only. No SLSAException counts that reaches further than
    `exception_maximum` after its creation. With `pod_pull_secrets` an image is read by the Secrets that its workload is
    pulled with: for reviews of the API server alone, which shows a certificate.
    """

    tls_cert: Path
    tls_key: Path
    client_ca: Path | None
    client_names: frozenset[str]
    listen: Address
    status_listen: Address
    policies: Path | None
    namespace: str | None
    kubeconfig: Path | None
    uncovered: Uncovered
    registries: Path | None
    credentials: Path | None
    credential_programs: Path | None
    pod_pull_secrets: bool
    exception_maximum: timedelta
    drain_seconds: float
    log_level: str

    def __post_init__(self) -> None:
        if self.policies is not None and self.kubeconfig is not None:
            raise MalformedDocument("--policies and --kubeconfig exclude each other: policies come from one place")
        if self.client_names and self.client_ca is None:
            raise MalformedDocument("--client-names needs --client-ca: without it no client shows a certificate")
        if self.pod_pull_secrets and self.client_ca is None:
            raise MalformedDocument("--pod-pull-secrets needs --client-ca: else anybody could ask by others' Secrets")
        if self.pod_pull_secrets and self.policies is not None:
            raise MalformedDocument("--pod-pull-secrets needs a cluster, which --policies does without")
