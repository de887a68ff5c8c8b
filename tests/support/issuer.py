"""An OpenID Connect issuer under the public issuers' own names, for a Fulcio that asks for them through a proxy.

`Issuer` answers HTTP CONNECT on 127.0.0.1 for those names alone and ends TLS itself, with a throw-away authority.
Fulcio started with HTTPS_PROXY and SSL_CERT_FILE set accordingly discovers it, and writes certificates that carry
exactly the issuers that real policies name.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.pki import Authority

GITHUB = "https://token.actions.githubusercontent.com"
GOOGLE = "https://accounts.google.com"
CLUSTER = "https://oidc.eks.eu-west-1.amazonaws.com/id/TESTCLUSTER"
HOSTS = frozenset(urlsplit(issuer).hostname or "" for issuer in (GITHUB, GOOGLE, CLUSTER))
AUDIENCE = "sigstore"
KEY_ID = "test"
TOKEN_SECONDS = 600
COMMIT = "f3e1a2b4c5d60718293a4b5c6d7e8f9012345678"
DISCOVERY = "/.well-known/openid-configuration"

# Fulcio's own mapping of a GitHub Actions token onto its certificate extensions; plain names are claims.
GITHUB_EXTENSIONS = {
    "github-workflow-trigger": "event_name",
    "github-workflow-sha": "sha",
    "github-workflow-name": "workflow",
    "github-workflow-repository": "repository",
    "github-workflow-ref": "ref",
    "build-signer-uri": "{{ .url }}/{{ .job_workflow_ref }}",
    "build-signer-digest": "job_workflow_sha",
    "runner-environment": "runner_environment",
    "source-repository-uri": "{{ .url }}/{{ .repository }}",
    "source-repository-digest": "sha",
    "source-repository-ref": "ref",
    "source-repository-identifier": "repository_id",
    "source-repository-owner-uri": "{{ .url }}/{{ .repository_owner }}",
    "source-repository-owner-identifier": "repository_owner_id",
    "build-config-uri": "{{ .url }}/{{ .workflow_ref }}",
    "build-config-digest": "workflow_sha",
    "build-trigger": "event_name",
    "run-invocation-uri": "{{ .url }}/{{ .repository }}/actions/runs/{{ .run_id }}/attempts/{{ .run_attempt }}",
    "source-repository-visibility-at-signing": "repository_visibility",
    "deployment-environment": "environment",
}

Claims = Mapping[str, Any]


def github_claims(
    *,
    repository: str = "acme/shop",
    ref: str = "refs/heads/main",
    signer_workflow: str | None = None,
    environment: str | None = None,
) -> Claims:
    """The claims of a GitHub Actions job; `signer_workflow` is the reusable workflow it runs, if it runs one."""
    workflow = f"{repository}/.github/workflows/release.yml@{ref}"
    claims = {
        "iss": GITHUB,
        "sub": f"repo:{repository}:" + (f"environment:{environment}" if environment else f"ref:{ref}"),
        "repository": repository,
        "repository_id": "74",
        "repository_owner": repository.partition("/")[0],
        "repository_owner_id": "65",
        "repository_visibility": "public",
        "ref": ref,
        "sha": COMMIT,
        "event_name": "push",
        "run_id": "9123456789",
        "run_attempt": "2",
        "workflow": "release",
        "workflow_ref": workflow,
        "workflow_sha": COMMIT,
        "job_workflow_ref": signer_workflow or workflow,
        "job_workflow_sha": COMMIT,
        "runner_environment": "github-hosted",
    }
    return claims | ({"environment": environment} if environment else {})


def email_claims(address: str = "dev@example.com") -> Claims:
    return {"iss": GOOGLE, "sub": "1234567890", "email": address, "email_verified": True}


def kubernetes_claims(namespace: str = "builds", account: str = "builder") -> Claims:
    pod = {"namespace": namespace, "pod": {"name": "p", "uid": "1"}, "serviceaccount": {"name": account, "uid": "2"}}
    return {"iss": CLUSTER, "sub": f"system:serviceaccount:{namespace}:{account}", "kubernetes.io": pod}


def fulcio_configuration() -> dict[str, object]:
    """The issuers that Fulcio believes, and what it makes of their tokens: as the public instance does it."""
    github = {"issuer-url": GITHUB, "client-id": AUDIENCE, "type": "ci-provider", "ci-provider": "github-workflow"}
    google = {"issuer-url": GOOGLE, "client-id": AUDIENCE, "type": "email"}
    clusters = {"client-id": AUDIENCE, "type": "kubernetes"}
    templates = {
        "default-template-values": {"url": "https://github.com", "environment": ""},
        "extension-templates": GITHUB_EXTENSIONS,
        "subject-alternative-name-template": "{{ .url }}/{{ .job_workflow_ref }}",
    }
    return {
        "oidc-issuers": {GITHUB: github, GOOGLE: google},
        "meta-issuers": {"https://oidc.eks.*.amazonaws.com/id/*": clusters},
        "ci-issuer-metadata": {"github-workflow": templates},
    }


class Issuer:
    """Serves discovery documents and mints tokens until it is stopped. `authority` is its TLS root, PEM."""

    def __init__(self, folder: Path) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        authority = Authority("issuer authority")
        self.authority = authority.certificate
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*authority.server(*sorted(HOSTS)).write(folder, "issuer"))
        self._server = _Server(tls, self._key_set())
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def proxy(self) -> str:
        """What HTTPS_PROXY has to say."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def token(self, claims: Claims) -> str:
        """A JSON Web Token for Fulcio, good for ten minutes (RFC 7515, RS256)."""
        now = int(time.time())
        lifetime = {"aud": AUDIENCE, "iat": now, "nbf": now - 5, "exp": now + TOKEN_SECONDS}
        header = {"alg": "RS256", "kid": KEY_ID, "typ": "JWT"}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, {**lifetime, **claims}))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_base64url(signature)}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _key_set(self) -> bytes:
        numbers = self._key.public_key().public_numbers()
        parts = {name: _base64url(_big_endian(value)) for name, value in (("n", numbers.n), ("e", numbers.e))}
        return json.dumps({"keys": [{"kty": "RSA", "alg": "RS256", "use": "sig", "kid": KEY_ID, **parts}]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined on close: by then Fulcio is gone, and with it the connections

    def __init__(self, tls: ssl.SSLContext, key_set: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.tls = tls
        self.key_set = key_set


class _Tunnel(BaseHTTPRequestHandler):
    """One connection: CONNECT first, then TLS and requests inside it."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def do_CONNECT(self) -> None:
        if self.path.rpartition(":")[0] not in HOSTS:
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.setup()

    def finish(self) -> None:
        """Closes the TLS socket too: the server knows only the plain one below it."""
        super().finish()
        self.request.close()

    def do_GET(self) -> None:
        origin = f"https://{self.headers['Host']}"
        if self.path == "/jwks":
            self._answer(self.server.key_set)
        elif self.path.endswith(DISCOVERY):
            self._answer(json.dumps(_discovery(origin, self.path.removesuffix(DISCOVERY))).encode())
        else:
            self.send_error(404)

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _discovery(origin: str, path: str) -> dict[str, object]:
    """OpenID Connect Discovery 1.0, section 3: what is required."""
    issuer = origin + path
    return {
        "issuer": issuer,
        "jwks_uri": f"{origin}/jwks",
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _big_endian(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
