"""A real Prometheus, Debian's, that scrapes what a test names; and promtool of the same package."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

import yaml

from tests.support.processes import Process, free_port
from tests.support.tools import packaged

ADDRESS = "127.0.0.1"
SCRAPE_SECONDS = 1


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([packaged("prometheus", "promtool"), *arguments], capture_output=True, text=True, check=False)


class Prometheus:
    """Scrapes each target, a job of its own, every second; what it knows is gone with the folder."""

    def __init__(self, folder: Path, targets: Mapping[str, str], rules: Path) -> None:
        jobs = [{"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in targets.items()]
        settings = {
            "global": {"scrape_interval": f"{SCRAPE_SECONDS}s", "evaluation_interval": f"{SCRAPE_SECONDS}s"},
            "rule_files": [str(rules)],
            "scrape_configs": jobs,
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings))
        self.address = f"{ADDRESS}:{free_port()}"
        flags = {
            "config.file": folder / "prometheus.yaml",
            "storage.tsdb.path": folder / "series",
            "web.listen-address": self.address,
        }
        command: list[str | Path] = [
            packaged("prometheus", "prometheus"),
            *(f"--{name}={value}" for name, value in flags.items()),
        ]
        self.process = Process(command, log=folder / "prometheus.log", cwd=folder)
        self.process.wait_ready(self._ready)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query; a vector's elements."""
        found: list[dict[str, Any]] = self._ask(f"/api/v1/query?{urlencode({'query': expression})}")["result"]
        return found

    def ranges(self, expression: str, *, start: float, end: float, step: float) -> list[dict[str, Any]]:
        """The result of a query over this time (Unix seconds); a matrix's elements."""
        asked = urlencode({"query": expression, "start": start, "end": end, "step": step})
        found: list[dict[str, Any]] = self._ask(f"/api/v1/query_range?{asked}")["result"]
        return found

    def values(self, expression: str) -> list[float]:
        """The values of an instant query."""
        return [float(one["value"][1]) for one in self.query(expression)]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health and the alerts it has."""
        return [rule for group in self._ask("/api/v1/rules")["groups"] for rule in group["rules"]]

    def stop(self) -> None:
        self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ask(self, path: str) -> Any:
        status, body = self._get(path)
        document = json.loads(body)
        assert status == HTTPStatus.OK, document
        return document["data"]

    def _ready(self) -> bool:
        try:
            return self._get("/-/ready")[0] == HTTPStatus.OK
        except OSError:
            return False

    def _get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
