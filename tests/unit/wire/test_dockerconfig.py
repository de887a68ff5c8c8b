"""Docker's configuration files: whose credential is where, and what is none."""

import base64
import json
from typing import Any

import pytest

from controller.core.errors import MalformedDocument
from controller.core.image import Repository
from controller.wire.dockerconfig import (
    MAX_CONFIG_BYTES,
    Credential,
    DockerConfig,
    Program,
    parse_docker_cfg,
    parse_docker_config,
    parse_program_answer,
)


def auth(user: str, password: str = "word") -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def parse(**document: Any) -> DockerConfig:
    return parse_docker_config(json.dumps(document).encode())


def user_of(config: DockerConfig, name: str) -> str | None:
    source = config.source(Repository.parse(name))
    return source.username if isinstance(source, Credential) else None


CONFIG = parse(
    auths={
        "ghcr.io": auth("host"),
        "ghcr.io/acme": auth("team"),
        "ghcr.io/acme/shop": auth("shop"),
        "https://registry.example:5000/v2/": auth("port"),
        "https://index.docker.io/v1/": auth("hub"),
        "not a host": auth("nobody"),
        "empty.example": {},
    }
)


@pytest.mark.case("REG-017")
@pytest.mark.case("REG-018")
@pytest.mark.case("NET-009")
@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("ghcr.io/other/app", "host"),
        ("ghcr.io/acme/app", "team"),
        ("ghcr.io/acme/shop", "shop"),
        ("ghcr.io/acme/shop/part", "shop"),
        ("ghcr.io/acme/shopping", "team"),
        ("ghcr.io/acme-evil/app", "host"),
        ("ghcr.io:5000/acme/shop", None),
        ("evil.ghcr.io/acme/shop", None),
        ("ghcr.io.evil.example/acme/shop", None),
        ("registry.example:5000/app", "port"),
        ("registry.example/app", None),
        ("nginx", "hub"),
        ("docker.io/acme/app", "hub"),
        ("empty.example/app", None),
        ("elsewhere.example/app", None),
    ],
)
def test_the_longest_host_and_path_that_cover_a_repository_win(name: str, user: str | None) -> None:
    assert user_of(CONFIG, name) == user


@pytest.mark.parametrize(
    "place",
    ["docker.io", "index.docker.io", "registry-1.docker.io", "https://index.docker.io/v1", "https://docker.io/"],
)
def test_docker_hub_has_one_credential_in_any_spelling(place: str) -> None:
    assert user_of(parse(auths={place: auth("hub")}), "nginx") == "hub"


def test_fields_of_a_credential() -> None:
    config = parse(
        auths={
            "a.example": {"username": "user", "password": "w:rd"},
            "b.example": auth("user", "w:rd"),
            "c.example": {"identitytoken": "token", "auth": "PHRva2VuPjo="},
            "d.example": {"username": None, "password": None, "auth": None, "email": "x@y.example"},
        },
        HttpHeaders={"X": "y"},
    )
    same = Credential(username="user", password="w:rd")
    assert config.source(Repository.parse("a.example/app")) == same
    assert config.source(Repository.parse("b.example/app")) == same
    token = config.source(Repository.parse("c.example/app"))
    assert isinstance(token, Credential)
    assert token.identity_token == "token"
    assert config.source(Repository.parse("d.example/app")) is None


def test_programs_are_asked_by_the_name_that_the_file_gives() -> None:
    config = parse(auths={"a.example": auth("file")}, credHelpers={"b.example": "cloud"}, credsStore="desktop")
    assert user_of(config, "a.example/app") == "file"
    assert config.source(Repository.parse("b.example/app")) == Program(name="cloud", server="b.example")
    assert config.source(Repository.parse("nginx")) == Program(name="desktop", server="https://index.docker.io/v1/")


def test_a_program_goes_before_a_credential_of_the_same_place() -> None:
    config = parse(auths={"a.example": auth("file")}, credHelpers={"a.example": "cloud"})
    assert config.source(Repository.parse("a.example/app")) == Program(name="cloud", server="a.example")


def test_of_two_files_that_say_the_same_place_the_first_decides() -> None:
    joined = DockerConfig.joined([parse(auths={"a.example": auth(name)}) for name in ("first", "second")])
    assert user_of(joined, "a.example/app") == "first"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{",
        b'{"auths": []}',
        b'{"auths": {"a.example": {"auth": 1}}}',
        b'{"auths": {"a.example": {"auth": "c2VjcmV0"}}}',
        b'{"auths": {"a.example": {"auth": "!!!!"}}}',
        b'{"auths": {"a.example": {"auth": "//79"}}}',
        b'{"auths": {"a.example": {"username": "secret"}}}',
        b'{"auths": {"a.example": {"username": "se:cret", "password": "secret"}}}',
        b'{"auths": {"a.example": {"username": "user", "password": "secret\\r\\nX: y"}}}',
        b'{"auths": {"a.example": {}}, "auths": {}}',
        b'{"credHelpers": {"a.example": "../../bin/sh"}}',
        b'{"credHelpers": {"a.example": ""}}',
        b'{"credsStore": "a/b"}',
        b'{"credsStore": "Upper"}',
        b" " * MAX_CONFIG_BYTES + b"{}",
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:60]),
)
def test_a_file_that_is_none_is_refused_without_quoting_it(content: bytes) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_docker_config(content)
    assert "secret" not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


@pytest.mark.case("NET-011")
def test_a_credential_does_not_show_itself() -> None:
    shown = repr(CONFIG) + repr(Credential(username="u", password="hidden", identity_token="hidden"))
    assert "hidden" not in shown
    assert "word" not in shown.replace("password", "")


def test_what_a_program_prints() -> None:
    told = parse_program_answer(b'{"ServerURL":"x","Username":"user","Secret":"word"}\n')
    assert told == Credential(username="user", password="word")
    assert parse_program_answer(b'{"Username":"<token>","Secret":"t"}').identity_token == "t"
    for content in (b"", b"{}", b'{"Username":"","Secret":""}', b'{"Username":"user","Secret":1}', b"secret"):
        with pytest.raises(MalformedDocument) as caught:
            parse_program_answer(content)
        assert "secret" not in str(caught.value)


def test_the_older_form_is_what_stands_under_auths_alone() -> None:
    auths = {"ghcr.io/acme": auth("team"), "ghcr.io": auth("host"), "empty.example": {}}
    assert parse_docker_cfg(json.dumps(auths).encode()) == parse(auths=auths)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"ghcr.io": 1}', b'{"ghcr.io": {"auth": "aGlkZGVu"}}', b'{"a": {}, "a": {}}']
)
def test_the_older_form_has_one_meaning_and_its_message_no_secret(content: bytes) -> None:
    with pytest.raises(MalformedDocument) as caught:
        parse_docker_cfg(content)
    assert "aGlkZGVu" not in str(caught.value)


def test_what_a_file_says_itself_leaves_out_every_program() -> None:
    config = parse(auths={"ghcr.io": auth("host")}, credHelpers={"other.example": "cloud"}, credsStore="desktop")
    assert config.told == parse(auths={"ghcr.io": auth("host")})
