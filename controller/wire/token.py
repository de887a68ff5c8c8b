"""What a token realm answers: the Docker registry token specification, and OAuth 2.0 (RFC 6749, 5.1) for the rest."""

import re
from dataclasses import dataclass, field

import msgspec

from controller.core.errors import MalformedAttestation, MalformedDocument
from controller.wire.strictjson import parse_strict

MAX_TOKEN_BYTES = 64 * 1024  # of the whole answer
MAX_TOKEN_CHARACTERS = 32 * 1024
DEFAULT_SECONDS = 60.0  # of a token that does not say how long it lasts
MAX_SECONDS = 24 * 3600.0

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, 2.1: nothing that could end a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A bearer token and for how many seconds it is said to be good. Its text never shows."""

    text: str = field(repr=False)
    seconds: float


class _Answer(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None
    expires_in: int | None = None


def parse_token(content: bytes) -> Token:
    """Read a realm's answer; of `token` and `access_token`, which mean the same, the first that is there.

    Raises MalformedDocument, which quotes nothing of the answer.
    """
    if len(content) > MAX_TOKEN_BYTES:
        raise MalformedDocument(f"a token of more than {MAX_TOKEN_BYTES} bytes")
    try:
        answer = parse_strict(content, _Answer, what="token")
    except MalformedAttestation:
        raise MalformedDocument("no token") from None
    text = answer.token or answer.access_token or ""
    if len(text) > MAX_TOKEN_CHARACTERS or not _TOKEN.fullmatch(text):
        raise MalformedDocument("no token")
    told = DEFAULT_SECONDS if answer.expires_in is None else float(min(answer.expires_in, int(MAX_SECONDS)))
    return Token(text=text, seconds=max(told, 0.0))
