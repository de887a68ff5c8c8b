"""Signs any evidence with its own ECDSA P-256 keys.

Written from the specifications and without the code under test: JSON by `json`, signatures by `cryptography`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from controller.core.image import Digest
from controller.trust.keys import parse_public_key
from controller.trust.root import RootKey, TrustRoot, TrustRoots
from controller.wire.candidate import Candidate, Container

STATEMENT_V1 = "https://in-toto.io/Statement/v1"
STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
PROVENANCE_V1 = "https://slsa.dev/provenance/v1"
SIGN_V1 = "https://sigstore.dev/cosign/sign/v1"
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE_V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
ENVELOPE_TYPE = "application/vnd.dsse.envelope.v1+json"
SIMPLE_SIGNING_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"
WORKFLOW_V1 = "https://actions.github.io/buildtypes/workflow/v1"
BUILDER_ID = "https://ci.acme.example/builders/image@v1"

Json = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer as a registry stores it."""

    media_type: str
    content: bytes
    annotations: Mapping[str, str] = field(default_factory=dict)

    def candidate(self) -> Candidate:
        containers = {ENVELOPE_TYPE: Container.ENVELOPE, SIMPLE_SIGNING_TYPE: Container.SIMPLE_SIGNING}
        container = containers.get(self.media_type, Container.BUNDLE)
        return Candidate(
            container=container,
            content=self.content,
            digest=Digest.of(self.content),
            annotations=self.annotations,
        )


class SigningKey:
    """A key pair that signs as cosign does: ECDSA P-256, SHA-256, DER."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def pem(self) -> str:
        return (
            self._key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )

    @property
    def private_pem(self) -> str:
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def fingerprint(self) -> str:
        return parse_public_key(self.pem).fingerprint

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message, ec.ECDSA(hashes.SHA256()))

    def entry(
        self,
        name: str = "release",
        *,
        not_before: datetime | None = None,
        not_after: datetime | None = None,
        revoked_at: datetime | None = None,
    ) -> RootKey:
        """This key as a trust root lists it."""
        return RootKey(
            name=name,
            key=parse_public_key(self.pem),
            not_before=not_before,
            not_after=not_after,
            revoked_at=revoked_at,
        )


def roots_of(*keys: RootKey, name: str = "acme") -> TrustRoots:
    """One trust root that lists these keys."""
    return TrustRoots(roots={name: TrustRoot(name=name, keys=keys)})


def encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def pae(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])


def statement(
    *subjects: object,
    predicate_type: str = PROVENANCE_V1,
    predicate: object = None,
    statement_type: str = STATEMENT_V1,
) -> Json:
    """An in-toto statement; a Digest stands for a subject with that SHA-256, anything else for itself."""
    entries = [
        {"name": "shop", "digest": {"sha256": subject.hex}} if isinstance(subject, Digest) else subject
        for subject in subjects
    ]
    return {"_type": statement_type, "subject": entries, "predicateType": predicate_type, "predicate": predicate}


def provenance_predicate(
    *,
    builder_id: str = BUILDER_ID,
    build_type: str = WORKFLOW_V1,
    repository: str = "https://github.com/acme/shop",
    ref: str = "refs/tags/v1.2.3",
    path: str = ".github/workflows/release.yml",
    commit: str = "5f" * 20,
) -> Json:
    """A SLSA v1 predicate as GitHub's build type fills it in."""
    workflow = {"repository": repository, "ref": ref, "path": path}
    return {
        "buildDefinition": {
            "buildType": build_type,
            "externalParameters": {"workflow": workflow},
            "resolvedDependencies": [{"uri": f"git+{repository}@{ref}", "digest": {"gitCommit": commit}}],
        },
        "runDetails": {"builder": {"id": builder_id}, "metadata": {"invocationId": "run/1"}},
    }


class Foundry:
    """Evidence signed by `key`, which its trust root `acme` lists as `release`; `stranger` is in no root."""

    def __init__(self) -> None:
        self.key = SigningKey()
        self.stranger = SigningKey()

    @property
    def roots(self) -> TrustRoots:
        return roots_of(self.key.entry())

    def provenance(
        self, subject: Digest, *, builder_id: str = BUILDER_ID, build_type: str = WORKFLOW_V1, **source: str
    ) -> bytes:
        """A provenance statement; `source` may give repository, ref and path."""
        predicate = provenance_predicate(builder_id=builder_id, build_type=build_type, **source)
        return encode(statement(subject, predicate=predicate))

    def image_signature(self, subject: Digest) -> bytes:
        """The statement that cosign 3 signs for an image: no names, an empty predicate."""
        entry = {"digest": {"sha256": subject.hex}}
        return encode(statement(entry, predicate_type=SIGN_V1, predicate={}))

    def simple_signing(
        self,
        subject: Digest,
        *,
        repository: str = "ghcr.io/acme/shop",
        critical_type: str = "cosign container image signature",
    ) -> bytes:
        """The payload under a `.sig` tag."""
        image = {"docker-manifest-digest": str(subject)}
        identity = {"docker-reference": repository}
        critical = {"identity": identity, "image": image, "type": critical_type}
        return encode({"critical": critical, "optional": None})

    def envelope_document(
        self, payload: bytes, *, keys: Sequence[SigningKey] = (), payload_type: str = IN_TOTO
    ) -> Json:
        """An envelope as JSON, to be broken further; signed by `key` unless `keys` are given."""
        message = pae(payload_type, payload)
        signatures = [{"keyid": "", "sig": b64(key.sign(message))} for key in keys or (self.key,)]
        return {"payload": b64(payload), "payloadType": payload_type, "signatures": signatures}

    def bundle_document(self, envelope: object) -> Json:
        """A v0.3 bundle around an envelope, with a public key's hint as verification material."""
        material = {"publicKey": {"hint": "bm90IGEgaGludA"}}
        return {"mediaType": BUNDLE_V03, "verificationMaterial": material, "dsseEnvelope": envelope}

    def envelope(self, payload: bytes, key: SigningKey | None = None, *, payload_type: str = IN_TOTO) -> bytes:
        return encode(self.envelope_document(payload, keys=(key or self.key,), payload_type=payload_type))

    def bundle(self, payload: bytes, key: SigningKey | None = None, *, payload_type: str = IN_TOTO) -> bytes:
        envelope = self.envelope_document(payload, keys=(key or self.key,), payload_type=payload_type)
        return encode(self.bundle_document(envelope))

    def envelope_layer(self, payload: bytes, key: SigningKey | None = None) -> Layer:
        """The layer of a `.att` tag."""
        annotations = {SIGNATURE_ANNOTATION: "", "predicateType": json.loads(payload)["predicateType"]}
        return Layer(media_type=ENVELOPE_TYPE, content=self.envelope(payload, key), annotations=annotations)

    def bundle_layer(self, payload: bytes, key: SigningKey | None = None) -> Layer:
        """The only layer of a bundle referrer."""
        return Layer(media_type=BUNDLE_V03, content=self.bundle(payload, key))

    def signature_layer(self, payload: bytes, key: SigningKey | None = None) -> Layer:
        """The layer of a `.sig` tag, for a simple-signing payload."""
        annotations = {SIGNATURE_ANNOTATION: b64((key or self.key).sign(payload))}
        return Layer(media_type=SIMPLE_SIGNING_TYPE, content=payload, annotations=annotations)


def another_digest(subject: Digest) -> Digest:
    return Digest.of(str(subject).encode())
