"""`navicert lint`: every problem with file, line and field path, and exit codes that a pipeline can trust."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli.lint import lint
from tests.support import objects

GOOD = """\
apiVersion: navicert.dev/v1alpha1
kind: ClusterSLSAPolicy
metadata: {name: good}
spec:
  mode: Enforce
  match: {images: ["ghcr.io/acme/*"]}
  require:
    buildLevel: 1
"""
SOURCES = 'sources: [{repositories: ["https://github.com/acme/shop"]}]'
BROKEN = """\
---
# a comment
apiVersion: navicert.dev/v1alpha1
kind: ClusterSLSAPolicy
metadata: {name: broken}
spec:
  mode: Enforc
  match:
    images:
    - "ghcr.io/acme/*"
    - acme
    podSelector: {matchLabels: {"a b": c}}
  require:
    build:
      conditions:
      - name: a
        expression: nosuch == 1
"""
LIST = """\
apiVersion: v1
kind: List
items:
- apiVersion: navicert.dev/v1alpha1
  kind: TrustedBuilder
  metadata: {name: listed}
  spec:
    maxLevel: 3
    builderID: Listed
    sourceFrom: Provenance
    signers:
    - publicKey: {trustRoot: acme, name: release}
"""


def run(*arguments: object) -> tuple[int, Result]:
    result = CliRunner().invoke(lint, [str(one) for one in arguments], standalone_mode=False)
    assert result.exception is None, result.exception
    return result.return_value, result


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder


def test_what_is_fine_says_nothing(tmp_path: Path) -> None:
    code, result = run(write(tmp_path, good=GOOD))
    assert (code, result.output) == (0, "")


@pytest.mark.case("CLI-005")
def test_each_problem_has_file_line_and_field_path(tmp_path: Path) -> None:
    code, result = run(write(tmp_path, both=GOOD + BROKEN) / "both.yaml")
    lines = [line.removeprefix(f"{tmp_path}/") for line in result.output.splitlines()]
    told = [line.split(": ")[:4] for line in lines]
    name, first = "ClusterSLSAPolicy/broken", len(GOOD.splitlines())
    assert code == 1
    assert told == [
        [f"both.yaml:{first + 7}", "problem", name, "spec.mode"],
        [f"both.yaml:{first + 11}", "problem", name, "spec.match.images[1]"],
        [f"both.yaml:{first + 12}", "problem", name, "spec.match.podSelector.matchLabels[a b]"],
        [f"both.yaml:{first + 17}", "problem", name, "spec.require.build.conditions[0].expression"],
    ]


def test_what_is_missing_is_told_where_it_would_stand(tmp_path: Path) -> None:
    code, result = run("--output", "json", write(tmp_path, items=LIST))
    found = {one["path"]: one for one in json.loads(result.output)["findings"]}
    assert code == 1
    assert (found["spec.builderIDs"]["line"], found["spec.builderIDs"]["severity"]) == (7, "problem")
    key = found["spec.signers[0].publicKey.trustRoot"]
    assert (key["line"], key["severity"], key["object"]) == (12, "warning", "TrustedBuilder/listed")


def test_warnings_fail_only_when_that_is_asked(tmp_path: Path) -> None:
    write(tmp_path, advised=GOOD.replace("buildLevel: 1", "buildLevel: 3"))
    code, result = run(tmp_path)
    assert code == 0
    assert "advised.yaml:7: warning: ClusterSLSAPolicy/good: spec.require.sources: " in result.output
    assert run("--strict", tmp_path)[0] == 1


def test_names_are_looked_up_among_all_files(tmp_path: Path) -> None:
    write(tmp_path, naming=GOOD.replace("buildLevel: 1", f"builders: [listed]\n    {SOURCES}"))
    assert "there is no TrustedBuilder listed" in run(tmp_path)[1].output
    root = json.dumps(objects.root("acme", {"name": "release", "pem": objects.new_pem()}))
    write(tmp_path, items=LIST.replace("builderID: Listed", "builderID: Listed\n    builderIDs: [x]"), root=root)
    code, result = run("--strict", tmp_path)
    assert (code, result.output) == (0, "")


@pytest.mark.case("CLI-005")
@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2\n", "\x00", "", "# nothing\n"])
def test_what_can_not_be_read_is_told_apart(tmp_path: Path, text: str) -> None:
    code, result = run(write(tmp_path, bad=text))
    assert code == 2
    assert "bad.yaml" in result.output or "no object of navicert.dev" in result.output


def test_an_unreadable_file_hides_no_problem_of_another(tmp_path: Path) -> None:
    code, result = run(write(tmp_path, bad="a: [", broken=BROKEN))
    assert code == 2
    assert "spec.mode" in result.output
    assert "bad.yaml" in result.output


def test_a_folder_without_policies_is_unreadable(tmp_path: Path) -> None:
    assert run(tmp_path)[0] == 2


def test_the_same_object_twice_is_a_problem(tmp_path: Path) -> None:
    code, result = run(write(tmp_path, one=GOOD, two=GOOD))
    assert code == 1
    assert "two.yaml:3: problem: ClusterSLSAPolicy/good: metadata.name: the same object stands in" in result.output


def test_other_kinds_are_told_and_misspelt_ones_are_problems(tmp_path: Path) -> None:
    write(tmp_path, good=GOOD, pod="apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")
    write(tmp_path, space="apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n")
    code, result = run(tmp_path)
    assert code == 0
    assert [line.partition("yaml:")[2] for line in result.output.splitlines()] == [
        "1: warning: Pod: is no kind of navicert.dev: not looked at, and refused by serve --policies"
    ]
    write(tmp_path, good=GOOD.replace("ClusterSLSAPolicy", "ClusterSLSAPolcy"))
    code, result = run(tmp_path)
    assert code == 1
    assert "good.yaml:2: problem: ClusterSLSAPolcy: kind: must be one of" in result.output
