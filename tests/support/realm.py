"""A token realm: grants what a registry of distribution believes, to whom its password says.

Docker registry token specification, with signatures as of RFC 7515.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.support.pki import Authority
from tests.support.scripted import Reply, Seen

ISSUER, SERVICE = "test-realm", "test-registry"
COORDINATE_BYTES = 32  # of a P-256 signature in a JWT (RFC 7518, 3.4)


class TokenRealm:
    """The script of a ScriptedServer, and the registry's side of the configuration. Tokens last `seconds`."""

    def __init__(self, folder: Path, *, user: str, password: str, seconds: int = 300) -> None:
        authority = Authority("token authority")
        identity = authority.client("token signer")
        key = serialization.load_pem_private_key(identity.key, password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        self._key = key
        leaf = x509.load_pem_x509_certificate(identity.certificate).public_bytes(serialization.Encoding.DER)
        self._header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(leaf).decode()]}
        self._trusted = folder / "token-authority.pem"
        self._trusted.write_bytes(authority.certificate)
        self._basic = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._refresh = "identity-" + password
        self.seconds = seconds

    def auth(self, realm: str) -> dict[str, Any]:
        """The part `auth` of distribution's configuration, for a realm at this URL."""
        named = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(self._trusted)}
        return {"token": named}

    def token(self, repository: str, *actions: str, seconds: int | None = None) -> str:
        """A token for these actions (pull, push) in a repository."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": "",
            "aud": SERVICE,
            "iat": now,
            "nbf": now - 60,
            "exp": now + (self.seconds if seconds is None else seconds),
            "jti": uuid.uuid4().hex,
            "access": [{"type": "repository", "name": repository, "actions": list(actions)}],
        }
        signed = f"{_encoded(self._header)}.{_encoded(claims)}"
        r, s = utils.decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        signature = r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")
        return f"{signed}.{_base64url(signature)}"

    def __call__(self, seen: Seen) -> Reply:
        """Grants pulling to the user, by password or identity token, and to nobody else."""
        asked = parse_qs(seen.body.decode() if seen.method == "POST" else urlsplit(seen.target).query)
        known = (
            asked.get("refresh_token") == [self._refresh]
            if seen.method == "POST"
            else seen.authorization == self._basic
        )
        if asked.get("service") != [SERVICE]:
            return Reply(status=400)
        if not known:
            return Reply(status=401)
        kind, name, actions = asked["scope"][0].split(":")
        assert (kind, actions) == ("repository", "pull")
        token = {"access_token": self.token(name, "pull"), "expires_in": self.seconds}
        return Reply(body=json.dumps(token).encode())


def _encoded(document: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(document).encode())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
