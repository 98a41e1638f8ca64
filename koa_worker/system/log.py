"""Log lines for the journal: text or one JSON object per line, on stderr, free of patient data.

A line names a file only by its id. The message of an exception is left out, because decoders often quote the data that
they read.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from datetime import UTC, datetime
from typing import Any

from koa_worker.config import LogSettings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def set_up(settings: LogSettings) -> None:
    """Sends the log of this program to stderr in the configured format, and only the warnings of libraries."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if settings.format == "json" else _TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("koa_worker").setLevel(settings.level.upper())
    # pydicom quotes the value that it fails on, which may be patient data.
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    # These libraries quote the data that they send and receive.
    for name in ("pynetdicom", "highdicom", "imagecodecs"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    threading.excepthook = _say_of_thread
    # watchdog logs an error for an event that arrives while it is being stopped.
    logging.getLogger("watchdog").setLevel(logging.CRITICAL)


def _say_of_thread(broken: threading.ExceptHookArgs) -> None:
    """Logs an error of a thread in our form; Python's own hook would print the data that the error quotes."""
    fault = broken.exc_value
    logging.getLogger(__name__).error("a thread broke", extra={"fault": where(fault) if fault else ""})


def where(fault: BaseException) -> str:
    """The class of the error and the lines of its traceback, without its message."""
    frames = traceback.extract_tb(fault.__traceback__)
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(fault).__name__} at {places}" if places else type(fault).__name__


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        extras = " ".join(f"{key}={value}" for key, value in _extras(record).items())
        fault = f" [{where(record.exc_info[1])}]" if record.exc_info and record.exc_info[1] else ""
        time = _time(record).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{time} {record.levelname.lower():7} {record.getMessage()}{' ' if extras else ''}{extras}{fault}"


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["fault"] = where(record.exc_info[1])
        return json.dumps(line, default=str)
