"""The signed bytes of a container, on which many keys are tried."""

import hashlib
from collections.abc import Iterable

from controller.core.errors import NotVerified
from controller.trust.keys import Algorithm, PublicKey
from controller.wire.signed import SignedContent

MAX_HASHED_BYTES = 512 * 1024 * 1024  # by Ed25519, which hashes the whole message for each key and signature; a second

_SHA256 = "sha256"
_HASHES = {Algorithm.PKIX_ECDSA_P384_SHA_384: "sha384", Algorithm.PKIX_ECDSA_P521_SHA_512: "sha512"}


class SignedMessage:
    """What the signatures of a container cover, hashed once for each hash however many keys are tried.

    Where the artifact of a message signature is known by its SHA-256 only, nothing else than that digest is ever given
    to a key: the empty message in its place must not verify. More work than MAX_HASHED_BYTES raises NotVerified.
    """

    def __init__(self, content: SignedContent) -> None:
        """Take the message of this content, or its digest where that is all there is."""
        self._signatures = content.signatures
        self._message = content.message if content.digest is None else None
        self._digests = {} if content.digest is None else {_SHA256: content.digest}
        self._left = MAX_HASHED_BYTES

    def signature_by(self, key: PublicKey) -> bytes | None:
        """The first of the signatures that is this key's; None when none is."""
        return next((signature for signature in self._signatures if self._holds(key, signature)), None)

    def signatures_by(self, keys: Iterable[PublicKey]) -> dict[PublicKey, bytes]:
        """The keys that signed, each with its signature."""
        found = {key: self.signature_by(key) for key in keys}
        return {key: signature for key, signature in found.items() if signature is not None}

    def _holds(self, key: PublicKey, signature: bytes) -> bool:
        whole = key.algorithm is Algorithm.PKIX_ED25519
        if whole:
            self._take(len(self._message or b""))
        try:
            if not whole:
                key.verify_digest(signature, self._digest(_HASHES.get(key.algorithm, _SHA256)))
            elif self._message is None:
                return False
            else:
                key.verify(signature, self._message)
        except NotVerified:
            return False
        return True

    def _take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise NotVerified("too large for so many signatures and Ed25519 keys")

    def _digest(self, name: str) -> bytes:
        if name not in self._digests:
            if self._message is None:
                raise NotVerified("only the SHA-256 digest of what was signed is known")
            self._digests[name] = hashlib.new(name, self._message).digest()
        return self._digests[name]
