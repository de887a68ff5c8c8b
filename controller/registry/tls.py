"""What TLS each host is spoken to with: the system's authorities, and what the setting adds for single hosts."""

import logging
import ssl
from pathlib import Path

from controller.core.errors import MalformedDocument
from controller.wire.registries import ClientCertificate, Registries, RegistryEntry

_log = logging.getLogger(__name__)


class TlsContexts:
    """A context for each configured host that needs its own, one for all others. Made once, with what is on disk then.

    A host's `caBundle` is believed besides the system's authorities, for this host alone. Its client certificate is
    shown to the registry itself only, never to where a redirect or a challenge leads, and is read again when its files
    change; while they can't be used, the last good pair stays. The constructor raises MalformedDocument.
    """

    def __init__(self, registries: Registries) -> None:
        entries = [entry for entry in registries.entries.values() if entry.ca_bundle or entry.client_certificate]
        self._default = ssl.create_default_context()
        self._referrals = {entry.host: _context(entry) for entry in entries if entry.ca_bundle}
        certified = ((entry, entry.client_certificate) for entry in entries)
        self._certified = {entry.host: _Certified(entry, shown) for entry, shown in certified if shown}

    def of_registry(self, host: str) -> ssl.SSLContext:
        """For the registry that images call `host`."""
        certified = self._certified.get(host)
        return certified.context() if certified else self.of_referral(host)

    def of_referral(self, host: str) -> ssl.SSLContext:
        """For a host that a registry sends us to: nothing of ours is shown."""
        return self._referrals.get(host, self._default)


class _Certified:
    """The context of one host with a client certificate, as new as its files."""

    def __init__(self, entry: RegistryEntry, shown: ClientCertificate) -> None:
        self._entry, self._files = entry, (Path(shown.cert), Path(shown.key))
        self._seen = self._stamp()
        self._context = _context(entry)
        self._load(self._context)

    def context(self) -> ssl.SSLContext:
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                renewed = _context(self._entry)
                self._load(renewed)
                self._context = renewed
            except MalformedDocument as error:
                _log.warning("client certificate not reloaded", extra={"problem": str(error)})
        return self._context

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            place = f"registries: {self._entry.host}.clientCertificate"
            raise MalformedDocument(f"{place}: {certificate} and {key} are no pair that can be read") from error

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _context(entry: RegistryEntry) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if entry.ca_bundle:
        try:
            context.load_verify_locations(cadata=entry.ca_bundle)
        except (OSError, ValueError) as error:
            raise MalformedDocument(f"registries: {entry.host}.caBundle: no certificates that can be read") from error
    return context


def _no_password() -> str:
    raise ValueError("a key with a password")  # OpenSSL would ask on the terminal
