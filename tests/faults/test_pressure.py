"""The webhook without file descriptors, without memory, and under large reviews: it may fail, and never admits."""

from __future__ import annotations

import http.client
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.bench.load import Load
from tests.bench.service import P99_MILLISECONDS, padded
from tests.support.cluster import policy, provenance, trust
from tests.support.processes import Process, wait_until
from tests.support.registries import Cosign, Pushed, Registry
from tests.support.reviews import container, encoded, pod, review
from tests.support.webhook import REQUEST_SECONDS, Webhook

ROOT = Path(__file__).resolve().parents[2]
MIB = 1024 * 1024
LARGE_BYTES = 7 * MIB
PATIENT_SECONDS = 30  # the most that an API server waits, so that a verdict comes however busy the machine is
REVIEW_SECONDS = 5  # where none has to come
CONNECTIONS, SECONDS, ROUNDS = 32, 2.0, 3
GROWTH_BYTES = 12 * MIB  # what allocators keep back for the next burst; 60 KiB of each of some 10,000 reviews are 600
OVER_BARE = 6  # times the latency of the same server over an application that reads nothing, on a busy machine


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A running webhook, two images that it must admit, and one that it must not. The first is in another registry."""

    webhook: Webhook
    good: Pushed
    other: Pushed
    unsigned: Pushed

    def connection(self, seconds: float = REQUEST_SECONDS) -> http.client.HTTPSConnection:
        """A connection that is open already, and kept; an answer that takes longer than this does not count."""
        made = http.client.HTTPSConnection(self.webhook.admission, context=self.webhook.tls, timeout=seconds)
        made.connect()
        return made


def namespace() -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


@pytest.fixture
def scene(
    tmp_path: Path,
    referrers_registry: Registry,
    distribution_registry: Registry,
    cosign: Cosign,
    request: pytest.FixtureRequest,
) -> Iterator[Scene]:
    def pushed(registry: Registry, name: str) -> Pushed:
        return registry.push_image("pressure/shop", content=f"{name} {request.node.name}".encode())

    good = pushed(referrers_registry, "good")
    other, unsigned = (pushed(distribution_registry, name) for name in ("other", "unsigned"))
    for image in (good, other):
        cosign.sign(image)
        cosign.attest(image, provenance())
    policies = tmp_path / "policies.yaml"
    policies.write_text(yaml.safe_dump_all([*trust(cosign.public_key.read_text()), policy(), namespace()]))
    registries = tmp_path / "registries.yaml"
    hosts = (referrers_registry.host, distribution_registry.host)
    registries.write_text(yaml.safe_dump({"registries": [{"host": host, "plainHTTP": True} for host in hosts]}))
    with Webhook(tmp_path / "webhook", "--policies", policies, "--registries", registries) as webhook:
        yield Scene(webhook=webhook, good=good, other=other, unsigned=unsigned)


def ask(
    connection: http.client.HTTPSConnection, image: Pushed, *, size: int = 0, seconds: int = PATIENT_SECONDS
) -> Any:
    """The response to a review of a pod of this image, padded to about so many bytes."""
    document = review(pod(container(image.reference)))
    body = encoded(padded(document, size) if size else document)
    connection.request("POST", f"/validate?timeout={seconds}s", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    return json.loads(content)["response"] if answer.status == 200 else {"allowed": False}


def limit(process: Process, what: int, soft: int) -> tuple[int, int]:
    """Sets the soft limit of a running process, and returns what was before."""
    before = resource.prlimit(process.pid, what)
    resource.prlimit(process.pid, what, (soft, before[1]))
    return before


def status_bytes(process: Process, name: str) -> int:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.case("SVC-010")
def test_without_file_descriptors_what_is_unknown_is_refused_until_there_are_some_again(scene: Scene) -> None:
    process = scene.webhook.process
    with closing(scene.connection()) as kept:
        assert ask(kept, scene.good)["allowed"] is True
        used = [int(one.name) for one in Path(f"/proc/{process.pid}/fd").iterdir()]
        before = limit(process, resource.RLIMIT_NOFILE, 3)  # the limit is of the number: none below it is free
        assert max(used) > 3
        for image in (scene.unsigned, scene.other):
            refused = ask(kept, image)
            assert (refused["allowed"], refused["status"]["code"]) == (False, 503)
            assert "RegistryUnavailable" in refused["status"]["message"]
        with pytest.raises((OSError, http.client.HTTPException)):
            scene.connection(REVIEW_SECONDS)
        assert ask(kept, scene.good)["allowed"] is True
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, before)
        wait_until(lambda: ask(kept, scene.other)["allowed"])
        assert ask(kept, scene.unsigned)["status"]["code"] == 403


@pytest.mark.slow
@pytest.mark.case("SVC-010")
def test_without_memory_it_refuses_or_ends_and_never_admits(scene: Scene) -> None:
    process = scene.webhook.process
    with closing(scene.connection()) as kept:
        assert ask(kept, scene.good)["allowed"] is True
    before = limit(process, resource.RLIMIT_AS, status_bytes(process, "VmSize") + 2 * MIB)

    def press(_number: int) -> bool | None:
        try:
            with closing(scene.connection(3 * REVIEW_SECONDS)) as connection:
                return bool(ask(connection, scene.unsigned, size=LARGE_BYTES, seconds=REVIEW_SECONDS)["allowed"])
        except (OSError, http.client.HTTPException):
            return None

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(press, range(24)))
    assert True not in answers
    assert process.running is False or None in answers or scene.webhook.metric("navicert_internal_errors_total") > 0
    if process.running:
        resource.prlimit(process.pid, resource.RLIMIT_AS, before)
        wait_until(lambda: not process.running or admits(scene, scene.good))


def admits(scene: Scene, image: Pushed) -> bool:
    """Whether this image is admitted; one that can't even be asked about is not."""
    try:
        with closing(scene.connection()) as connection:
            return ask(connection, image)["allowed"] is True
    except (OSError, http.client.HTTPException):
        return False


def load(address: str, authority: Path, body: bytes) -> Load:
    command = (sys.executable, "-m", "tests.bench.load", address, str(authority), str(CONNECTIONS), str(SECONDS))
    return Load(**json.loads(subprocess.run(command, input=body, capture_output=True, check=True, cwd=ROOT).stdout))


@pytest.mark.slow
@pytest.mark.case("SVC-013")
def test_large_reviews_at_once_keep_their_latency_and_take_no_memory(scene: Scene, tmp_path: Path) -> None:
    authority, folder = tmp_path / "ca.crt", scene.webhook.folder
    authority.write_bytes(scene.webhook.ca)
    body = encoded(padded(review(pod(container(scene.good.reference))), 60_000))
    bare: list[str | Path] = [sys.executable, "-m", "tests.bench.floor", folder / "webhook.crt", folder / "webhook.key"]
    with Process(bare, log=tmp_path / "bare.log", cwd=ROOT) as server:
        server.wait_ready(lambda: "\n" in server.output())
        address = json.loads(server.output().splitlines()[0])["address"]
        load(scene.webhook.admission, authority, body)
        before = status_bytes(scene.webhook.process, "VmRSS")
        pairs = [
            (load(scene.webhook.admission, authority, body), load(address, authority, body)) for _ in range(ROUNDS)
        ]
    grown = status_bytes(scene.webhook.process, "VmRSS") - before
    sys.stdout.write(
        "".join(f"\n{mine.rate:.0f}/s p99 {mine.p99:.0f} ms, bare {base.p99:.0f} ms" for mine, base in pairs)
    )
    sys.stdout.write(f"\n{grown / MIB:+.1f} MiB after {sum(mine.answers for mine, _ in pairs)} reviews\n")
    assert any(mine.p99 <= max(P99_MILLISECONDS, OVER_BARE * base.p99) for mine, base in pairs)
    assert grown < GROWTH_BYTES
