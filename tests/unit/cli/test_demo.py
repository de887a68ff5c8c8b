import io
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.demo import exit_code, show
from controller.cli.output import Screen
from controller.core.reasons import Reason
from controller.demo.reviews import Ruling
from controller.demo.run import Row
from controller.demo.situations import SITUATIONS

ROWS = tuple(
    Row(
        situation=situation,
        images=(),
        review=Path("review.json"),
        ruling=situation.ruling,
        reason=situation.reason,
        why="because",
    )
    for situation in SITUATIONS
)


def test_answers_as_they_must_be_are_a_success() -> None:
    assert exit_code(ROWS) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        replace(ROWS[0], ruling=Ruling.REFUSED),
        replace(ROWS[1], ruling=Ruling.ADMITTED),
        replace(ROWS[1], reason=Reason.NotVerified),
        replace(ROWS[1], reason=None),
    ],
    ids=["refused", "admitted", "another reason", "no reason"],
)
def test_any_other_answer_fails_and_is_named(wrong: Row) -> None:
    out, err = io.StringIO(), io.StringIO()
    show(Screen.over(out, err), (*ROWS, wrong))
    assert exit_code((*ROWS, wrong)) == 1
    assert f"not as it must be: {wrong.situation.asked}" in err.getvalue()
    assert f"{len(ROWS)} of {len(ROWS) + 1} answers are as they must be." in out.getvalue()


def test_nothing_asked_is_no_success() -> None:
    assert exit_code(()) == 1
