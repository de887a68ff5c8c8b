"""The real `navicert serve` as a child process, with a certificate of a throw-away authority, at ports it picks."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, Self

from tests.support.pki import Authority, Identity
from tests.support.processes import Process

ADDRESS = "127.0.0.1"
REQUEST_SECONDS = 90.0


class Issuer(Protocol):
    """Where a replica's certificate comes from: an authority, or a Secret that somebody else fills."""

    @property
    def certificate(self) -> bytes:
        """Who vouches for it, PEM."""

    def server(self, *names: str) -> Identity:
        """The certificate to serve now."""


class Webhook:
    """A running webhook. `arguments` say where its policies come from; the rest is set up here."""

    def __init__(self, folder: Path, *arguments: str | Path, authority: Issuer | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.authority: Issuer = authority or Authority("test webhook")
        self.folder = folder
        self.ca = self.authority.certificate
        certificate, key = self.authority.server(ADDRESS).write(folder, "webhook")
        self.tls = ssl.create_default_context(cadata=self.ca.decode())
        command = [
            *(sys.executable, "-m", "controller.cli.main", "serve"),
            *("--tls-cert", certificate, "--tls-key", key),
            *("--listen", f"{ADDRESS}:0", "--status-listen", f"{ADDRESS}:0"),
            *arguments,
        ]
        self.process = Process(command, log=folder / "webhook.log", cwd=Path(__file__).resolve().parents[2])
        self.process.wait_ready(lambda: {"admission", "status"} <= self._addresses().keys())
        self.admission, self.status = (self._addresses()[name] for name in ("admission", "status"))

    @property
    def url(self) -> str:
        """Where the API server posts reviews."""
        return f"https://{self.admission}/validate"

    def wait_synced(self) -> None:
        """Returns once /readyz is 200. Raises ProcessFailed with the log when that takes too long."""
        self.process.wait_ready(lambda: self.ask_status("/readyz")[0] == 200)

    def ask(
        self, method: str, path: str, body: bytes | None = None, *, tls: ssl.SSLContext | None = None
    ) -> tuple[int, bytes]:
        """One request at the admission port, on a connection of its own; as somebody else with another context."""
        context = tls or self.tls
        return _ask(
            http.client.HTTPSConnection(self.admission, context=context, timeout=REQUEST_SECONDS), method, path, body
        )

    def stranger(self) -> ssl.SSLContext:
        """The context of a client that trusts this webhook, and shows nothing."""
        return ssl.create_default_context(cadata=self.ca.decode())

    def rotate(self, *, key_of_another: bool = False) -> None:
        """Puts a new certificate of the same authority on disk, with its key or with one that does not fit."""
        fresh = self.authority.server(ADDRESS)
        key = self.authority.server(ADDRESS).key if key_of_another else fresh.key
        Identity(certificate=fresh.certificate, key=key).write(self.folder, "webhook")

    def ask_status(self, path: str, method: str = "GET") -> tuple[int, bytes]:
        """One request at the status port."""
        return _ask(http.client.HTTPConnection(self.status, timeout=REQUEST_SECONDS), method, path, None)

    def lines(self) -> Iterator[dict[str, Any]]:
        """The JSON lines of the log so far."""
        for line in self.process.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                yield json.loads(line)

    def reviews(self, endpoint: str = "validate") -> list[dict[str, Any]]:
        """The decision lines of this endpoint so far."""
        lines = (line["review"] for line in self.lines() if "review" in line)
        return [line for line in lines if line["endpoint"] == endpoint]

    def metric(self, series: str) -> float:
        """The value of a series, as it is written; 0 before there is one."""
        exposed = self.ask_status("/metrics")[1].decode().splitlines()
        return next((float(line.rpartition(" ")[2]) for line in exposed if line.startswith(f"{series} ")), 0.0)

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _addresses(self) -> dict[str, str]:
        return {line["serves"]: line["address"] for line in self.lines() if line.get("message") == "listening"}


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
