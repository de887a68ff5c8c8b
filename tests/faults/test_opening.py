"""What serve, scan, verify and the operator gather through, opened as they do: nothing of it is left unconnected."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from controller.core.image import Repository
from controller.core.workload import Form, PulledWith, Workload
from controller.engine.access import gathering_as
from controller.engine.opening import Opened, open_gatherer
from controller.kube.client import Object
from controller.kube.pullsecrets import PullSecrets
from controller.registry import credentials as files
from controller.registry.client import NO_CREDENTIALS
from controller.registry.credentials import Credentials, FileCredentials
from controller.registry.programs import CredentialPrograms
from controller.wire.registries import parse_registries
from tests.support.foundry import Foundry
from tests.support.scripted import Reply, ScriptedServer, Seen
from tests.support.shelves import attested, request_of

BASIC = "Basic " + base64.b64encode(b"robot:word").decode()


class Town:
    """A registry with an attested image, seen by all or by who is known, and a gatherer that is opened over it."""

    def __init__(self) -> None:
        self.foundry = Foundry()
        self.shelf, _ = attested(self.foundry)
        self.server = ScriptedServer(self.answer)
        self.guarded = False
        self.counted: Counter[tuple[str, str]] = Counter()

    def answer(self, seen: Seen) -> Reply:
        if self.guarded and seen.authorization != BASIC:
            return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="town"'})
        page = self.shelf.pages.get(seen.target.removeprefix("/v2/acme/shop/"))
        return Reply(body=page.content, headers={"Content-Type": page.content_type}) if page else Reply(status=404)

    @property
    def repository(self) -> Repository:
        return Repository(self.server.host, "acme/shop")

    @asynccontextmanager
    async def opened(
        self, credentials: Credentials = NO_CREDENTIALS, secrets: PullSecrets | None = None, **entry: str
    ) -> AsyncIterator[Opened]:
        registries = parse_registries([{"host": self.server.host, "plainHTTP": True, **entry}])

        def count(host: str, outcome: str) -> None:
            self.counted[host, outcome] += 1

        async with open_gatherer(registries, credentials, lambda: None, secrets=secrets, count=count) as opened:
            yield opened

    async def statements(self, opened: Opened, workload: Workload | None = None) -> int:
        """How many are found, by the workload's own Secrets where there is one."""
        gather = gathering_as(workload, opened.gather, opened.find_access) if workload else opened.gather
        request = request_of(self.foundry.roots, digest=self.shelf.subject, repository=self.repository)
        return len((await gather(request)).statements)


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    made = Town()
    async with made.server.running():
        yield made


def config(host: str) -> bytes:
    return json.dumps({"auths": {host: {"username": "robot", "password": "word"}}}).encode()


async def test_every_call_is_counted_also_those_by_somebodys_own_secrets(town: Town) -> None:
    pulled = Workload(
        kind="Pod",
        namespace="shop",
        name="web",
        form=Form.POD,
        labels={},
        images=(),
        namespace_labels={},
        pulled_with=PulledWith(secrets=("pull",)),
    )

    async def get(_path: str) -> Object | None:
        return {
            "type": "kubernetes.io/dockerconfigjson",
            "metadata": {"namespace": "shop", "name": "pull"},
            "data": {".dockerconfigjson": base64.b64encode(config(town.server.host)).decode()},
        }

    town.guarded = True
    host = town.server.host
    async with town.opened(secrets=PullSecrets(get)) as opened:
        assert await town.statements(opened) == 0
        assert {"denied"} <= {outcome for _, outcome in town.counted} <= {"denied", "abandoned"}
        assert await town.statements(opened, pulled) == 1
        answered = town.counted[host, "200"]
        assert answered == 4  # the image, its referrers, the bundle's manifest, the bundle
        town.guarded = False
        assert await opened.registry.manifest(town.repository, "missing") is None
        assert opened.counts.misses == 2
    assert town.counted[host, "404"] == 4  # the fallback tag, cosign's two, and the last


@pytest.mark.case("REG-005")
async def test_the_configured_repository_is_asked_for_evidence(town: Town) -> None:
    async with town.opened(evidenceRepository=f"{town.server.host}/evidence/shop") as opened:
        assert await town.statements(opened) == 1
    assert any(seen.target.startswith("/v2/evidence/shop/referrers/") for seen in town.server.seen)


@pytest.mark.case("CACHE-009")
async def test_what_navicerts_own_credentials_showed_is_not_told_without_them(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LOOK_SECONDS", 0.0)
    file = tmp_path / "config.json"
    file.write_bytes(config(town.server.host))
    town.guarded = True
    async with town.opened(FileCredentials(file, programs=CredentialPrograms(None))) as opened:
        assert await town.statements(opened) == 1
        file.write_bytes(config("elsewhere.example"))
        assert await town.statements(opened) == 0
