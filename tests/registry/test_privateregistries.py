"""The private registries of the tests ask for what they say, so that a client which gets in was let in."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.privateregistries import NAME, PASSWORD, Access, PrivateRegistry, private_registry
from tests.support.registries import Pushed, Registry, Response
from tests.support.tokenserver import SERVICE, TokenFault, basic

REPOSITORY = "acme/shop"


@pytest.fixture(params=list(Access), ids=lambda access: access.name.lower())
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path, request.param) as running:
        yield running


@pytest.fixture
def tokened(tmp_path: Path) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path, Access.TOKEN) as running:
        yield running


def asked(registry: PrivateRegistry, image: Pushed, authorization: str) -> Response:
    return registry.request("GET", f"/v2/{REPOSITORY}/manifests/{image.digest}", authorization=authorization)


def from_realm(registry: PrivateRegistry, authorization: str | None) -> str:
    """A token as a client gets it: over TLS that the registry's authority vouches for."""
    assert registry.tokens is not None
    url = f"{registry.tokens.url}?service={SERVICE}&scope=repository:{REPOSITORY}:pull"
    request = urllib.request.Request(url, headers={"Authorization": authorization} if authorization else {})
    tls = ssl.create_default_context(cadata=registry.authority.decode())
    with urllib.request.urlopen(request, timeout=60, context=tls) as answer:
        return str(json.load(answer)["token"])


def test_what_is_asked_for_lets_in_and_nothing_else_does(registry: PrivateRegistry) -> None:
    image = registry.push_image(REPOSITORY)
    unknown = asked(registry, image, "")
    challenge = unknown.headers.get("www-authenticate", "")
    if registry.tokens is not None:
        assert (unknown.status, challenge.split(" ")[0]) == (401, "Bearer")
        assert f'realm="{registry.tokens.url}"' in challenge
        assert asked(registry, image, f"Bearer {from_realm(registry, basic(NAME, PASSWORD))}").status == 200
    elif "basic" in challenge.lower():
        assert unknown.status == 401
        assert asked(registry, image, basic(NAME, "wrong")).status == 401
        assert asked(registry, image, basic(NAME, PASSWORD)).status == 200
    else:
        assert unknown.status == 200


def test_a_token_serves_its_repository_for_its_time(tokened: PrivateRegistry) -> None:
    image = tokened.push_image(REPOSITORY)
    assert tokened.tokens is not None
    other = tokened.tokens.token("repository:acme/other:pull")
    expired = tokened.tokens.token(f"repository:{REPOSITORY}:pull", seconds=-120)
    assert [asked(tokened, image, f"Bearer {token}").status for token in (other, expired)] == [401, 401]


def test_anybody_gets_a_token_and_it_opens_what_is_public(tokened: PrivateRegistry) -> None:
    image = tokened.push_image(REPOSITORY)
    assert asked(tokened, image, f"Bearer {from_realm(tokened, None)}").status == 401
    assert tokened.tokens is not None
    tokened.tokens.public = frozenset({REPOSITORY})
    assert asked(tokened, image, f"Bearer {from_realm(tokened, None)}").status == 200


def test_a_realm_that_hands_out_expired_tokens_lets_nobody_in(tokened: PrivateRegistry) -> None:
    image = tokened.push_image(REPOSITORY)
    assert tokened.tokens is not None
    tokened.tokens.fault = TokenFault.EXPIRED
    assert asked(tokened, image, f"Bearer {from_realm(tokened, basic(NAME, PASSWORD))}").status == 401
    assert tokened.tokens.requests[-1].scopes == (f"repository:{REPOSITORY}:pull",)


def test_without_the_authority_there_is_no_connection(registry: PrivateRegistry) -> None:
    with pytest.raises(OSError, match="certificate verify failed"):
        urllib.request.urlopen(f"{registry.url}/v2/", timeout=60, context=ssl.create_default_context())


def test_an_ordinary_registry_is_one_as_before(distribution_registry: Registry) -> None:
    assert distribution_registry.request("GET", "/v2/").status == 200
