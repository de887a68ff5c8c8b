"""Credentials from files and programs: which, as of when, and what is told of them."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import MalformedDocument, RegistryDenied
from controller.core.image import Repository
from controller.registry import credentials as module
from controller.registry import programs
from controller.registry.credentials import ANONYMOUS, Anonymous, Credentials, FileCredentials
from controller.registry.programs import MAX_ANSWER_BYTES, CredentialPrograms
from controller.wire.dockerconfig import DockerConfig, parse_docker_config

SHOP = Repository.parse("ghcr.io/acme/shop")
OTHER = Repository.parse("other.example/acme/shop")
ANSWER = """echo '{"Username":"user","Secret":"word"}'"""


def write(file: Path, user: str, place: str = "ghcr.io") -> None:
    auth = base64.b64encode(f"{user}:hidden".encode()).decode()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"auths": {place: {"auth": auth}}}))


def read(path: Path, folder: Path | None = None) -> FileCredentials:
    return FileCredentials(path, programs=CredentialPrograms(folder))


async def user_of(provider: Credentials, repository: Repository = SHOP) -> str | None:
    credential = await provider.credential(repository)
    return credential.username if credential else None


@pytest.mark.case("REG-017")
async def test_a_file_holds_credentials(tmp_path: Path) -> None:
    write(tmp_path / "config", "user")
    provider = read(tmp_path / "config")
    assert await user_of(provider) == "user"
    assert await user_of(provider, OTHER) is None


@pytest.mark.case("REG-018")
async def test_a_folder_holds_secrets_as_they_are_mounted(tmp_path: Path) -> None:
    """A mounted Secret is files that are links into a folder that begins with two dots."""
    write(tmp_path / "..2026_06_01" / "team.json", "team", "ghcr.io/acme")
    (tmp_path / "..data").symlink_to("..2026_06_01")
    (tmp_path / "team.json").symlink_to("..data/team.json")
    write(tmp_path / "all" / ".dockerconfigjson", "all")
    write(tmp_path / "all" / "deeper" / "config.json", "deeper", "deeper.example")
    write(tmp_path / "notes.txt", "nobody", "other.example")
    provider = read(tmp_path)
    assert await user_of(provider) == "team"
    assert await user_of(provider, Repository.parse("ghcr.io/x/y")) == "all"
    assert await user_of(provider, OTHER) is None
    assert await user_of(provider, Repository.parse("deeper.example/x")) is None


async def test_of_two_files_the_first_by_name_decides(tmp_path: Path) -> None:
    write(tmp_path / "b.json", "second")
    write(tmp_path / "a.json", "first")
    assert await user_of(read(tmp_path)) == "first"


async def test_files_that_change_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    write(tmp_path / "a.json", "old")
    provider = read(tmp_path)
    before = provider.scope(SHOP)
    write(tmp_path / "new.json", "renewed")
    (tmp_path / "new.json").replace(tmp_path / "a.json")
    assert await user_of(provider) == "renewed"
    assert provider.scope(SHOP) != before
    (tmp_path / "a.json").unlink()
    assert await user_of(provider) is None


async def test_files_that_break_leave_what_was_read_last_and_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    write(tmp_path / "a.json", "good")
    provider = read(tmp_path)
    (tmp_path / "a.json").write_text('{"auths": {"ghcr.io": {"auth": "aGlkZGVu"}}}')
    assert await user_of(provider) == "good"
    assert [record.message for record in caplog.records] == ["credentials not reloaded"]
    assert "a.json" in vars(caplog.records[0])["problem"]
    assert "aGlkZGVu" not in str(vars(caplog.records[0]))


def test_files_that_can_not_be_read_stop_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{")
    for path in (tmp_path, tmp_path / "a.json", tmp_path / "absent"):
        with pytest.raises(MalformedDocument, match=path.name):
            read(path)


@pytest.mark.case("CACHE-009")
@pytest.mark.case("NET-011")
async def test_a_scope_tells_credentials_apart_and_tells_none(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "user")
    write(tmp_path / "b.json", "user", "same.example")
    write(tmp_path / "c.json", "else", "else.example")
    provider = read(tmp_path)
    same, different = Repository.parse("same.example/x"), Repository.parse("else.example/x")
    assert provider.scope(SHOP) == provider.scope(same)
    assert len({provider.scope(SHOP), provider.scope(different), provider.scope(OTHER)}) == 3
    assert provider.scope(OTHER) == Anonymous().scope(SHOP) == ANONYMOUS
    assert "user" not in provider.scope(SHOP)
    assert read(tmp_path).scope(SHOP) != provider.scope(SHOP)  # no table of known passwords fits two processes


async def test_scopes_that_are_remembered_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SCOPES", 3)
    write(tmp_path / "a.json", "user")
    provider = read(tmp_path)
    told = [provider.scope(Repository.parse(f"ghcr.io/acme/{number}")) for number in range(9)]
    assert set(told) == {provider.scope(SHOP)}
    assert len(provider._scopes[1]) <= 3


def brought(**auths: str) -> DockerConfig:
    """The configuration of a workload's own Secret: users by place."""
    entries = {place: {"username": user, "password": "own"} for place, user in auths.items()}
    return parse_docker_config(json.dumps({"auths": entries}).encode())


@pytest.mark.case("REG-018")
async def test_beside_a_workloads_own_the_longest_path_decides_and_of_equals_its_own(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "host")
    write(tmp_path / "b.json", "signatures", "ghcr.io/acme/signatures")
    provider = read(tmp_path)
    beside = provider.beside(brought(**{"ghcr.io": "own", "ghcr.io/acme": "team"}))
    assert await user_of(beside) == "team"
    assert await user_of(beside, Repository.parse("ghcr.io/x/y")) == "own"
    assert await user_of(beside, Repository.parse("ghcr.io/acme/signatures")) == "signatures"
    assert await user_of(beside, OTHER) is None
    assert await user_of(provider) == "host", "whoever comes next is not changed by it"


@pytest.mark.case("CACHE-009")
async def test_scopes_of_workloads_can_be_compared_with_each_other_and_with_our_own(tmp_path: Path) -> None:
    write(tmp_path / "a.json", "robot")
    for provider in (read(tmp_path), Anonymous()):
        team, same = (provider.beside(brought(**{"ghcr.io": "team"})).scope(SHOP) for _ in range(2))
        assert team == same
        assert team != provider.beside(brought(**{"ghcr.io": "other"})).scope(SHOP)
        assert team != provider.scope(SHOP) == provider.beside(brought(**{"x.example": "team"})).scope(SHOP)


async def test_no_program_is_run_for_a_workload(tmp_path: Path) -> None:
    program(tmp_path, ANSWER)
    config = parse_docker_config(b'{"credHelpers": {"ghcr.io": "cloud"}, "credsStore": "cloud"}')
    write(tmp_path / "a.json", "robot", "other.example")
    assert await user_of(read(tmp_path / "a.json", tmp_path).beside(config)) is None


def program(folder: Path, text: str, name: str = "cloud") -> Path:
    file = folder / f"docker-credential-{name}"
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def naming(tmp_path: Path, **document: Any) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document or {"credHelpers": {"ghcr.io": "cloud"}}))
    return path


async def test_a_program_of_the_folder_is_asked_once_for_a_while(tmp_path: Path) -> None:
    program(tmp_path, f'echo "$1 $(cat)" >> {tmp_path}/asked; {ANSWER}')
    provider = read(naming(tmp_path), tmp_path)
    assert await user_of(provider) == "user"
    assert await user_of(provider) == "user"
    assert await user_of(provider, OTHER) is None
    assert (tmp_path / "asked").read_text() == "get ghcr.io\n"
    assert provider.scope(SHOP) not in {ANONYMOUS, provider.scope(OTHER)}


async def test_without_a_folder_a_program_is_looked_for_where_it_is_said_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", ANSWER)
    config = naming(tmp_path)
    found = CredentialPrograms(None, search=f"/nowhere:{tmp_path / 'bin'}")
    assert await user_of(FileCredentials(config, programs=found)) == "user"
    for programs_ in (CredentialPrograms(None, search="/nowhere"), CredentialPrograms(tmp_path, search=str(tmp_path))):
        with pytest.raises(RegistryDenied):
            await user_of(FileCredentials(config, programs=programs_))


async def test_a_store_is_asked_for_docker_hub_in_its_own_spelling(tmp_path: Path) -> None:
    program(tmp_path, f'echo "$(cat)" >> {tmp_path}/asked; {ANSWER}')
    provider = read(naming(tmp_path, credsStore="cloud"), tmp_path)
    assert await user_of(provider, Repository.parse("nginx")) == "user"
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/\n"


async def test_a_program_that_knows_nothing_is_no_error(tmp_path: Path) -> None:
    program(tmp_path, "echo credentials not found in native keychain; exit 1")
    assert await user_of(read(naming(tmp_path), tmp_path)) is None


@pytest.mark.parametrize(
    "text",
    [
        "exit 1",
        "echo hidden",
        "echo hidden; exit 1",
        f"head -c {MAX_ANSWER_BYTES + 1} /dev/zero",
        "yes hidden",
        'echo \'{"Username":"","Secret":"hidden"}\'',
    ],
)
async def test_a_program_that_fails_is_ignorance_and_is_not_quoted(tmp_path: Path, text: str) -> None:
    program(tmp_path, text)
    with pytest.raises(RegistryDenied) as caught:
        await user_of(read(naming(tmp_path), tmp_path))
    assert "hidden" not in str(caught.value)


async def test_a_program_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PROGRAM_SECONDS", 0.3)
    program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(RegistryDenied):
        await user_of(read(naming(tmp_path), tmp_path))
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_programs_are_run_from_the_configured_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program(elsewhere, ANSWER)
    monkeypatch.setenv("PATH", f"{elsewhere}:{os.environ['PATH']}")
    for folder in (None, tmp_path):
        with pytest.raises(RegistryDenied):
            await user_of(read(naming(tmp_path), folder))
