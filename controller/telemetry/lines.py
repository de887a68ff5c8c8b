"""Log lines: one JSON object each."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO

import msgspec

from controller.telemetry.outlet import Outlet

_BLANK = vars(logging.makeLogRecord({"levelno": logging.INFO, "levelname": logging.getLevelName(logging.INFO)}))
_TOLD = "told"  # the fields of a record that are the line's own, where that is known
_OWN_FIELDS = frozenset(_BLANK) | {"message", "asctime", "color_message", "taskName", _TOLD}
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class JSONFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, the fields given as `extra`, and any `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """Render the record; a field that is no JSON is rendered as its text."""
        fields = vars(record)
        told = fields.get(_TOLD)
        if told is None:
            told = {name: value for name, value in fields.items() if name not in _OWN_FIELDS}
        line: dict[str, Any] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **told,
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _encode(line)


def _time(created: float) -> str:
    """RFC 3339, to the millisecond."""
    second, microseconds = divmod(round(created * 1_000_000), 1_000_000)
    return f"{_second(second)}.{microseconds // 1000:03}+00:00"


@lru_cache(maxsize=4)
def _second(since_epoch: int) -> str:
    """Many lines are of the same second."""
    return datetime.fromtimestamp(since_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def tell(logger: logging.Logger, message: str, **fields: Any) -> None:
    """Log a line at level INFO with these fields, as `logger.info` would.

    Nobody finds out on which line of the code, which costs as much as all the rest.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    created = time.time()
    record = logging.LogRecord.__new__(logging.LogRecord)
    record.__dict__ = {
        **_BLANK,
        "name": logger.name,
        "msg": message,
        "created": created,
        "msecs": created % 1 * 1000,
        _TOLD: fields,
        **fields,
    }
    logger.handle(record)


def _encode(line: dict[str, Any]) -> str:
    try:
        return _ENCODER.encode(line).decode()
    except (UnicodeEncodeError, TypeError, ValueError):  # what is no Unicode, or no key: slower, and takes anything
        return json.dumps(line, default=_plain, skipkeys=True)


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
