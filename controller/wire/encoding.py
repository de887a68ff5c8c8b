"""Base64 as attestations use it."""

import base64

from controller.core.errors import MalformedAttestation

_TO_STANDARD = str.maketrans("-_", "+/")


def parse_base64(text: str, *, what: str) -> bytes:
    """Decode standard or URL-safe base64 (RFC 4648, 4 and 5), padded or not.

    DSSE allows both alphabets and real envelopes use both; one text keeps to one of them. Foreign characters (white
    space included) and wrong padding raise MalformedAttestation, whose message begins with `what`.
    """
    mixed = ("-" in text or "_" in text) and ("+" in text or "/" in text)
    body = text.rstrip("=")
    padding = len(text) - len(body)
    if mixed or padding > 2 or (padding and len(text) % 4):
        raise MalformedAttestation(f"{what} is not base64")
    try:
        return base64.b64decode(body.translate(_TO_STANDARD) + "=" * (-len(body) % 4), validate=True)
    except ValueError:  # binascii.Error included; the text itself stays out of the chain, it can be megabytes
        raise MalformedAttestation(f"{what} is not base64") from None
