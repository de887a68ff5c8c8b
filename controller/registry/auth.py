"""How a registry is told who asks: anonymous, Basic (RFC 7617), and Bearer by the token dance.

Docker registry token specification ("token", "oauth2"), and for identity tokens the refresh grant of RFC 6749, 6.
Nothing here does I/O or reads a clock: `authenticate` yields what is to be sent and is sent what came back.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from yarl import URL

from controller.core.errors import MalformedDocument, RegistryDenied, RegistryUnavailable
from controller.registry.answers import Answer, host_of, same_origin
from controller.wire.challenge import Challenge, parse_challenges
from controller.wire.dockerconfig import Credential
from controller.wire.token import MAX_TOKEN_BYTES, parse_token

MARGIN_SECONDS = 10.0  # before its end a token is not used any more; of short ones the last quarter
MAX_PARAMETER_CHARACTERS = 1024
CLIENT_ID = "navicert"

_MALFORMED_GRANT = 400  # RFC 6749, 5.2: what an expired identity token is answered with


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """To what access is asked: `url` at a registry, of the repository `path`, with this credential or none."""

    url: URL
    path: str
    credential: Credential | None

    @property
    def scope(self) -> str:
        """The only scope that is ever asked for, whatever a challenge names."""
        return f"repository:{self.path}:pull"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What lets in: the value of an Authorization header, and for how many seconds (None: until it is refused)."""

    authorization: str = field(repr=False)
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send the read itself, with this pass or none, and send its Answer back."""

    shown: Pass | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """Ask this realm for a token, and send the Pass back that `parse_pass` reads from its answer.

    `refused` is the pass that was just refused: one that came since may be taken instead, that one may not.
    """

    realm: URL
    authorization: str | None = field(repr=False)
    form: bytes | None = field(repr=False)
    refused: Pass | None
    limit: int = MAX_TOKEN_BYTES


Step = Send | TokenRequest
_Dance = Generator[Step, Answer | Pass, Answer]


def authenticate(access: Access, *, known: Pass | None) -> _Dance:
    """One read: with the pass that is `known`, and if that is refused once more with a new one. Then the answer stands.

    A challenge counts only in the registry's own answer, never after a redirect (NET-004). Raises RegistryDenied for a
    challenge that can't be answered.
    """
    answer = yield from _sending(known)
    if answer.status != 401 or answer.redirected:
        return answer
    challenge = _chosen(_challenges(access, answer))
    if challenge is None:
        return answer
    if challenge.scheme == "basic":
        basic = _basic(access, known)
        return (yield from _sending(basic)) if basic else answer
    token = yield _token_request(access, challenge, known)
    if not isinstance(token, Pass):
        raise TypeError("a TokenRequest is answered with a Pass")
    return (yield from _sending(token))


def _sending(shown: Pass | None) -> _Dance:
    answer = yield Send(shown=shown)
    if not isinstance(answer, Answer):
        raise TypeError("a Send is answered with an Answer")
    return answer


def parse_pass(request: TokenRequest, answer: Answer) -> Pass:
    """The pass that a realm granted. Raises RegistryDenied if it refused, RegistryUnavailable for anything else."""
    host = host_of(request.realm)
    denied = {401, 403, _MALFORMED_GRANT} if request.form is not None else {401, 403}
    if answer.status in denied:
        raise RegistryDenied(f"the token realm {host} refuses a token (HTTP {answer.status})")
    if answer.status != 200:
        raise RegistryUnavailable(f"the token realm {host} answers HTTP {answer.status}")
    if answer.content is None:
        raise RegistryUnavailable(f"the token realm {host} answers with more than {request.limit} bytes")
    try:
        token = parse_token(answer.content)
    except MalformedDocument as error:
        raise RegistryUnavailable(f"the token realm {host} answers with {error}") from error
    margin = min(MARGIN_SECONDS, token.seconds / 4)
    return Pass(authorization=f"Bearer {token.text}", seconds=token.seconds - margin)


def _challenges(access: Access, answer: Answer) -> tuple[Challenge, ...]:
    try:
        return parse_challenges(answer.headers.getall("WWW-Authenticate", []))
    except MalformedDocument as error:
        raise RegistryDenied(f"{host_of(access.url)} asks for credentials with {error}") from error


def _chosen(challenges: Iterable[Challenge]) -> Challenge | None:
    """Bearer before Basic: a token shows the password to the realm alone."""
    known = {challenge.scheme: challenge for challenge in reversed(list(challenges))}
    return known.get("bearer") or known.get("basic")


def _basic(access: Access, known: Pass | None) -> Pass | None:
    credential = access.credential
    if credential is None or credential.identity_token:
        return None
    shown = Pass(authorization=credential.basic, seconds=None)
    return None if shown == known else shown


def _token_request(access: Access, challenge: Challenge, refused: Pass | None) -> TokenRequest:
    realm = _realm(access.url, challenge.parameters.get("realm", ""))
    service = challenge.parameters.get("service", "")
    if len(service) > MAX_PARAMETER_CHARACTERS:
        raise RegistryDenied(
            f"{host_of(access.url)} names a service of more than {MAX_PARAMETER_CHARACTERS} characters"
        )
    named = ({"service": service} if service else {}) | {"scope": access.scope}
    credential = access.credential
    if credential is not None and credential.identity_token:
        grant = {"grant_type": "refresh_token", "client_id": CLIENT_ID, "refresh_token": credential.identity_token}
        return TokenRequest(realm=realm, authorization=None, form=urlencode(grant | named).encode(), refused=refused)
    basic = credential.basic if credential else None
    return TokenRequest(realm=realm.extend_query(named), authorization=basic, form=None, refused=refused)


def _realm(registry: URL, text: str) -> URL:
    """Where to ask for a token: https, as the registry's own answer over TLS names it, or at the registry itself.

    What a registry says without TLS, anybody on the way may have said: it names no other host (NET-001, NET-002).
    """
    if len(text) > MAX_PARAMETER_CHARACTERS:
        raise RegistryDenied(f"{host_of(registry)} names a realm of more than {MAX_PARAMETER_CHARACTERS} characters")
    try:
        realm = URL(text)
        own = same_origin(realm, registry)
    except ValueError as error:
        raise RegistryDenied(f"{host_of(registry)} names a realm that is no URL") from error
    if realm.scheme not in {"http", "https"} or not realm.host or "@" in realm.authority:
        raise RegistryDenied(f"{host_of(registry)} names no realm on a host")
    if realm.scheme != "https" and not own:
        raise RegistryDenied(f"{host_of(registry)} names the realm {host_of(realm)}, which has no TLS")
    if registry.scheme != "https" and not own:
        raise RegistryDenied(f"{host_of(registry)}, which has no TLS, names a realm on another host, {host_of(realm)}")
    return realm.with_fragment(None)
