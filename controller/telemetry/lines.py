"""Log lines: one JSON object each."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from controller.telemetry.outlet import Outlet

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the fields given as `extra`, and any `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record; a field that is no JSON is rendered as its text."""
        told = {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return _render(record.created, record.levelname.lower(), record.name, record.getMessage(), told).decode()


def _time(created: float) -> str:
    """RFC 3339, to the millisecond."""
    second, microseconds = divmod(round(created * 1_000_000), 1_000_000)
    return f"{_second(second)}.{microseconds // 1000:03}+00:00"


@lru_cache(maxsize=4)
def _second(since_epoch: int) -> str:
    """Many lines are of the same second."""
    return datetime.fromtimestamp(since_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


class Teller:
    """Tells many lines of one message at level INFO, as they are when the logger has nothing but the outlet.

    Lines are made and written in the next turn of the event loop, all of a turn together: nobody waits for them, and
    making each by itself costs several times as much. Other lines of that turn come before them; `time` is of when they
    were told. Belongs to one event loop.
    """

    def __init__(self, logger: logging.Logger, message: str, outlet: Outlet) -> None:
        self._logger, self._message, self._outlet = logger, message, outlet
        self._told: list[tuple[float, Mapping[str, Any]]] = []

    def __call__(self, fields: Mapping[str, Any]) -> None:
        """A line with these fields, of this moment, if the logger tells any."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if not self._told:
            asyncio.get_running_loop().call_soon(self._write)
        self._told.append((time.time(), fields))

    def _write(self) -> None:
        told, self._told = self._told, []
        lines = []
        for created, fields in told:
            try:
                lines.append(_render(created, "info", self._logger.name, self._message, fields) + b"\n")
            except RecursionError:
                self._outlet.dropped += 1
        self._outlet.put(lines)


def _render(created: float, level: str, logger: str, message: str, fields: Mapping[str, Any]) -> bytes:
    return _encode({"time": _time(created), "level": level, "logger": logger, "message": message, **fields})


def _encode(line: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(line)
    except (UnicodeEncodeError, TypeError, ValueError):  # what is no Unicode, or no key: slower, and takes anything
        return json.dumps(line, default=_plain, skipkeys=True).encode()


def _plain(value: object) -> object:
    """What json does not know, by what it holds where that is known, and else by its text."""
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else str(value)


def configure_logging(level: str, stream: TextIO = sys.stderr) -> None:
    """Send every log line of this process to the stream, from this level on."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JSONFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def configure_outlet(level: str) -> Outlet:
    """Send every log line of this process to standard error, from this level on, and wait for nobody to read it."""
    outlet = Outlet(sys.stderr.fileno())
    outlet.setFormatter(JSONFormatter())
    logging.basicConfig(level=level.upper(), handlers=[outlet], force=True)
    # No line tells these, and each costs every line (Python's logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    return outlet
