"""Every case of `cases/` by the commands: what the webhook decides, `navicert verify` and `navicert test` say, too."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.cli.main import main
from tests.support.caseevidence import DIGEST
from tests.support.decisions import NOW, Case, read_cases

CASES = [pytest.param(case, id=case.name) for case in read_cases() if case.plain]
CODES = {200: 0, 403: 1, 503: 3}
NAMED = f"ghcr.io/acme/shop@{DIGEST}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; gives exit code and standard output."""

    def ran(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["navicert", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().out

    return ran


def policies(case: Case, path: Path) -> Path:
    file = path / "policies.yaml"
    file.write_text(yaml.safe_dump_all(case.objects))
    return file


@pytest.mark.case("CLI-004")
@pytest.mark.parametrize("case", CASES)
def test_verify_says_what_the_webhook_answers(case: Case, run: Any, tmp_path: Path) -> None:
    layout = case.layout(tmp_path / "layout")
    tagged = case.kind == "Deployment"  # the layout counts as what its tag points to
    images = [f"oci:{layout}" if layout and (image == NAMED or tagged) else image for image in case.images]
    arguments = ["--kind", case.kind, "--namespace", "shop", "--uncovered", case.uncovered, "--output", "json"]
    named = ["--as", "ghcr.io/acme/shop"] if any(image.startswith("oci:") for image in images) else []
    code, out = run("verify", "--policies", str(policies(case, tmp_path)), "--offline", *arguments, *named, *images)
    assert code == CODES[case.expected["code"]]
    found = [finding for image in json.loads(out)["images"] for finding in image["findings"]]
    assert {finding["policy"] or "": finding["reason"] for finding in found} == case.expected["findings"]


@pytest.mark.case("CLI-004")
@pytest.mark.parametrize("case", CASES)
def test_a_policy_test_expects_what_the_webhook_answers(case: Case, run: Any, tmp_path: Path) -> None:
    policies(case, tmp_path)
    findings = [
        {"reason": reason} | ({"policy": policy} if policy else {})
        for policy, reason in case.expected["findings"].items()
    ]
    expected = {name: case.expected[name] for name in ("allowed", "code")} | {"findings": findings}
    asked = {
        "name": case.says,
        "workload": case.submitted(),
        "evidence": {"ghcr.io/acme/shop": "layout"} if case.layout(tmp_path / "layout") else {},
        "expect": expected | {"warnings": case.expected.get("warnings", 0)},
    }
    tests = {
        "policies": ["policies.yaml"],
        "now": NOW.isoformat(),
        "uncovered": case.uncovered,
        "tests": [asked],
    }
    (tmp_path / "case.navicert-test.yaml").write_text(yaml.safe_dump(tests))
    code, out = run("test", str(tmp_path))
    assert code == 0, out
