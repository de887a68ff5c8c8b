"""The signed bytes of a container, on which many keys are tried."""

import hashlib
from collections.abc import Collection, Iterable

from controller.core.errors import NotVerified
from controller.trust.keys import PublicKey
from controller.trust.verifying import VerifyingKey
from controller.wire.signed import SignedContent

MAX_HASHED_BYTES = 512 * 1024 * 1024  # by Ed25519, which hashes the whole message for each key and signature; a second
MAX_EXPLAINED = 8  # signatures times keys that are tried once more, to tell what is wrong

OVER_PAYLOAD = (
    "the signature is over the payload itself, and not over the envelope's pre-authentication encoding (DSSE)"
)

_SHA256_BYTES = 32
_HASHES = {_SHA256_BYTES: hashlib.sha256, 48: hashlib.sha384, 64: hashlib.sha512}


class SignedMessage:
    """What the signatures of a container cover, hashed once for each hash however many keys are tried.

    Where the artifact of a message signature is known by its SHA-256 only, nothing else than that digest is ever given
    to a key: the empty message in its place must not verify. More work than MAX_HASHED_BYTES raises NotVerified.
    """

    def __init__(self, content: SignedContent) -> None:
        """Take the message of this content, or its digest where that is all there is."""
        self._signatures = content.signatures
        self._concatenated = content.concatenated
        self._message = content.message if content.digest is None else None
        self._digests = {} if content.digest is None else {_SHA256_BYTES: content.digest}
        self._left = MAX_HASHED_BYTES

    def signature_by(self, key: VerifyingKey) -> bytes | None:
        """The first of the signatures that is this key's; None when none is."""
        for signature in self._signatures:
            if self._holds(key, signature):
                return signature
        return None

    def signatures_by(self, keys: Iterable[PublicKey]) -> dict[PublicKey, bytes]:
        """The keys that signed, each with its signature."""
        found = {key: self.signature_by(key) for key in keys}
        return {key: signature for key, signature in found.items() if signature is not None}

    def _holds(self, key: VerifyingKey, signature: bytes) -> bool:
        if key.digest_sizes:
            return any(self._holds_over(size, key, signature) for size in key.digest_sizes)
        self._take(len(self._message or b""))
        if self._message is None:
            return False
        try:
            key.verify(signature, self._message)
        except NotVerified:
            return False
        return True

    def _holds_over(self, size: int, key: VerifyingKey, signature: bytes) -> bool:
        try:
            key.verify_digest(key.in_der(signature) if self._concatenated else signature, self._digest(size))
        except NotVerified:
            return False
        return True

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise NotVerified("too large for so many signatures and Ed25519 keys")

    def _digest(self, size: int) -> bytes:
        if size not in self._digests:
            if self._message is None:
                raise NotVerified("only the SHA-256 digest of what was signed is known")
            self._digests[size] = _HASHES[size](self._message).digest()
        return self._digests[size]


def is_over_payload(content: SignedContent, keys: Collection[PublicKey]) -> bool:
    """Whether one of `keys` signed an envelope's payload and left its type open: an explanation, never a proof.

    Google Cloud Build's regional keys do so, and Tekton Chains for image signatures in bundles. DSSE (protocol.md) has
    one meaning of a signature. False for what is no envelope, and where trying takes more than MAX_EXPLAINED.
    """
    if content.message == content.payload or len(content.signatures) * len(keys) > MAX_EXPLAINED:
        return False
    raw = SignedContent(
        container=content.container,
        payload_type=content.payload_type,
        payload=content.payload,
        message=content.payload,
        signatures=content.signatures,
    )
    return bool(SignedMessage(raw).signatures_by(keys))
