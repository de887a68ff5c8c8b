"""A token server as Docker Hub and GitLab have one: it trades Basic credentials for short-lived bearer tokens.

Distribution's token authentication: GET <realm>?service=S&scope=repository:NAME:ACTIONS, answered with a JWT that the
registry holds to a key set on its own disk.
"""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.answering import Answering
from tests.support.pki import Identity, new_key

ISSUER, SERVICE, KEY_ID = "navicert-test-tokens", "navicert-test-registry", "token-key"
LIFETIME_SECONDS = 300
LEEWAY_SECONDS = 60  # that distribution grants an expired token


class TokenFault(Enum):
    """How the realm goes wrong."""

    INTERNAL_ERROR = "HTTP 500"
    JUNK = "200 and no JSON"
    NO_TOKEN = "200 and JSON without a token"
    STALL = "nothing comes"
    EXPIRED = "a token whose time is over; the answer does not say so"


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """What somebody asked the realm for; `authorization` is the header as it came."""

    query: Mapping[str, Sequence[str]]
    authorization: str | None

    @property
    def scopes(self) -> tuple[str, ...]:
        return tuple(one for text in self.query.get("scope", ()) for one in text.split(" "))


@dataclass(kw_only=True)
class TokenServer:
    """Serves tokens over TLS on 127.0.0.1. Fields may be changed while it runs.

    `accounts` maps names to passwords, `public` are repositories that anybody may pull. `names` are the members that
    carry the token, `told_seconds` the expires_in that is told (None: none is).
    """

    accounts: Mapping[str, str]
    public: frozenset[str] = frozenset()
    names: tuple[str, ...] = ("token",)
    told_seconds: int | None = LIFETIME_SECONDS
    fault: TokenFault | None = None
    requests: list[TokenRequest] = field(default_factory=list)
    url: str = ""
    _key: ec.EllipticCurvePrivateKey = field(default_factory=new_key)

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def access(self, folder: Path) -> dict[str, Any]:
        """Distribution's `auth` setting that believes this server's tokens; writes the key set into the folder."""
        point = self._key.public_key().public_numbers()
        key = {"kty": "EC", "crv": "P-256", "kid": KEY_ID, "alg": "ES256", "use": "sig"}
        key |= {"x": _b64(point.x.to_bytes(32, "big")), "y": _b64(point.y.to_bytes(32, "big"))}
        path = folder / "jwks.json"
        path.write_text(json.dumps({"keys": [key]}))
        return {"token": {"realm": self.url, "service": SERVICE, "issuer": ISSUER, "jwks": str(path)}}

    def token(self, *scopes: str, subject: str = "", seconds: int = LIFETIME_SECONDS) -> str:
        """A token that grants these scopes, whoever asks; negative seconds make an expired one."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": subject,
            "aud": SERVICE,
            "nbf": now - 2 * LIFETIME_SECONDS,
            "iat": now,
            "exp": now + seconds,
            "jti": str(time.monotonic_ns()),
            "access": [_entry(scope) for scope in scopes],
        }
        signed = f"{_json({'alg': 'ES256', 'typ': 'JWT', 'kid': KEY_ID})}.{_json(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    @contextmanager
    def running(self, folder: Path, identity: Identity) -> Iterator[TokenServer]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _requests_for(self))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*identity.write(folder, "tokens"))
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.daemon_threads = True
        server.block_on_close = False
        self.url = f"https://127.0.0.1:{server.server_port}/token"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def answer(self, request: TokenRequest) -> tuple[int, bytes]:
        """Status and body for a request of the realm."""
        self.requests.append(request)
        if self.fault is TokenFault.INTERNAL_ERROR:
            return 500, b"{}"
        if self.fault is TokenFault.JUNK:
            return 200, b"<html>sign in</html>"
        if self.fault is TokenFault.NO_TOKEN:
            return 200, b'{"expires_in": 300}'
        account = self._account(request.authorization)
        if request.authorization is not None and account is None:
            return 401, b"{}"
        scopes = [scope for scope in request.scopes if account is not None or _repository(scope) in self.public]
        seconds = -2 * LEEWAY_SECONDS if self.fault is TokenFault.EXPIRED else LIFETIME_SECONDS
        token = self.token(*scopes, subject=account or "", seconds=seconds)
        told = {} if self.told_seconds is None else {"expires_in": self.told_seconds}
        return 200, json.dumps(dict.fromkeys(self.names, token) | told).encode()

    def _account(self, authorization: str | None) -> str | None:
        for name, password in self.accounts.items():
            if authorization == basic(name, password):
                return name
        return None


def basic(name: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


def _requests_for(tokens: TokenServer) -> type[Answering]:
    class Realm(Answering):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:  # noqa: N802 (named by the base class)
            query = parse_qs(urlsplit(self.path).query)
            request = TokenRequest(query=query, authorization=self.headers.get("Authorization"))
            if tokens.fault is TokenFault.STALL:
                tokens.requests.append(request)
                self.rfile.read(1)  # until the client is gone
                return
            status, body = tokens.answer(request)
            self.tell(body, status=status)

    return Realm


def _entry(scope: str) -> dict[str, Any]:
    kind, _, rest = scope.partition(":")
    name, _, actions = rest.rpartition(":")
    return {"type": kind, "name": name, "actions": actions.split(",")}


def _repository(scope: str) -> str:
    return str(_entry(scope)["name"])


def _json(document: object) -> str:
    return _b64(json.dumps(document).encode())


def _b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
