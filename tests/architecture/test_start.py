"""What a command loads before it does anything: users wait for it, and replicas are not ready until then."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What serving needs late, seldom or never: the framework of the status port, what reads a kubeconfig, what only the
# operator or a person at a keyboard has, and what renders definitions and reports.
NOT_FOR_SERVING = frozenset(
    {
        "fastapi", "starlette", "kubernetes", "kopf", "tuf", "rich", "controller.wire.crd", "controller.wire.report",
        "controller.demo",
    }
)  # fmt: skip
LOADED = "import json, sys; from controller.cli.main import navicert; navicert.get_command(None, sys.argv[1])"


def loaded(command: str) -> set[str]:
    code = f"{LOADED}; print(json.dumps(sorted(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code, command], cwd=ROOT, capture_output=True, text=True, check=True)
    return {*json.loads(said.stdout)}


@pytest.mark.slow
def test_serving_loads_nothing_that_it_does_not_need_to_be_ready() -> None:
    assert sorted(loaded("serve") & NOT_FOR_SERVING) == []


@pytest.mark.parametrize("library", ["kopf", "kubernetes", "fastapi", "uvicorn"])
@pytest.mark.slow
def test_judging_on_a_laptop_loads_nothing_of_a_cluster(library: str) -> None:
    assert library not in loaded("verify")
