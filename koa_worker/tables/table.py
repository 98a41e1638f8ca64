"""Writes the flat table of results as CSV or as one JSON object per line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TextIO

Row = Mapping[str, Any]


def write_csv(rows: Iterable[Row], stream: TextIO, columns: Iterable[str]) -> None:
    """The header is written even if there is no row, so that an empty table can be read too."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])


def write_json(rows: Iterable[Row], stream: TextIO) -> None:
    for row in rows:
        json.dump(dict(row), stream, default=_plain, ensure_ascii=False)
        stream.write("\n")


def _cell(value: Any) -> Any:
    """A list becomes one text; a text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if isinstance(value, (list, tuple)):
        return "; ".join(str(part) for part in value)
    plain = _plain(value) if isinstance(value, datetime) else value
    return f"'{plain}" if isinstance(plain, str) and plain[:1] in tuple("=+-@\t\r") else plain


def safe_cell(text: str) -> Any:
    """A cell of a line for a person or for grep: it stays one line, whatever the text contains."""
    return _cell(printable(text))


def printable(words: str) -> str:
    """The text without control characters, which a terminal would take for commands."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in words)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)
