"""A TUF repository of the library's own metadata, served over TLS on loopback, that can be broken in each way."""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from securesystemslib.signer._crypto_signer import CryptoSigner
from tuf.api._payload import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.metadata import Metadata

from tests.support.pki import Authority

TARGET = "trusted_root.json"
LIFETIME = timedelta(days=30)
_CHUNK = b"x" * 65536


class TufRepository:
    """A repository with one target. `publish` signs a new version of everything but the root."""

    def __init__(self, folder: Path, document: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._files: dict[str, bytes] = {}
        self._signers = {role: CryptoSigner.generate_ecdsa() for role in ("root", "timestamp", "snapshot", "targets")}
        self._version = 0
        self.down = self.endless = False
        self.asked: list[str] = []
        authority = Authority("tuf")
        self.authority = folder / "tuf-authority.crt"
        self.authority.write_bytes(authority.certificate)
        certificate, key = authority.server("127.0.0.1").write(folder, "tuf")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.root = self._sign(Metadata(self._root()), "root").decode()
        self.publish(document)

    def publish(self, document: bytes, *, version: int | None = None, expires: datetime | None = None) -> None:
        """The target in a new version of targets, snapshot and timestamp; by default the next, and not expired."""
        self._version = version or self._version + 1
        until = expires or datetime.now(UTC).replace(microsecond=0) + LIFETIME
        number = self._version
        file = TargetFile.from_data(TARGET, document, ["sha256"])
        targets = self._sign(Metadata(Targets(version=number, expires=until, targets={TARGET: file})), "targets")
        snapshot = self._sign(
            Metadata(Snapshot(version=number, expires=until, meta={"targets.json": MetaFile(number, len(targets))})),
            "snapshot",
        )
        timestamp = Timestamp(version=number, expires=until, snapshot_meta=MetaFile(number, len(snapshot)))
        self._files |= {
            f"/{number}.targets.json": targets,
            f"/{number}.snapshot.json": snapshot,
            "/timestamp.json": self._sign(Metadata(timestamp), "timestamp"),
            f"/targets/{hashlib.sha256(document).hexdigest()}.{TARGET}": document,
        }

    def tamper(self, document: bytes) -> None:
        """Other bytes for every target, under the names of the true ones."""
        self._files |= {path: document for path in self._files if path.startswith("/targets/")}

    def spec(self) -> dict[str, object]:
        """The spec of a TrustRoot that is refreshed from here."""
        return {"sigstore": {"tuf": {"url": self.url, "root": self.root, "target": TARGET}}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _root(self) -> Root:
        root = Root(version=1, expires=datetime.now(UTC).replace(microsecond=0) + LIFETIME, consistent_snapshot=True)
        for role, signer in self._signers.items():
            root.add_key(signer.public_key, role)
        return root

    def _sign(self, document: Metadata[Any], role: str) -> bytes:
        document.sign(self._signers[role])
        return document.to_bytes()

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        repository = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                repository.asked.append(self.path)
                content = repository._files.get(self.path)
                if repository.down:
                    self.send_error(HTTPStatus.SERVICE_UNAVAILABLE)
                elif content is None:
                    self.send_error(HTTPStatus.NOT_FOUND)
                elif repository.endless:
                    self._drip(lambda: repository.endless)
                else:
                    self.send_response(HTTPStatus.OK)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)

            def _drip(self, on: Callable[[], bool]) -> None:
                self.send_response(HTTPStatus.OK)
                self.end_headers()
                try:
                    while on():
                        self.wfile.write(_CHUNK)
                except OSError:
                    return  # the client has had enough

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
                """Say nothing."""

        return Answering
