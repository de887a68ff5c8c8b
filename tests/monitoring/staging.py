"""The real processes under the load of the demo, scraped by a real Prometheus, which alerts and panels are asked of."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.demo.folder import DemoFolder
from controller.demo.run import Row, Stage, ask_all, set_stage
from controller.wire.policy import KINDS
from tests.support import objects
from tests.support.controlplane import ControlPlane
from tests.support.operator import API, Operator, install, put
from tests.support.processes import wait_until
from tests.support.prometheus import SCRAPE_SECONDS, Prometheus
from tests.support.webhook import Webhook

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "charts/navicert/rules.yaml"
PANELS: list[dict[str, Any]] = json.loads((ROOT / "charts/navicert/dashboards/navicert.json").read_text())["panels"]
# What Grafana fills in; longer than a busy machine takes from the last question of the load to the first look.
WINDOWS = {"$__rate_interval": "5m", "$__range": "5m"}
TRIES = 3
TUF = {"sigstore": {"tuf": {"url": "https://127.0.0.1:1/tuf", "root": "{}", "target": "trusted_root.json"}}}
OBJECTS = (
    objects.document("TrustRoot", "refreshed", TUF),
    objects.root("ending", {"name": "release", "pem": objects.new_pem(), "notAfter": "2099-01-01T00:00:00Z"}),
    objects.policy("broken", require={"buildLevel": 1, "builders": ["nobody"]}),
)


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Both programs in a cluster with one sound root, one that can't be refreshed, and a policy that is broken."""

    operator: Operator
    webhook: Webhook


@contextmanager
def programs(folder: Path) -> Iterator[Programs]:
    with ControlPlane(folder / "controlplane") as plane:
        install(plane)
        for document in OBJECTS:
            put(plane.client(), f"{API}/{KINDS[document['kind']].plural}/{document['metadata']['name']}", document)
        with (
            Operator(plane, folder / "operator") as operator,
            Webhook(folder / "webhook", "--kubeconfig", plane.admin_kubeconfig) as webhook,
        ):
            webhook.wait_synced()
            yield Programs(operator=operator, webhook=webhook)


@asynccontextmanager
async def under_load(folder: Path, running: Programs, rounds: int) -> AsyncIterator[Prometheus]:
    """Scrapes everything while the demo asks all it knows so many times."""
    with tempfile.TemporaryDirectory(dir=folder) as demo:
        async with set_stage(DemoFolder(Path(demo))) as stage:
            targets = {
                "webhook": running.webhook.status,
                "operator": running.operator.status,
                "demo": stage.webhook.status,
            }
            with Prometheus(folder / "prometheus", targets, RULES) as prometheus:
                # What is asked before the first scrape is no rise of any counter.
                await asyncio.to_thread(wait_until, lambda: prometheus.values("sum(up)") == [3.0])
                for _ in range(rounds):
                    await ask_round(stage)
                    await asyncio.sleep(2 * SCRAPE_SECONDS)
                yield prometheus


async def ask_round(stage: Stage) -> None:
    """Once more where an answer was not as it must be: a machine that stands still may keep a registry from telling."""
    wrong: list[Row] = []
    for _ in range(TRIES):
        wrong = [row for row in await ask_all(stage, lambda _: None) if not row.as_expected]
        if not wrong:
            return
    raise AssertionError(wrong)


def filled(expression: str) -> str:
    """The expression with what Grafana would put in place of its variables."""
    for name, value in WINDOWS.items():
        expression = expression.replace(name, value)
    return expression
