"""The closed list of reasons, as users read it in docs/troubleshooting.md."""

import re
from pathlib import Path

from controller.core.reasons import Reason

PAGE = Path(__file__).resolve().parents[2] / "docs" / "troubleshooting.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| (?P<outcome>\w+) \| (?P<remedy>[^|]*) \|$", re.MULTILINE)


def test_page_lists_every_reason_with_its_class_and_remedy() -> None:
    told = [(row["name"], row["outcome"], row["remedy"].strip()) for row in ROW.finditer(PAGE.read_text())]
    assert told == [(reason.name, reason.outcome.value, reason.remedy) for reason in Reason]


def test_every_reason_that_refuses_says_what_to_do() -> None:
    assert all(reason.remedy.endswith(".") for reason in Reason if reason.outcome.value != "pass")


def test_each_reason_has_a_section_that_says_how_to_see_it_and_what_to_do() -> None:
    _, *sections = re.split(r"^### ", PAGE.read_text().partition("## Nothing was refused")[0], flags=re.MULTILINE)
    assert [section.partition("\n")[0] for section in sections] == [reason.name for reason in Reason]
    assert all("\n\n**See:** " in section and "\n\n**Do:** " in section for section in sections)
