"""The Containerfile, read: bases by digest, a last stage that is nobody and runs nothing, a whole context."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LINES = [tuple(line.split(" ", 1)) for line in (ROOT / "Containerfile").read_text().splitlines() if line[:1].isupper()]
LAST = LINES[max(index for index, (word, _) in enumerate(LINES) if word == "FROM") :]
IGNORED = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]


def arguments(word: str) -> list[str]:
    return [rest for one, rest in LINES if one == word]


def sent(path: str) -> bool:
    """Whether an engine gets this file: the last pattern that names it, or a folder above it, decides."""
    kept = True
    above = [path, *(str(one) for one in Path(path).parents if str(one) != ".")]
    for line in IGNORED:
        pattern = line.removeprefix("!")
        names = above + [Path(one).name for one in above] if pattern.startswith("**/") else above
        if any(fnmatch.fnmatchcase(one, pattern.removeprefix("**/")) for one in names):
            kept = line.startswith("!")
    return kept


def test_every_base_is_named_by_digest() -> None:
    bases = {name: reference for name, _, reference in (one.partition("=") for one in arguments("ARG"))}
    used = [re.fullmatch(r"\$\{(\w+)\}(?: AS build)?", one) for one in arguments("FROM")]
    assert [found and found[1] for found in used] == list(bases)
    for reference in bases.values():
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", reference)


def test_it_is_nobody_by_number_and_the_chart_says_the_same() -> None:
    """By number, or runAsNonRoot could not be held against it."""
    users = [rest for word, rest in LAST if word == "USER"]
    assert users == ["65532:65532"]
    security = (ROOT / "charts/navicert/templates/_names.tpl").read_text()
    assert "runAsUser: 65532" in security
    assert "runAsNonRoot: true" in security


def test_nothing_runs_in_the_last_stage_which_starts_navicert_without_a_shell() -> None:
    assert "RUN" not in {word for word, _ in LAST}
    assert ":nonroot@" in dict(one.split("=", 1) for one in arguments("ARG"))["RUN"]
    (entry,) = (json.loads(rest) for word, rest in LAST if word == "ENTRYPOINT")
    assert entry == ["/usr/bin/python3", "-m", "controller.cli.main"]
    assert [rest for word, rest in LAST if word == "COPY"] == [
        "--from=build /packages /app",
        "--from=build /navicert /app",
    ]


def test_what_is_copied_is_sent_to_the_engine_and_nothing_else_is() -> None:
    """docker reads .dockerignore alone, podman reads it where there is no .containerignore."""
    copied = [name for rest in arguments("COPY") if not rest.startswith("--from") for name in rest.split(" ")[:-1]]
    assert [name for name in copied if not (ROOT / name).exists() or not sent(name)] == []
    assert {line.removeprefix("!") for line in IGNORED if line.startswith("!")} == set(copied)
    files = ["controller/cli/main.py", "image/assemble.sh", *copied]
    assert [name for name in files if not sent(name)] == []
    kept_back = [
        ".venv/bin/python",
        ".git/config",
        "tests/conftest.py",
        "controller/cli/__pycache__/main.pyc",
        "docs/faq.md",
    ]
    assert [name for name in kept_back if sent(name)] == []
    assert not (ROOT / ".containerignore").exists()


def test_an_image_is_built_under_the_name_that_is_asked_for() -> None:
    recipe = re.search(r"^image: .*\n\t(.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    assert recipe[1].endswith("build -f Containerfile -t $(or $(IMAGE),navicert:dev) .")
    values = yaml.safe_load((ROOT / "charts/navicert/values.yaml").read_text())
    assert values["image"]["pullPolicy"] == "IfNotPresent"  # what was loaded into a node is not looked for elsewhere
