"""Log lines are JSON, whatever goes into them."""

import io
import json
import logging
from collections.abc import Iterator

import msgspec
import pytest

from controller.telemetry import configure_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    out = io.StringIO()
    configure_logging("info", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_with_the_fields_given(stream: io.StringIO) -> None:
    logging.getLogger("navicert.decision").info("review", extra={"review": {"allowed": True, "odd": object()}})
    line = json.loads(stream.getvalue())
    assert (line["level"], line["logger"], line["message"]) == ("info", "navicert.decision", "review")
    assert line["review"]["allowed"] is True
    assert line["time"].endswith("+00:00")


def test_a_trace_stays_on_the_line_it_belongs_to(stream: io.StringIO) -> None:
    try:
        int("first\nsecond")
    except ValueError:
        logging.getLogger("navicert").exception("review")
    (line,) = stream.getvalue().splitlines()
    trace = json.loads(line)["trace"]
    assert "ValueError" in trace
    assert "\n" in trace


def test_lines_below_the_level_are_left_out(stream: io.StringIO) -> None:
    logging.getLogger("navicert").debug("quiet")
    assert stream.getvalue() == ""


class Held(msgspec.Struct):
    name: str


def test_what_is_no_unicode_still_makes_a_line(stream: io.StringIO) -> None:
    fields = {"a": {1, 2}, "struct": Held(name="\ud800")}
    logging.getLogger("navicert").info("odd", extra={"text": "\ud800", "fields": fields})
    line = json.loads(stream.getvalue())
    assert line["text"] == "\ud800"
    assert line["fields"] == {"a": "{1, 2}", "struct": {"name": "\ud800"}}
