"""TLS that changes its certificate while it serves: files are watched, and only a pair that holds is ever taken live.

A fresh context is built and tried first, and then handed to each new connection. A context that is in use is never
loaded again: a pair that does not match would break it for every handshake from then on.
"""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from controller.core.errors import MalformedDocument
from controller.core.text import printable
from controller.trust.serving import serving_window

POLL_SECONDS = 10.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Where certificate chain and key are. `client_ca`: clients must show a certificate that this authority issued."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def fingerprint(self) -> bytes:
        """A hash over all contents; raises MalformedDocument when one can't be read."""
        hashed = hashlib.sha256()
        for path in (self.certificate, self.key, *([self.client_ca] if self.client_ca else [])):
            try:
                hashed.update(hashlib.sha256(path.read_bytes()).digest())
            except OSError as error:
                raise MalformedDocument(f"{path}: {error.strerror}") from error
        return hashed.digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedCertificate:
    """A context that was built from files with this fingerprint, and when its certificate ends."""

    context: ssl.SSLContext
    fingerprint: bytes
    expires: datetime


def load_certificate(files: CertificateFiles, *, now: datetime) -> LoadedCertificate:
    """Build a server's context, TLS 1.2 and later. Raises MalformedDocument when the files are no matching pair, the
    certificate is not valid at `now`, or the files changed meanwhile (a Secret's volume swaps all of them at once)."""
    fingerprint = files.fingerprint()
    context = _context(files)
    try:
        window = serving_window(files.certificate.read_bytes())
    except OSError as error:
        raise MalformedDocument(f"{files.certificate}: {error.strerror}") from error
    if window.end is None or not window.contains(now):
        raise MalformedDocument(f"{files.certificate}: valid from {window.start} until {window.end}, which is not now")
    if files.fingerprint() != fingerprint:
        raise MalformedDocument(f"{files.certificate} and {files.key} changed while they were read")
    return LoadedCertificate(context=context, fingerprint=fingerprint, expires=window.end)


def _context(files: CertificateFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.certificate, files.key)
        if files.client_ca is not None:
            context.load_verify_locations(files.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session would go by the authority it once began under.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
    except (OSError, ValueError) as error:
        raise MalformedDocument(f"{files.certificate} and {files.key}: {printable(str(error))}") from error
    return context


class ServingCertificate:
    """The certificate that new connections get: the newest on disk that held. Connections that are open keep theirs.

    `now` is aware, UTC. `shown` is told when the live certificate ends, `counted` how each
    attempt at new files came out, `live` or `refused`.
    """

    def __init__(
        self,
        files: CertificateFiles,
        *,
        now: Callable[[], datetime],
        shown: Callable[[datetime], None],
        counted: Callable[[str], None],
    ) -> None:
        """Load once; raises MalformedDocument as `load_certificate` does."""
        self._files = files
        self._now = now
        self._shown = shown
        self._counted = counted
        self._live = load_certificate(files, now=now())
        self._refused = b""
        shown(self._live.expires)
        # The first context is what the listener begins each handshake with; the callback is asked with and without SNI.
        self.context = self._live.context
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._live.context

    async def run(self) -> None:
        """Look for new files until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    async def refresh(self) -> None:
        """Take what is on disk live if it is new and holds; say so, once for each content, if it does not."""
        try:
            fingerprint = await asyncio.to_thread(self._files.fingerprint)
            if fingerprint == self._live.fingerprint:
                return
            loaded = await asyncio.to_thread(load_certificate, self._files, now=self._now())
        except MalformedDocument as error:
            self._refuse(error)
            return
        self._live, self._refused = loaded, b""
        self._shown(loaded.expires)
        self._counted("live")
        _log.info("certificate taken live", extra={"expires": loaded.expires.isoformat()})

    def _refuse(self, error: MalformedDocument) -> None:
        self._counted("refused")
        told = hashlib.sha256(str(error).encode()).digest()
        if told != self._refused:
            _log.error("certificate on disk not taken live", extra={"error": str(error)})
        self._refused = told
