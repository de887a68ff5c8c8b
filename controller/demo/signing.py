"""Signs the samples the way a build platform does: DSSE envelopes in Sigstore bundles, by fresh ECDSA P-256 keys.

For samples only: the keys live as long as the demo, and nothing of the product signs anything.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class SampleKey:
    """A key pair that only this run knows."""

    private: ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls) -> Self:
        """A fresh P-256 key pair."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_pem(self) -> str:
        """The public half, as a TrustRoot holds it."""
        encoded = self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode("ascii")

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature over SHA-256 of `message`, in DER."""
        return self.private.sign(message, ec.ECDSA(hashes.SHA256()))


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """What a DSSE signature is over (DSSE v1, protocol: PAE); lengths count bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def render_bundle(statement: dict[str, Any], key: SampleKey) -> bytes:
    """A signed statement as a Sigstore bundle v0.3 that hints at a public key."""
    payload = json.dumps(statement).encode()
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    return _render(payload, signature)


def render_tampered_bundle(statement: dict[str, Any], changed: dict[str, Any], key: SampleKey) -> bytes:
    """A bundle that carries `changed` beside the signature over `statement`: a forgery that must not hold."""
    signature = key.sign(pre_authentication_encoding(PAYLOAD_TYPE, json.dumps(statement).encode()))
    return _render(json.dumps(changed).encode(), signature)


def _render(payload: bytes, signature: bytes) -> bytes:
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }
    bundle = {
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": "navicert-demo"}},
        "dsseEnvelope": envelope,
    }
    return json.dumps(bundle).encode()
