"""Entries of a transparency log (Rekor v1 and v2) as evidence carries them.

Nothing here is verified: `controller.trust.log` does that. What an entry's body says is read by
`controller.wire.logbody`.
"""

import binascii

import msgspec


class InclusionProof(msgspec.Struct, frozen=True, kw_only=True):
    """A path from an entry to the root of the log's tree (RFC 6962, 2.1.1), and the note that is to vouch for it.

    `log_index` is the leaf's place in this tree, which is not the index in a log of several trees.
    """

    log_index: int
    root_hash: bytes
    tree_size: int
    hashes: tuple[bytes, ...]
    checkpoint: str


class LogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as a bundle or an annotation shows it, `body` decoded from base64.

    `kind` and `version` are what stands beside the body, None where nothing does. `integrated_time` is in seconds
    since 1970, None where absent; without a good `signed_entry_timestamp` it is nobody's word.
    """

    log_index: int
    log_id: bytes
    kind: str | None
    version: str | None
    integrated_time: int | None
    body: bytes
    signed_entry_timestamp: bytes | None
    inclusion: InclusionProof | None

    @property
    def promised(self) -> bytes:
        """What a signed entry timestamp covers: the canonical JSON (RFC 8785) of these four fields.

        All texts are ASCII without characters to escape, so that this is the canonical form as it stands.
        """
        body = binascii.b2a_base64(self.body, newline=False)
        return b'{"body":"%b","integratedTime":%d,"logID":"%b","logIndex":%d}' % (
            body,
            self.integrated_time or 0,
            self.log_id.hex().encode(),
            self.log_index,
        )
