"""What a server asks for with WWW-Authenticate (RFC 9110, 11.6.1), and how long Retry-After (10.2.3) says to wait."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from controller.core.errors import MalformedDocument

MAX_CHARACTERS = 8192  # of all challenges of one answer
MAX_CHALLENGES = 8
MAX_PARAMETERS = 16  # of one challenge

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_TOKEN})(?:[ ]+|(?=,|$))")
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:({_TOKEN})|"((?:[\t !#-\[\]-~]|\\[\t -~])*)")[ \t]*(?=,|$)')
_TOKEN68 = re.compile(r"[A-Za-z0-9._~+/-]+=*[ \t]*(?=,|$)")
_COMMAS = re.compile(r"[ \t,]*")
_SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One way to authenticate. Scheme and names of parameters are in lower case, values as they stand, ASCII."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(headers: Sequence[str]) -> tuple[Challenge, ...]:
    """All challenges of an answer, in their order.

    Refuses whatever could be read in two ways: a parameter that stands twice, and text that no challenge accounts for.
    Raises MalformedDocument, which quotes nothing.
    """
    if sum(map(len, headers)) > MAX_CHARACTERS:
        raise MalformedDocument(f"challenges of more than {MAX_CHARACTERS} characters")
    found = tuple(challenge for header in headers for challenge in _challenges(header))
    if len(found) > MAX_CHALLENGES:
        raise MalformedDocument(f"more than {MAX_CHALLENGES} challenges")
    return found


def _challenges(header: str) -> Iterator[Challenge]:
    place = _COMMAS.match(header, 0).end()  # type: ignore[union-attr]  # matches the empty text, too
    while place < len(header):
        scheme = _SCHEME.match(header, place)
        if scheme is None:
            raise MalformedDocument("a challenge without a scheme")
        parameters, place = _parameters(header, scheme.end())
        yield Challenge(scheme=scheme[1].lower(), parameters=parameters)


def _parameters(header: str, place: int) -> tuple[Mapping[str, str], int]:
    """The parameters that begin at `place`, and where the next challenge does."""
    parameters: dict[str, str] = {}
    opaque = None if _PARAMETER.match(header, place) else _TOKEN68.match(header, place)
    if opaque is not None:
        place = _after_commas(header, opaque.end())
    while (found := _PARAMETER.match(header, place)) is not None:
        name = found[1].lower()
        if name in parameters or len(parameters) == MAX_PARAMETERS or opaque is not None:
            raise MalformedDocument("a challenge with a parameter twice, or with too many")
        parameters[name] = found[2] if found[2] is not None else re.sub(r"\\(.)", r"\1", found[3])
        place = _after_commas(header, found.end())
    return parameters, _after_commas(header, place)


def _after_commas(header: str, place: int) -> int:
    return _COMMAS.match(header, place).end()  # type: ignore[union-attr]


def parse_retry_after(text: str, *, now: datetime) -> float | None:
    """Seconds from `now` (aware) on, none of them negative; None for what is neither seconds nor a date."""
    if _SECONDS.fullmatch(text.strip()):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None
