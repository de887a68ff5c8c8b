"""Writes the cookbook's policies as files to apply, one a recipe, and one with what they all believe.

.venv/bin/python -m tests.tools.samples FOLDER
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.support.pages import Block, blocks

PAGE = "cookbook.md"


def samples() -> dict[str, str]:
    """The text of each file, by its name."""
    page = [block for block in blocks() if block.page.name == PAGE]
    recipes = {f"{block.note}.yaml": _headed(block) for block in page if block.mark == "recipe"}
    (believed,) = (block for block in page if block.mark == "believed")
    return {"believed.yaml": _headed(believed)} | recipes


def _headed(block: Block) -> str:
    before = "\n".join(block.page.read_text().splitlines()[: block.line])
    heading = re.findall(r"^## (.+)$", before, re.MULTILINE)[-1]
    lines = [f"# {heading}, from docs/{PAGE}, which says what it proves and refuses."]
    if block.mark == "recipe":
        lines.append("# What it names and does not write out: believed.yaml, and the chart's catalogue.")
    if "FILL-IN-THE-KEY-OF-" in block.text:
        lines.append("# Fill in: the public keys.")
    return "\n".join((*lines, block.text))


def main(folder: Path) -> None:
    """Leave nothing else in the folder."""
    for path in folder.glob("*.yaml"):
        path.unlink()
    for name, text in samples().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
