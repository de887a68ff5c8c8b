"""What small servers of tests answer by."""

from __future__ import annotations

import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler


class Answering(BaseHTTPRequestHandler):
    """Reads and answers JSON, and says nothing about it."""

    def asked(self) -> dict[str, object]:
        """The document that was posted."""
        document: dict[str, object] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return document

    def tell(self, body: bytes, *, status: int = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
        """Say nothing."""
