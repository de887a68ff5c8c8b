"""`navicert test`: what is expected is held against what is decided, and nothing passes by being left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from jsonschema import Draft202012Validator

from controller.core.image import Digest
from controller.wire.policytest import policy_test_schema
from tests.support.commands import Commands, Ended
from tests.support.foundry import Foundry
from tests.support.layouts import LayoutFolder, image

SHOP = image("shop")
NAMED = f"ghcr.io/acme/shop@{Digest.of(SHOP)}"
SCHEMA = Path(__file__).resolve().parents[3] / "docs" / "policy-test.schema.json"
POLICY = "ClusterSLSAPolicy/production"

Json = dict[str, Any]


class Desk:
    """A folder with policies, a layout of an attested image, and a file of tests."""

    def __init__(self, path: Path, run: Commands) -> None:
        self.path, self.run = path, run
        foundry = Foundry()
        (path / "policies").mkdir()
        (path / "policies" / "all.yaml").write_text(yaml.safe_dump_all(_objects(foundry.key.pem)))
        attested = LayoutFolder(path / "evidence")
        attested.add(SHOP, foundry.bundle_layer(foundry.provenance(Digest.of(SHOP)), foundry.key), tag="v1")
        self.file: Json = {"policies": ["policies"], "now": "2026-06-01T00:00:00Z", "tests": []}

    def test(self, *arguments: str | Path, **tests: Json) -> Ended:
        """Run the command over the file, with these tests in it."""
        self.file["tests"] = [{"name": name, **test} for name, test in tests.items()]
        (self.path / "shop.navicert-test.yaml").write_text(yaml.safe_dump(self.file))
        return self.run("test", *arguments, self.path)


def _objects(pem: str) -> list[Json]:
    signer = {"publicKey": {"trustRoot": "acme", "name": "builder"}}
    builder = {
        "maxLevel": 3,
        "signers": [signer],
        "builderID": "Listed",
        "builderIDs": ["https://ci.acme.example/builders/*"],
        "sourceFrom": "Provenance",
    }
    asked = {"mode": "Enforce", "match": {"images": ["ghcr.io/acme/*"]}, "require": {"buildLevel": 3}}
    specs = {
        "TrustRoot": ("acme", {"keys": [{"name": "builder", "pem": pem, "notAfter": "2026-07-01T00:00:00Z"}]}),
        "TrustedBuilder": ("reusable", builder),
        "ClusterSLSAPolicy": ("production", asked),
    }
    return [
        {"apiVersion": "navicert.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        for kind, (name, spec) in specs.items()
    ]


GOOD: Json = {
    "image": NAMED,
    "evidence": {"ghcr.io/acme/shop": "evidence"},
    "expect": {"allowed": True, "findings": [{"policy": POLICY, "reason": "Satisfied"}], "warnings": 0},
}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Desk:
    return Desk(tmp_path, Commands(tmp_path, monkeypatch, capsys))


def expecting(**expected: Any) -> Json:
    return {**GOOD, "expect": expected}


def test_tests_that_hold_are_counted(desk: Desk) -> None:
    ended = desk.test(good=GOOD, again=GOOD)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"pass {desk.path}/shop.navicert-test.yaml: good"
    assert ended.out.splitlines()[-1] == "2 of 2 tests hold."


@pytest.mark.case("CLI-009")
@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ({"allowed": False}, ["expected  refused (403)", "got       admitted", "got       "]),
        ({"allowed": True, "warnings": 1}, ["expected  1 warnings", "got       0 warnings"]),
        (
            {"allowed": True, "findings": [{"policy": POLICY, "reason": "LevelTooLow"}]},
            [f"expected  {POLICY}: LevelTooLow", f"got       {POLICY}: Satisfied of {NAMED}"],
        ),
        (
            {"allowed": True, "findings": [{"policy": "ClusterSLSAPolicy/else", "reason": "Satisfied"}]},
            ["expected  ClusterSLSAPolicy/else: Satisfied", "expected  nothing of the kind"],
        ),
        ({"allowed": True, "findings": [{"policy": POLICY, "reason": "Satisfied", "image": "nginx"}]}, ["of nginx"]),
        (
            {"allowed": True, "findings": [{"policy": POLICY, "reason": "Satisfied"}, {"reason": "Uncovered"}]},
            ["expected  no policy: Uncovered", "got       nothing of the kind"],
        ),
    ],
)
def test_a_wrong_expectation_fails_and_shows_both(desk: Desk, expected: Json, told: list[str]) -> None:
    ended = desk.test(good=GOOD, wrong=expecting(**expected))
    assert ended.code == 1
    assert "FAIL" in ended.out
    assert "1 of 2 tests hold." in ended.out
    for text in told:
        assert text in ended.out


def test_a_refusal_for_ignorance_is_not_the_refusal_that_was_expected(desk: Desk) -> None:
    unknown = {name: value for name, value in GOOD.items() if name != "evidence"}
    assert desk.test(unknown=unknown | {"expect": {"allowed": False}}).code == 1
    reason = {"policy": POLICY, "reason": "RegistryUnavailable"}
    assert desk.test(unknown=unknown | {"expect": {"allowed": False, "findings": [reason]}}).code == 1
    assert desk.test(unknown=unknown | {"expect": {"allowed": False, "code": 503, "findings": [reason]}}).code == 0


def test_every_problem_of_a_broken_policy_is_told_beside_what_came_of_it(desk: Desk) -> None:
    policies = desk.path / "policies" / "all.yaml"
    *others, policy = yaml.safe_load_all(policies.read_text())
    policy["spec"] |= {"mode": "enforce", "tags": "pin", "requires": {}, "require": {"buildLevel": "3"}}
    policies.write_text(yaml.safe_dump_all([*others, policy]))
    ended = desk.test(good=GOOD)
    assert ended.code == 1
    told = [line for line in ended.err.splitlines() if line.startswith(f"{POLICY} is broken: spec.")]
    assert len(told) == 4
    assert ended.err.splitlines()[-1] == f"navicert lint {desk.path}/policies tells the lines"


def test_it_is_judged_at_the_time_of_the_file(desk: Desk) -> None:
    assert desk.test(good=GOOD).code == 0
    desk.file["now"] = "2026-07-01T00:00:01Z"
    assert desk.test(late=expecting(allowed=False, findings=[{"policy": POLICY, "reason": "NotVerified"}])).code == 0


def test_workloads_are_judged_as_the_api_server_would_ask(desk: Desk) -> None:
    containers = [{"name": "app", "image": "ghcr.io/acme/shop:v1"}, {"name": "side", "image": "quay.io/other/x:1"}]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}}
    template = {"metadata": {}, "spec": {"containers": containers}}
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {"template": template}}
    (desk.path / "deployment.yaml").write_text(yaml.safe_dump(deployment))
    uncovered = {"reason": "Uncovered", "image": "quay.io/other/x:1"}
    evidence = GOOD["evidence"]
    ended = desk.test(
        pod={
            "workload": pod,
            "evidence": evidence,
            "expect": {"allowed": False, "findings": [{"policy": POLICY, "reason": "TagNotPinned"}, uncovered]},
        },
        template={
            "workload": "deployment.yaml",
            "evidence": evidence,
            "expect": {"allowed": True, "findings": [{"policy": POLICY, "reason": "Satisfied"}, uncovered]},
        },
    )
    assert ended.code == 0, ended.out


@pytest.mark.case("CLI-010")
def test_a_folder_without_tests_is_no_success(desk: Desk) -> None:
    ended = desk.run("test", desk.path)
    assert (ended.code, ended.out) == (2, "")
    assert "there is no test" in ended.err
    assert desk.test().code == 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"allowed": "yes"}, "expect"),
        ({"allowed": True, "code": 403}, "has not the code"),
        ({"allowed": True, "findings": []}, "findings"),
        ({"allowed": True, "findings": [{"reason": "Nonsense"}]}, "is no reason"),
        ({"allowed": True, "finding": []}, "finding"),
        ({}, "allowed"),
    ],
)
def test_an_expectation_that_can_not_be_read_is_a_mistake(desk: Desk, change: Json, told: str) -> None:
    ended = desk.test(good=GOOD, wrong=expecting(**change))
    assert (ended.code, ended.out) == (2, "")
    assert "shop.navicert-test.yaml" in ended.err
    assert told in ended.err


@pytest.mark.parametrize(
    "change",
    [
        {"image": None},
        {"workload": {}},
        {"image": "UPPER"},
        {"image": None, "workload": {"apiVersion": "v1", "kind": "Secret"}},
        {"image": None, "workload": "nowhere.yaml"},
        {"evidence": {"ghcr.io/acme/shop": "nowhere"}},
        {"evidence": {"UPPER": "evidence"}},
        {"kind": "pod"},
        {"image": None, "workload": {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": []}}},
    ],
)
def test_a_question_that_can_not_be_read_is_a_mistake(desk: Desk, change: Json) -> None:
    changed = {name: value for name, value in {**GOOD, **change}.items() if value is not None}
    ended = desk.test(good=GOOD, wrong=changed)
    assert (ended.code, ended.out) == (2, "")
    assert "'wrong'" in ended.err


@pytest.mark.parametrize(
    ("name", "value"), [("policies", ["nowhere"]), ("policies", []), ("now", "2026-06-01"), ("polices", ["x"])]
)
def test_a_file_that_can_not_be_read_is_a_mistake(desk: Desk, name: str, value: object) -> None:
    desk.file[name] = value
    ended = desk.test(good=GOOD)
    assert (ended.code, ended.out) == (2, "")


def test_tests_may_stand_beside_the_policies_they_test(desk: Desk) -> None:
    desk.test(good=GOOD)
    beside = desk.path / "policies" / "shop.navicert-test.yaml"
    desk.file |= {"policies": ["."], "tests": [{"name": "beside", **GOOD, "evidence": {NAMED: "../evidence"}}]}
    beside.write_text(yaml.safe_dump(desk.file))
    (desk.path / "policies" / ".hidden.navicert-test.yaml").write_text("nonsense: [")
    ended = desk.run("test", desk.path)
    assert (ended.code, "2 of 2 tests hold." in ended.out) == (0, True)


def test_junit_has_a_suite_a_file_and_a_case_a_test(desk: Desk) -> None:
    report = desk.path / "out" / "junit.xml"
    assert desk.test("--junit", report, good=GOOD).code == 2  # no such folder
    report = desk.path / "junit.xml"
    name = "wrong \x1b[31m<&>"
    ended = desk.test("--junit", report, good=GOOD, **{name: expecting(allowed=False)})
    assert ended.code == 1
    root = ET.fromstring(report.read_text())
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    (suite,) = root
    assert suite.attrib["name"].endswith("shop.navicert-test.yaml")
    good, wrong = suite
    assert (good.attrib["name"], len(good)) == ("good", 0)
    assert wrong.attrib["name"] == "wrong ?[31m<&>"
    assert "expected  refused (403)" in (wrong[0].text or "")


def test_json_and_the_schema_are_documents_and_nothing_else(desk: Desk) -> None:
    document = json.loads(desk.test("--output", "json", good=GOOD, wrong=expecting(allowed=False)).out)
    assert [bool(one["differences"]) for one in document["outcomes"]] == [False, True]
    ended = desk.run("test", "--schema")
    published = json.loads(SCHEMA.read_text())
    assert json.loads(ended.out) == published == policy_test_schema()
    Draft202012Validator.check_schema(published)
    validator = Draft202012Validator(published)
    assert validator.is_valid(desk.file)
    assert not validator.is_valid(desk.file | {"polices": []})
