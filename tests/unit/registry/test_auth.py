"""The token dance, step by step, by hand: what is sent where, and what a challenge may not bring about."""

from __future__ import annotations

import base64
from collections.abc import Generator
from urllib.parse import parse_qs

import pytest
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from controller.core.errors import RegistryDenied, RegistryUnavailable
from controller.registry.answers import Answer
from controller.registry.auth import Access, Pass, Send, Step, TokenRequest, authenticate, parse_pass
from controller.wire.dockerconfig import Credential

URL_READ = URL("https://registry.example/v2/acme/shop/manifests/v1")
PASSWORD = Credential(username="user", password="hidden")
IDENTITY = Credential(username="", password="", identity_token="refresh")
BASIC = "Basic " + base64.b64encode(b"user:hidden").decode()
REALM = 'Bearer realm="https://auth.example/token?x=1",service="registry",scope="repository:other/secret:push"'
TOKEN = Pass(authorization="Bearer one", seconds=50.0)

Dance = Generator[Step, Answer | Pass, Answer]


def answer(status: int, *challenges: str, content: bytes | None = b"", redirected: bool = False) -> Answer:
    headers = CIMultiDictProxy(CIMultiDict([("WWW-Authenticate", challenge) for challenge in challenges]))
    return Answer(status=status, headers=headers, content=content, redirected=redirected)


def dance(credential: Credential | None = None, *, known: Pass | None = None, url: URL = URL_READ) -> Dance:
    return authenticate(Access(url=url, path="acme/shop", credential=credential), known=known)


def ended(started: Dance, sent: Answer | Pass) -> Answer:
    with pytest.raises(StopIteration) as end:
        started.send(sent)
    result: Answer = end.value.value
    return result


def token_request(credential: Credential | None = None, challenge: str = REALM, url: URL = URL_READ) -> TokenRequest:
    started = dance(credential, url=url)
    next(started)
    step = started.send(answer(401, challenge))
    assert isinstance(step, TokenRequest)
    return step


@pytest.mark.case("REG-017")
@pytest.mark.parametrize("status", [200, 404, 403, 500])
def test_nothing_is_shown_to_who_asks_for_nothing(status: int) -> None:
    started = dance(PASSWORD)
    assert next(started) == Send(shown=None)
    assert ended(started, answer(status, REALM)).status == status


@pytest.mark.case("REG-017")
def test_basic_is_shown_when_it_is_asked_for() -> None:
    started = dance(PASSWORD)
    next(started)
    step = started.send(answer(401, 'Basic realm="x"'))
    assert isinstance(step, Send)
    assert step.shown == Pass(authorization=BASIC, seconds=None)
    assert ended(started, answer(200)).status == 200


@pytest.mark.case("REG-007")
@pytest.mark.parametrize("credential", [None, IDENTITY], ids=["none", "identity token"])
def test_without_a_password_basic_is_not_answered(credential: Credential | None) -> None:
    started = dance(credential)
    next(started)
    assert ended(started, answer(401, "Basic")).status == 401


@pytest.mark.case("REG-007")
def test_a_password_that_was_refused_is_not_shown_again() -> None:
    started = dance(PASSWORD, known=Pass(authorization=BASIC, seconds=None))
    next(started)
    assert ended(started, answer(401, "Basic")).status == 401


@pytest.mark.case("REG-017")
def test_a_token_is_asked_for_with_the_password_and_for_pulling_this_repository_only() -> None:
    request = token_request(PASSWORD)
    assert request.realm.origin() == URL("https://auth.example")
    assert dict(request.realm.query) == {"x": "1", "service": "registry", "scope": "repository:acme/shop:pull"}
    assert (request.authorization, request.form) == (BASIC, None)


@pytest.mark.case("REG-017")
def test_anonymous_pull_asks_for_a_token_without_a_password() -> None:
    assert token_request().authorization is None


def test_an_identity_token_is_posted_and_not_put_into_a_url() -> None:
    request = token_request(IDENTITY)
    assert request.realm == URL("https://auth.example/token?x=1")
    assert request.authorization is None
    assert request.form is not None
    assert parse_qs(request.form.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["navicert"],
        "refresh_token": ["refresh"],
        "service": ["registry"],
        "scope": ["repository:acme/shop:pull"],
    }


@pytest.mark.case("REG-017")
def test_a_token_goes_to_the_read_and_its_answer_stands() -> None:
    started = dance(PASSWORD)
    next(started)
    started.send(answer(401, REALM))
    assert started.send(TOKEN) == Send(shown=TOKEN)
    assert ended(started, answer(200)).status == 200


@pytest.mark.case("REG-007")
def test_a_fresh_token_that_is_refused_is_the_end() -> None:
    started = dance(PASSWORD)
    next(started)
    started.send(answer(401, REALM))
    started.send(TOKEN)
    assert ended(started, answer(401, REALM)).status == 401


@pytest.mark.case("REG-010")
def test_a_token_that_ended_early_is_refreshed_once() -> None:
    started = dance(PASSWORD, known=TOKEN)
    assert next(started) == Send(shown=TOKEN)
    step = started.send(answer(401, REALM))
    assert isinstance(step, TokenRequest)
    assert step.refused == TOKEN
    started.send(Pass(authorization="Bearer two", seconds=50.0))
    assert ended(started, answer(401, REALM)).status == 401


@pytest.mark.case("NET-004")
def test_a_challenge_after_a_redirect_is_not_answered() -> None:
    started = dance(PASSWORD)
    next(started)
    assert ended(started, answer(401, REALM, redirected=True)).status == 401


def test_a_token_is_preferred_to_showing_the_password() -> None:
    started = dance(PASSWORD)
    next(started)
    assert isinstance(started.send(answer(401, 'Basic realm="x"', REALM)), TokenRequest)


@pytest.mark.parametrize("challenges", [(), ("Negotiate",), ("Digest realm=x",)])
def test_a_challenge_of_another_kind_is_not_answered(challenges: tuple[str, ...]) -> None:
    started = dance(PASSWORD)
    next(started)
    assert ended(started, answer(401, *challenges)).status == 401


@pytest.mark.case("NET-001")
@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example/token",
        "http://registry.example/token",
        "ftp://auth.example/token",
        "file:///etc/passwd",
        "//auth.example/token",
        "/token",
        "",
        "https://",
        "https:///token",
        "https://user:word@auth.example/token",
        "https://user@auth.example/token",
        "https://auth.example:99999/token",
        "https://auth.example/" + "a" * 1024,
        "https://[::1",
    ],
    ids=lambda realm: realm[:40],
)
@pytest.mark.parametrize("credential", [PASSWORD, None], ids=["password", "anonymous"])
def test_a_realm_that_is_no_https_host_is_refused(realm: str, credential: Credential | None) -> None:
    started = dance(credential)
    next(started)
    with pytest.raises(RegistryDenied):
        started.send(answer(401, f'Bearer realm="{realm}"'))


@pytest.mark.case("NET-002")
@pytest.mark.parametrize(
    ("realm", "allowed"),
    [
        ("http://registry.example:5000/token", True),
        ("http://registry.example/token", False),
        ("http://registry.example:5001/token", False),
        ("http://auth.example/token", False),
        ("https://auth.example/token", False),
        ("https://registry.example:5000/token", False),
    ],
)
def test_a_registry_without_tls_names_no_realm_but_itself(realm: str, *, allowed: bool) -> None:
    url = URL("http://registry.example:5000/v2/acme/shop/manifests/v1")
    if allowed:
        assert token_request(PASSWORD, f'Bearer realm="{realm}"', url).realm.origin() == URL(realm).origin()
        return
    with pytest.raises(RegistryDenied):
        token_request(PASSWORD, f'Bearer realm="{realm}"', url)


@pytest.mark.parametrize(
    "challenge",
    ['Bearer realm="a', "Bearer realm=a, realm=b", "=", f'Bearer realm="https://a.example/",service="{"s" * 1025}"'],
    ids=["open", "twice", "no scheme", "long service"],
)
def test_a_challenge_that_can_not_be_read_is_refused(challenge: str) -> None:
    started = dance(PASSWORD)
    next(started)
    with pytest.raises(RegistryDenied):
        started.send(answer(401, challenge))


@pytest.mark.case("REG-010")
@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (b'{"token": "one", "expires_in": 300}', 290.0),
        (b'{"access_token": "one", "expires_in": 20}', 15.0),
        (b'{"token": "one"}', 50.0),
        (b'{"token": "one", "expires_in": 0}', 0.0),
    ],
)
def test_a_pass_ends_before_its_token(content: bytes, seconds: float) -> None:
    granted = parse_pass(token_request(PASSWORD), answer(200, content=content))
    assert (granted.authorization, granted.seconds) == ("Bearer one", seconds)


@pytest.mark.case("REG-010")
@pytest.mark.parametrize(
    ("credential", "given", "expected"),
    [
        (PASSWORD, answer(401), RegistryDenied),
        (PASSWORD, answer(403), RegistryDenied),
        (PASSWORD, answer(400), RegistryUnavailable),
        (IDENTITY, answer(400), RegistryDenied),
        (PASSWORD, answer(307), RegistryUnavailable),
        (PASSWORD, answer(500), RegistryUnavailable),
        (PASSWORD, answer(200, content=b"<html>"), RegistryUnavailable),
        (PASSWORD, answer(200, content=b"{}"), RegistryUnavailable),
        (PASSWORD, answer(200, content=None), RegistryUnavailable),
    ],
)
def test_a_realm_that_grants_nothing(credential: Credential, given: Answer, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        parse_pass(token_request(credential), given)


@pytest.mark.case("NET-011")
def test_no_step_shows_a_secret() -> None:
    access = Access(url=URL_READ, path="a", credential=PASSWORD)
    steps = [token_request(PASSWORD), token_request(IDENTITY), Send(shown=TOKEN), access]
    assert not any(secret in repr(steps) for secret in ("hidden", "refresh_token", BASIC, "Bearer one"))
