"""What a container holds once it is read: signatures, and exactly the bytes that they cover."""

from functools import cached_property

import msgspec

from controller.core.image import Digest
from controller.wire.candidate import Container


class SignedContent(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Signatures over `message`, which commits to `payload_type` and `payload`. Nothing here is verified.

    `message` is the pre-authentication encoding of an envelope, or the payload itself beside which a signature
    stands. `envelope` is a bare envelope's JSON as it stood in its layer, for log entries that hash it; None where
    there is no envelope or a bundle holds it: nobody can tell how it was written when it was logged.

    A message signature covers an artifact that its container does not hold: `payload_type`, `payload` and `message`
    are empty, and `digest` is the artifact's SHA-2 as far as anybody says, empty where nobody does. Once the artifact
    itself has taken its place as payload and message, and for everything else, `digest` is None.

    `certified`: an envelope has a certificate beside a signature, where none counts: good for an explanation only.
    `concatenated`: an ECDSA signature may be r and s side by side here, and not only DER.

    There is at least one signature, and none is empty.
    """

    container: Container
    payload_type: str
    payload: bytes
    message: bytes
    signatures: tuple[bytes, ...]
    envelope: bytes | None = None
    digest: bytes | None = None
    certified: bool = False
    concatenated: bool = False

    @cached_property
    def payload_digest(self) -> Digest:
        """The SHA-256 of `payload`, which log entries and evidence both name it by: hashed once."""
        return Digest.of(self.payload)
