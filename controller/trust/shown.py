"""What a container shows under one trust root: verified signing times, and whether a log and an authority saw it."""

from datetime import datetime

import msgspec

from controller.core.errors import NotVerified
from controller.trust.log import Verifier, verify_entry
from controller.trust.root import Require, SigstoreMaterial
from controller.trust.timestamp import verify_timestamp
from controller.wire.material import Material
from controller.wire.signed import SignedContent


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What was verified besides the signature. `times` are all of them, aware; empty when none was shown."""

    logged: bool = False
    stamped: bool = False
    times: tuple[datetime, ...] = ()

    def satisfy(self, require: Require) -> None:
        """Return only if this is all that the root requires; raises NotVerified (TIME-012 to 014)."""
        if require.transparency_log and not self.logged:
            raise NotVerified("no log of this trust root holds it, and one must")
        if require.signed_timestamp and not self.stamped:
            raise NotVerified("no authority of this trust root signed a timestamp, and one must")


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One signature of a container, by whom it is said to be verified, and what is offered to prove its time."""

    content: SignedContent
    material: Material
    signature: bytes
    verifier: Verifier

    def shown_by(self, sigstore: SigstoreMaterial, *, now: datetime) -> Shown:
        """What the logs and authorities of one trust root, and nobody else's, vouch for.

        An entry of a log that the root knows must hold in every part, and bind to exactly this signature. Entries of
        other logs and timestamps that can't be verified count as absent (TIME-016, KEY-019). Raises NotVerified.
        """
        stamps = self._timestamps(sigstore)
        known = {log.key_id for log in sigstore.logs}
        entries = [entry for entry in self.material.entries if entry.log_id in known]
        integrated = [
            verify_entry(
                entry,
                signed=self.content,
                signature=self.signature,
                verifier=self.verifier,
                logs=sigstore.logs,
                proof_required=self.material.proof_required,
                now=now,
                times=stamps,
            )
            for entry in entries
        ]
        times = (*(time for time in integrated if time is not None), *stamps)
        return Shown(logged=bool(entries), stamped=bool(stamps), times=times)

    def _timestamps(self, sigstore: SigstoreMaterial) -> tuple[datetime, ...]:
        found = (self._timestamp(token, sigstore) for token in self.material.timestamps)
        return tuple(time for time in found if time is not None)

    def _timestamp(self, token: bytes, sigstore: SigstoreMaterial) -> datetime | None:
        """The time of a token over the signature; cosign's is over the whole envelope where that stands by itself."""
        for stamped in (self.signature, self.content.envelope):
            try:
                if stamped is not None:
                    return verify_timestamp(token, signature=stamped, authorities=sigstore.timestamp_authorities)
            except NotVerified:
                continue
        return None
