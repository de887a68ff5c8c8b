"""What becomes of every block of every page: run, compared, or only shown; tests/README.md has the sums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.support.pages import ROOT, Block, blocks, marked

PASTED = "quick-start.md"  # by tests/e2e, every block that it does not only show
FATES = {
    "run": ("apiserver", "cluster", "helm", "kubectl", "node", "recipe", "refused", "review", "run"),
    "compared": ("believed", "demo", "install", "policy", "policy-test", "registries"),
    "shown": ("engine", "shown"),
}
# The README is to stay one page, without a mark for each. By how they begin; tests/demo runs the first policy.
UNMARKED = {
    "make demo": "shown",
    "make test": "shown",
    "cosign generate-key-pair": "run",
    "openssl req": "run",
    "registries:": "run",
    "Usage: navicert": "compared",
}


def fate(block: Block) -> str:
    if block.page.name == PASTED and block.mark not in FATES["shown"]:
        return "run"
    if block.mark:
        (found,) = (name for name, marks in FATES.items() if block.mark in marks)
        return found
    (found,) = (name for begins, name in UNMARKED.items() if block.text.startswith(begins))
    return found


def rows() -> Iterator[str]:
    counted = Counter((str(block.page.relative_to(ROOT)), fate(block)) for block in blocks())
    for page in dict.fromkeys(page for page, _ in counted):
        yield "| " + " | ".join([page, *(str(counted[page, name]) for name in FATES)]) + " |"


def test_table_says_what_becomes_of_each_pages_blocks() -> None:
    table = (
        (ROOT / "tests" / "README.md").read_text().partition("| page | run | compared | shown |\n|---|---|---|---|\n")
    )
    assert table[2].partition("\n\n")[0].splitlines() == list(rows())


def test_the_readme_installs_as_the_quick_start_does() -> None:
    (shown,) = marked("install", "README.md")
    steps = [block.text for mark in ("engine", "helm") for block in marked(mark, PASTED)]
    assert shown.text == "".join(steps)


@pytest.mark.parametrize("block", [block for block in blocks() if fate(block) == "shown"], ids=lambda one: one.where)
def test_what_is_only_shown_says_why(block: Block) -> None:
    assert block.note or block.page.name == "README.md"
