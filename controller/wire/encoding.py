"""Base64 as attestations use it."""

import msgspec

from controller.core.errors import MalformedAttestation


def parse_base64(text: str, *, what: str) -> bytes:
    """Decode standard or URL-safe base64 (RFC 4648, 4 and 5), padded or not.

    DSSE allows both alphabets and real envelopes use both; one text keeps to one of them. Foreign characters (white
    space included) and wrong padding raise MalformedAttestation, whose message begins with `what`.
    """
    if len(text) % 4 == 0 and not text.endswith("==="):  # nearly all, and nothing to mend
        try:
            return msgspec.convert(text, bytes)  # several times faster than binascii
        except ValueError:
            pass
    return _mended(text, what)


def _mended(text: str, what: str) -> bytes:
    body = text.rstrip("=")
    padding = len(text) - len(body)
    if padding > 2 or (padding and len(text) % 4):
        raise MalformedAttestation(f"{what} is not base64")
    if "-" in body or "_" in body:
        if "+" in body or "/" in body:
            raise MalformedAttestation(f"{what} is not base64")
        body = body.replace("-", "+").replace("_", "/")
    try:
        return msgspec.convert(body + "=" * (-len(body) % 4), bytes)
    except ValueError:  # the text itself stays out of the chain, it can be megabytes
        raise MalformedAttestation(f"{what} is not base64") from None
