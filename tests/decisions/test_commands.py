"""Every case of `cases/` by the commands: what the webhook decides, `navicert verify` and `navicert test` say, too."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.cli.main import run as run_program
from tests.support.decisions import Case, read_cases

ALL = read_cases()
# Which cases a command can't be asked about, and why.
NOT_VERIFIED = {
    "clock-hours-slow": "verify judges by the machine's clock, which this test leaves alone",
    "exception-covers-it": "the exception has ended by the machine's clock: a policy test says when it is",
}
_REFRESHED = "what the operator refreshed is in the cluster only: files hold none, and know no staleness"
_IN_CLUSTER = "what is in a ConfigMap is in the cluster only: files hold none"
_SEVERAL = "a layout stands for one repository, and says nothing of the other image's"
NOT_TESTED = {
    "root-is-not-refreshed-and-not-stale": _REFRESHED,
    "root-is-stale": _REFRESHED,
    "root-is-stale-for-summaries": _REFRESHED,
    "root-is-stale-that-tells-the-times-of-keys": _REFRESHED,
    "root-is-stale-that-vouches-for-children": _REFRESHED,
    "root-of-any-age-in-a-config-map": _IN_CLUSTER,
    "audit-errs-beside-a-failing-policy": _SEVERAL,
    "audit-errs-beside-a-passing-policy": _SEVERAL,
    "dependencies-of-a-dependency": _SEVERAL,
}
NOT_VERIFIED |= NOT_TESTED
CODES = {200: 0, 403: 1, 503: 3}


def cases(without: Mapping[str, str]) -> list[Any]:
    return [pytest.param(case, id=case.name) for case in ALL if case.name not in without]


def test_what_a_command_can_not_be_asked_about_is_there() -> None:
    assert NOT_VERIFIED.keys() <= {case.name for case in ALL}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; gives exit code and standard output."""

    def ran(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["navicert", *arguments])
        return run_program("navicert"), capsys.readouterr().out

    return ran


def policies(case: Case, path: Path) -> Path:
    file = path / "policies.yaml"
    file.write_text(yaml.safe_dump_all(case.objects))
    return file


@pytest.mark.case("CLI-004")
@pytest.mark.parametrize("case", cases(NOT_VERIFIED))
def test_verify_says_what_the_webhook_answers(case: Case, run: Any, tmp_path: Path) -> None:
    layout = case.layout(tmp_path / "layout")
    tagged = case.kind == "Deployment"  # the layout counts as what its tag points to
    named, digest = f"ghcr.io/acme/shop@{case.subject}", f"@{case.subject}" if case.children else ""
    images = [f"oci:{layout}{digest}" if layout and (image == named or tagged) else image for image in case.images]
    arguments = ["--kind", case.kind, "--namespace", "shop", "--uncovered", case.uncovered, "--output", "json"]
    repository = ["--as", "ghcr.io/acme/shop"] if any(image.startswith("oci:") for image in images) else []
    code, out = run(
        "verify", "--policies", str(policies(case, tmp_path)), "--offline", *arguments, *repository, *images
    )
    assert code == CODES[case.expected["code"]]
    found = [finding for image in json.loads(out)["images"] for finding in image["findings"]]
    assert {finding["policy"] or "": finding["reason"] for finding in found} == case.expected["findings"]


@pytest.mark.case("CLI-004")
@pytest.mark.parametrize("case", cases(NOT_TESTED))
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
        "now": case.now.isoformat(),
        "uncovered": case.uncovered,
        "tests": [asked],
    }
    (tmp_path / "case.navicert-test.yaml").write_text(yaml.safe_dump(tests))
    code, out = run("test", str(tmp_path))
    assert code == 0, out
