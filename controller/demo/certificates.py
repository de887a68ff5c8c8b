"""Fresh certificates for the webhook of the demo: one authority, one server certificate for this machine's address."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address

from controller.demo.registry import LOOPBACK
from controller.trust.issuing import issue_authority, issue_server

LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerIdentity:
    """PEM texts: the authority to trust, and the server's certificate and key."""

    authority: bytes
    certificate: bytes
    key: bytes


def issue_server_identity(now: datetime) -> ServerIdentity:
    """An authority that nobody keeps the key of, and the one certificate it ever signs."""
    authority = issue_authority("navicert demo authority", now=now, lifetime=LIFETIME)
    server = issue_server(authority, (ip_address(LOOPBACK),), now=now, lifetime=LIFETIME)
    return ServerIdentity(authority=authority.certificate, certificate=server.certificate, key=server.key)
