"""The closed list of reasons, as users read it in the README."""

import re
from pathlib import Path

from controller.core.reasons import Reason

README = Path(__file__).resolve().parents[2] / "README.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<outcome>\w+) \| (?P<remedy>[^|]*) \|$", re.MULTILINE)


def test_readme_lists_every_reason_with_its_class_and_remedy() -> None:
    told = [(row["name"], row["outcome"], row["remedy"].strip()) for row in ROW.finditer(README.read_text())]
    assert told == [(reason.name, reason.outcome.value, reason.remedy) for reason in Reason]


def test_every_reason_that_refuses_says_what_to_do() -> None:
    assert all(reason.remedy.endswith(".") for reason in Reason if reason.outcome.value != "pass")
