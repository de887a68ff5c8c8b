"""`navicert verify` against real registries: what cosign attested, what is captured of it, what does not answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster import NAMESPACE, provenance
from tests.support.commands import Commands
from tests.support.desk import Desk
from tests.support.faultproxy import FaultProxy
from tests.support.privateregistries import NAME, PASSWORD, Access, private_registry
from tests.support.processes import READY_SECONDS, free_port
from tests.support.registries import Cosign, Pushed, Registry

NAMES = (f"verified/shop-{number}" for number in itertools.count())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cosign: Cosign) -> Desk:
    return Desk(tmp_path, Commands(tmp_path, monkeypatch, capsys), cosign.public_key.read_text())


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(READY_SECONDS)
        yield server


def attested(registry: Registry, cosign: Cosign, tag: str | None = None) -> Pushed:
    repository = next(NAMES)
    pushed = registry.push_image(repository, content=repository.encode())
    if tag:
        registry.tag(pushed, tag)
    cosign.attest(pushed, provenance())
    cosign.sign(pushed)
    return pushed


@pytest.mark.case("CLI-001")
def test_an_attested_image_is_admitted_by_digest_and_by_tag(registry: Registry, cosign: Cosign, desk: Desk) -> None:
    image = attested(registry, cosign, tag="v1")
    pinned, tagged = desk.verify(image.reference), desk.verify(f"{registry.host}/{image.repository}:v1")
    for ended in (pinned, tagged):
        assert (ended.code, ended.err) == (0, "")
        assert f"  digest   {image.digest}\n  level    2\n  builder  acme-ci: " in ended.out
    assert "it can move" not in pinned.out
    assert "it can move" in tagged.out


@pytest.mark.case("CLI-002")
@pytest.mark.case("CLI-003")
def test_refused_unreachable_and_missing_images_are_told_apart(registry: Registry, cosign: Cosign, desk: Desk) -> None:
    good, bad = attested(registry, cosign), registry.push_image(next(NAMES))
    dead = f"127.0.0.1:{free_port()}/verified/shop@{good.digest}"
    missing = f"{registry.host}/{good.repository}:missing"
    assert desk.verify(bad.reference).code == 1
    assert desk.verify(dead).code == 3
    assert "ImageNotFound" in desk.verify(missing).out
    ended = desk.verify(good.reference, bad.reference, dead)
    assert ended.code == 1
    assert [row.split()[1] for row in ended.out.splitlines()[1:4]] == ["admitted", "refused", "unknown"]
    assert "NoProvenance" in ended.out
    assert "RegistryUnavailable" in ended.out


async def test_a_slow_registry_is_waited_for_whatever_the_mode_of_the_policy(
    referrers_registry: Registry, desk: Desk
) -> None:
    """No pod waits: what is cut short for an Audit policy in a review would only be told as unknown."""
    image = referrers_registry.push_image(next(NAMES))
    file = desk.path / "policies.yaml"
    file.write_text(file.read_text().replace("mode: Enforce", "mode: Audit"))
    async with FaultProxy(referrers_registry.host, trip_seconds=0.4).running() as proxy:
        name = f"{proxy.host}/{image.repository}@{image.digest}"
        ended = await asyncio.to_thread(desk.answered, name)
    assert (ended.code, "NoProvenance" in ended.out) == (0, True)


@pytest.mark.case("CLI-012")
@pytest.mark.parametrize("sound", [True, False])
def test_a_captured_image_gets_offline_the_verdict_it_gets_online(
    registry: Registry, cosign: Cosign, desk: Desk, *, sound: bool
) -> None:
    image = attested(registry, cosign) if sound else registry.push_image(next(NAMES))
    setting = desk.registries({"host": registry.host, "plainHTTP": True})
    captured = desk.path / "captured"
    assert desk.run("capture", "--registries", setting, "--output", captured, image.reference).code == 0
    output = ("--output", "json")
    online = desk.run(*desk.arguments(image.reference), *output)
    name = image.reference.partition("@")[0]
    offline = desk.run(*desk.arguments(f"oci:{captured}"), "--offline", "--as", name, *output)
    assert json.loads(offline.out) == json.loads(online.out)
    assert (offline.code, online.code) == ((0, 0) if sound else (1, 1))


@pytest.mark.case("CLI-016")
def test_what_cosign_saved_is_judged_by_the_name_it_stands_for(
    referrers_registry: Registry, cosign: Cosign, desk: Desk
) -> None:
    image = attested(referrers_registry, cosign)
    cosign.run("save", "--dir", desk.path / "saved", image.reference)
    ended = desk.run(
        *desk.arguments(f"oci:{desk.path / 'saved'}"), "--as", image.reference.partition("@")[0], "--offline"
    )
    assert ended.code == 0
    assert "level    2" in ended.out


@pytest.mark.parametrize("command", ["verify", "capture"])
@pytest.mark.parametrize("folder", [True, False], ids=["a folder of programs", "programs on PATH"])
def test_the_users_own_credentials_are_shown_to_their_registry(desk: Desk, command: str, *, folder: bool) -> None:
    with private_registry(desk.path / "private", Access.BASIC) as private:
        image = private.push_image(next(NAMES))
        setting = desk.registries({"host": private.host, "caBundle": private.authority.decode()})
        specific = {
            "verify": ["--policies", str(desk.path / "policies.yaml"), "--namespace", NAMESPACE],
            "capture": ["--output", str(desk.path / "captured")],
        }
        arguments = [command, "--registries", str(setting), *specific[command], image.reference]
        assert desk.ended(*arguments) == 3
        answer = json.dumps({"Username": NAME, "Secret": PASSWORD})
        program = desk.path / "docker-credential-test"
        program.write_text(f"#!/bin/sh\necho '{answer}'\n")
        program.chmod(0o700)
        (desk.path / ".docker").mkdir()
        (desk.path / ".docker" / "config.json").write_text(json.dumps({"credHelpers": {private.host: "test"}}))
        programs = ["--credential-programs", str(desk.path)] if folder else []
        path = os.defpath if folder else f"{desk.path}:{os.defpath}"
        ended = desk.ended(*arguments, *programs, PATH=path)
        assert ended == (1 if command == "verify" else 0)  # found out, and not attested


@pytest.mark.case("CLI-008")
def test_an_interrupt_ends_it_at_once_and_without_a_trace(desk: Desk, silent: socket.socket) -> None:
    host = f"127.0.0.1:{silent.getsockname()[1]}"
    image = f"{host}/verified/shop@sha256:{'a' * 64}"
    with desk.start(image) as running, silent.accept()[0]:  # it has asked by now
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=180)
    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err


@pytest.mark.case("CLI-008")
def test_a_closed_pipe_ends_it_without_a_trace_and_is_no_admission(desk: Desk) -> None:
    images = [f"quay.io/other/image-{number}@sha256:{'a' * 64}" for number in range(200)]
    with desk.start(*images) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        err = running.stderr.read()
        assert running.wait(timeout=180) != 0
    assert "Traceback" not in err
