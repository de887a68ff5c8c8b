"""What a container offers to prove its signatures by."""

import msgspec

from controller.core.errors import MalformedAttestation
from controller.wire.rekor import LogEntry

MAX_LOG_ENTRIES = 32
MAX_TIMESTAMPS = 32
MAX_CERTIFICATES = 10


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What a container offers to prove its signatures by; all of it is a claim. Certificates are DER.

    `certificate` is None where a key signed; which one is told by no hint, but by trying. `intermediates` may lead
    to a trusted authority and are never one. `proof_required`: a log entry counts only with its inclusion proof
    (bundles of v0.2 and later). `annotated`: all of this stands beside the signature in annotations, where anybody
    may have written it: keys are tried whatever certificate is there, and a chain may go on to a root.

    Raises MalformedAttestation for the same log entry or timestamp twice (TIME-025).
    """

    certificate: bytes | None = None
    intermediates: tuple[bytes, ...] = ()
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
    proof_required: bool = False
    annotated: bool = False

    def __post_init__(self) -> None:
        if len(set(self.timestamps)) != len(self.timestamps):
            raise MalformedAttestation("the same timestamp is there twice")
        places = {(entry.log_id, entry.log_index) for entry in self.entries}
        if len(places) != len(self.entries):
            raise MalformedAttestation("the same log entry is there twice")
