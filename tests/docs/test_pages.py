"""What the pages say to apply and to run: policies compile, commands are there, charts render."""

from __future__ import annotations

import logging
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from controller.cli.main import navicert
from controller.engine.admissibility import review_object
from controller.telemetry.lines import JSONFormatter
from controller.wire.policy import KINDS, parse_documents, parse_objects
from controller.wire.policy.lint import lint
from controller.wire.registries import parse_registries
from tests.support import objects
from tests.support.chart import CLIENT_CA
from tests.support.pages import PAGES, Block, blocks, fill_in, marked
from tests.support.plainyaml import read_yaml
from tests.support.tools import Helm

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = list(blocks())
OURS = [block for block in BLOCKS if block.language == "yaml" and "apiVersion: navicert.dev/" in block.text]
# The README's own policy has a key to fill in by hand; tests/architecture compiles it.
COMPILED = [block for block in OURS if block.page.name != "README.md"]


def joined(text: str) -> list[str]:
    """Lines, those that end in a backslash together with the next."""
    return text.replace("\\\n", " ").splitlines()


def called(program: str) -> list[tuple[Block, list[str]]]:
    """Every call of this program that a page shows, without the program's own name."""
    calls = ((block, line) for block in BLOCKS if block.language == "" for line in joined(block.text))
    pattern = re.compile(rf"(?:\.venv/bin/|kubectl )?{program} (?P<rest>.*)")
    found = ((block, pattern.match(line)) for block, line in calls)
    return [(block, shlex.split(match["rest"], comments=True)) for block, match in found if match]


def ids(calls: list[tuple[Block, list[str]]]) -> list[str]:
    return [f"{block.where} {' '.join(words[:2])}" for block, words in calls]


@pytest.mark.parametrize("block", COMPILED, ids=lambda block: block.where)
def test_every_policy_on_a_page_compiles_and_gets_no_advice(block: Block) -> None:
    """What a block names and another page, or the chart, brings is looked up where it is applied."""
    keys = {name: objects.new_pem() for name in re.findall(r"FILL-IN-THE-KEY-OF-(\S+)", block.text)}
    found = parse_objects(fill_in(block.text, keys), block.where)
    assert [one["kind"] for one in found if one["kind"] not in KINDS] == []
    assert [problem for one in found for problem in review_object(one, None, now=datetime.now(UTC)).problems] == []
    advice = {problem.path for one in found for problem in lint(one)}
    assert advice == ({"spec.match.images"} if block.note == "incident" else set())


def test_every_yaml_block_is_ours_or_of_the_registries() -> None:
    assert [
        block.where
        for block in BLOCKS
        if block.language == "yaml" and block not in OURS and block.mark != "policy-test"
        if "registries:" not in block.text
    ] == []


def test_registries_are_read_as_they_stand() -> None:
    (block,) = marked("registries", "registries.md")
    text = block.text.replace("    ...\n", "    QUJD\n    -----END CERTIFICATE-----\n")
    (document,) = parse_documents(text, block.where)
    assert isinstance(document, dict)
    assert {"registry.example:5000"} <= parse_registries(document["registries"]).entries.keys()


NAVICERT = called("navicert")


@pytest.mark.parametrize(("block", "words"), NAVICERT, ids=ids(NAVICERT))
def test_every_command_and_option_is_there(block: Block, words: list[str]) -> None:
    command = navicert.get_command(click.Context(navicert), words[0])
    assert command is not None
    known = {option for one in command.params if isinstance(one, click.Option) for option in one.opts}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


def test_what_logs_are_searched_for_is_in_them() -> None:
    lines = [
        written("error", "not judged"),
        written("info", "reviewed", review={"endpoint": "validate", "allowed": False}),
    ]
    searched = {found for page in PAGES for found in re.findall(r"grep '([^']+)'", page.read_text())}
    assert len(searched) == 3
    assert [pattern for pattern in searched if not any(pattern in line for line in lines)] == []


def written(level: str, message: str, **extra: object) -> str:
    """As the programs write it to their log."""
    record = {"levelname": level.upper(), "name": "controller", "msg": message, **extra}
    return JSONFormatter().format(logging.makeLogRecord(record))


HELM = [(block, words) for block, words in called("helm") if words[0] in {"install", "upgrade"}]


@pytest.mark.parametrize(("block", "words"), HELM, ids=ids(HELM))
def test_every_installation_renders(block: Block, words: list[str], tmp_path: Path) -> None:
    others = {"--install", "--create-namespace", "--reset-then-reuse-values"}
    options = [word for word in words[1:] if word not in others]
    assert "kind: Deployment" in Helm(tmp_path).run("template", *rooted(options))


def rooted(words: list[str]) -> list[str]:
    """As a shell at the root of the project would have them."""
    filled_in = (word.replace("$(cat webhook-clients.pem)", CLIENT_CA) for word in words)
    return [str(ROOT / word) if word.startswith("charts/") else word for word in filled_in]


RUN = [block for block in BLOCKS if block.mark == "run"]


@pytest.mark.parametrize("block", RUN, ids=lambda block: block.where)
def test_what_is_marked_to_be_run_runs(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    policies = "---\n".join(one.text for one in COMPILED if one.page == block.page)
    (tmp_path / "policies" / "ours.yaml").write_text(policies)
    for line in joined(block.text):
        done = CliRunner().invoke(navicert, shlex.split(line)[1:])
        assert done.exit_code == 0, done.output


def test_kubectl_is_told_of_objects_that_the_chart_makes(tmp_path: Path) -> None:
    text = Helm(tmp_path).run("template", "navicert", ROOT / "charts/navicert", "--namespace", "navicert-system")
    documents = [one for one in parse_documents(text, "the chart") if isinstance(one, dict)]
    made = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in documents}
    named = {word for _, words in called("kubectl") for word in words if word.startswith("deployment/")}
    assert named
    assert named <= made


def test_kubectl_is_asked_for_kinds_that_are_there() -> None:
    crds = [read_yaml(path.read_text()) for path in (ROOT / "charts/navicert/crds").glob("*.yaml")]
    names = [crd["spec"]["names"] for crd in crds]
    ours = {one for each in names for one in (each["plural"], each["singular"], *each["shortNames"])}
    kubernetes = {"pod", "pods", "job", "events", "lease", "secret", "crd", "validatingwebhookconfiguration"}
    calls = [words for _, words in called("kubectl")]
    calls += [shlex.split(found) for page in PAGES for found in re.findall(r"`kubectl ([^`]+)`", page.read_text())]
    asked = {kind for words in calls if "get" in words for kind in words[words.index("get") + 1].split(",")}
    assert {kind for kind in asked if "/" not in kind} - ours - kubernetes == set()
