"""The forms that signed evidence takes: container, log entry, timestamp, certificate or key."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.support.entrykinds import EntryKind


class Wrap(Enum):
    """The container of evidence; the values are the media types that are written."""

    V01 = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    V02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
    V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
    V03_PARAMETER = "application/vnd.dev.sigstore.bundle+json;version=0.3"
    ATT = "application/vnd.dsse.envelope.v1+json"
    SIG = "application/vnd.dev.cosign.simplesigning.v1+json"

    @property
    def legacy(self) -> bool:
        """Layers under cosign's tags, with everything but the content in annotations."""
        return self in {Wrap.ATT, Wrap.SIG}

    @property
    def chained(self) -> bool:
        """Whether certificates stand in it as a chain."""
        return self not in {Wrap.V03, Wrap.V03_PARAMETER}


@dataclass(frozen=True, kw_only=True)
class Form:
    """`entry` None: no log. `promise` and `proof`: what a Rekor v1 entry shows. `message`: a message signature.

    `sct` False: the root asks for no SCT, and the certificate carries none.
    """

    wrap: Wrap
    entry: EntryKind | None = None
    promise: bool = True
    proof: bool = True
    stamped: bool = False
    certified: bool = True
    message: bool = False
    sct: bool = True

    @property
    def vouched(self) -> bool:
        """Whether a CT log must have seen the certificate."""
        return self.certified and self.sct

    @property
    def logged_by_v2(self) -> bool:
        return self.entry is EntryKind.HASHEDREKORD_2

    @property
    def logged_by_v1(self) -> bool:
        return self.entry is not None and not self.logged_by_v2

    @property
    def promised(self) -> bool:
        """Whether a signed entry timestamp tells the time."""
        return self.logged_by_v1 and self.promise

    @property
    def proven(self) -> bool:
        """Whether an inclusion proof is there."""
        return self.entry is not None and self.proof and not self.wrap.legacy

    @property
    def enveloped(self) -> bool:
        """Whether the signature covers a DSSE envelope, and not the payload as it is."""
        return self.wrap is not Wrap.SIG and not self.message

    @property
    def bundled(self) -> bool:
        return not self.wrap.legacy

    @property
    def timed(self) -> bool:
        return self.promised or self.stamped


FORMS: dict[str, Form] = {
    "v0.3 dsse": Form(wrap=Wrap.V03, entry=EntryKind.DSSE),
    "v0.3 dsse stamped": Form(wrap=Wrap.V03, entry=EntryKind.DSSE, stamped=True),
    "v0.3 dsse stamped, no promise": Form(wrap=Wrap.V03, entry=EntryKind.DSSE, stamped=True, promise=False),
    "v0.3 intoto 0.0.2": Form(wrap=Wrap.V03_PARAMETER, entry=EntryKind.INTOTO_2),
    "v0.3 Rekor v2": Form(wrap=Wrap.V03, entry=EntryKind.HASHEDREKORD_2, stamped=True),
    "v0.3 timestamp only": Form(wrap=Wrap.V03, stamped=True),
    "v0.3 dsse, no SCT": Form(wrap=Wrap.V03, entry=EntryKind.DSSE, sct=False),
    "v0.3 timestamp only, no SCT": Form(wrap=Wrap.V03, stamped=True, sct=False),
    "v0.2 dsse": Form(wrap=Wrap.V02, entry=EntryKind.DSSE),
    "v0.2 intoto 0.0.2": Form(wrap=Wrap.V02, entry=EntryKind.INTOTO_2),
    "v0.1 dsse": Form(wrap=Wrap.V01, entry=EntryKind.DSSE),
    "v0.1 intoto 0.0.2, no proof": Form(wrap=Wrap.V01, entry=EntryKind.INTOTO_2, proof=False),
    ".att dsse": Form(wrap=Wrap.ATT, entry=EntryKind.DSSE),
    ".att intoto 0.0.1": Form(wrap=Wrap.ATT, entry=EntryKind.INTOTO_1),
    ".att intoto 0.0.2 stamped": Form(wrap=Wrap.ATT, entry=EntryKind.INTOTO_2, stamped=True),
    ".att timestamp only": Form(wrap=Wrap.ATT, stamped=True),
    ".att dsse, no SCT": Form(wrap=Wrap.ATT, entry=EntryKind.DSSE, sct=False),
    ".sig hashedrekord": Form(wrap=Wrap.SIG, entry=EntryKind.HASHEDREKORD),
    ".sig rekord": Form(wrap=Wrap.SIG, entry=EntryKind.REKORD),
    ".sig timestamp only": Form(wrap=Wrap.SIG, stamped=True),
    "key v0.3": Form(wrap=Wrap.V03, certified=False),
    "key v0.3 dsse": Form(wrap=Wrap.V03, entry=EntryKind.DSSE, certified=False),
    "key v0.3 stamped": Form(wrap=Wrap.V03, stamped=True, certified=False),
    "key v0.3 Rekor v2": Form(wrap=Wrap.V03, entry=EntryKind.HASHEDREKORD_2, stamped=True, certified=False),
    "key .att": Form(wrap=Wrap.ATT, certified=False),
    "key .att intoto 0.0.1": Form(wrap=Wrap.ATT, entry=EntryKind.INTOTO_1, certified=False),
    "key .sig": Form(wrap=Wrap.SIG, certified=False),
    "key .sig hashedrekord": Form(wrap=Wrap.SIG, entry=EntryKind.HASHEDREKORD, certified=False),
}

# Signatures over a file: no statement, so they are evidence about no image (BIND-019).
MESSAGE_FORMS: dict[str, Form] = {
    "v0.3 message": Form(wrap=Wrap.V03, entry=EntryKind.HASHEDREKORD, message=True),
    "v0.1 message": Form(wrap=Wrap.V01, entry=EntryKind.HASHEDREKORD, message=True),
    "v0.3 message, Rekor v2": Form(wrap=Wrap.V03, entry=EntryKind.HASHEDREKORD_2, stamped=True, message=True),
}
