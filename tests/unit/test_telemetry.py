"""Log lines are JSON, whatever goes into them."""

import asyncio
import io
import json
import logging
import os
from collections.abc import Iterator

import msgspec
import pytest

from controller.telemetry import JSONFormatter, Outlet, Teller, configure_logging


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


class Told:
    """A teller, and what it wrote."""

    def __init__(self, level: int = logging.INFO) -> None:
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        self.outlet = Outlet(writing)
        self.logger = logging.getLogger("navicert.told")
        self.logger.setLevel(level)
        self.logger.handlers, self.logger.propagate = [], False
        self.tell = Teller(self.logger, "review", self.outlet)

    def lines(self) -> list[bytes]:
        try:
            return os.read(self._reading, 65536).splitlines()
        except BlockingIOError:
            return []


async def test_what_is_told_is_written_once_the_loop_has_its_turn_and_in_order() -> None:
    told = Told()
    for number in range(3):
        told.tell({"review": {"uid": str(number)}})
    assert told.lines() == []
    await asyncio.sleep(0)
    assert [json.loads(line)["review"]["uid"] for line in told.lines()] == ["0", "1", "2"]
    told.tell({"review": {"uid": "3"}})
    await asyncio.sleep(0)
    assert len(told.lines()) == 1


async def test_a_line_that_is_told_is_as_one_that_is_logged() -> None:
    told = Told()
    told.outlet.setFormatter(JSONFormatter())
    told.logger.addHandler(told.outlet)
    fields = {"review": {"allowed": True, "odd": frozenset(), "text": "\ud800"}}
    told.tell(fields)
    told.logger.info("review", extra=fields)
    await asyncio.sleep(0)
    logged, line = (json.loads(one) for one in told.lines())
    assert line.pop("time")[:17] == logged.pop("time")[:17]
    assert line == logged
    assert list(line) == list(logged)


async def test_a_line_that_can_not_be_made_is_counted_and_costs_no_other() -> None:
    told = Told()
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    for fields in ({"uid": "1"}, {"uid": nested}, {"uid": "3"}):
        told.tell({"review": fields})
    await asyncio.sleep(0)
    assert [json.loads(line)["review"]["uid"] for line in told.lines()] == ["1", "3"]
    assert told.outlet.dropped == 1


async def test_nothing_is_told_below_the_level() -> None:
    told = Told(logging.WARNING)
    told.tell({"review": {}})
    await asyncio.sleep(0)
    assert told.lines() == []
