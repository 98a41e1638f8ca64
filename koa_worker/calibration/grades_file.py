"""Reads the CSV of a site's grades; each unusable line gets a sentence with its number, but without the file name."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from koa_worker.errors import SetupError

_GRADE = re.compile(r"(?:kl)?\s*([0-4])(?:\.0*)?", re.IGNORECASE)
_SIDES = {"": "", "l": "left", "left": "left", "r": "right", "right": "right", "b": "both", "both": "both"}
_NEEDED = (("path", "kl"), ("sop_uid", "side", "kl"))


@dataclass(frozen=True, slots=True)
class GivenGrade:
    """One line of the file: a knee, and the grade that the site's readers gave it."""

    line: int
    kl: int
    path: Path | None  # of an image
    sop_uid: str  # of a result in the store, if there is no path
    side: str  # left, right, both, or empty
    subject: str


def read_grades(path: Path) -> tuple[tuple[GivenGrade, ...], tuple[str, ...]]:
    """The lines that can be used, and a sentence for each other line. A relative path starts at the file's folder."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            if not any(set(needed) <= set(names) for needed in _NEEDED):
                raise SetupError("grades_unusable", f"it has the columns {', '.join(names) or 'of no name'}")
            read = list(_read(reader, path.parent))
    except OSError as fault:
        raise SetupError("grades_unusable", fault.strerror or "") from fault
    except (csv.Error, UnicodeDecodeError) as fault:
        raise SetupError("grades_unusable", "it is not CSV in UTF-8") from fault
    grades = tuple(one for one in read if isinstance(one, GivenGrade))
    return grades, tuple(one for one in read if isinstance(one, str))


def _read(reader: csv.DictReader[str], folder: Path) -> Iterator[GivenGrade | str]:
    for row in reader:
        said = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
        if any(said.values()):
            yield _line(reader.line_num, said, folder)


def _line(line: int, said: Mapping[str, str], folder: Path) -> GivenGrade | str:
    place, sop_uid = said.get("path", ""), said.get("sop_uid", "")
    if not place and not sop_uid:
        return f"Line {line} names no image."
    if not said["kl"]:
        return f"Line {line} has no grade."
    grade = _GRADE.fullmatch(said["kl"])
    if grade is None:
        return f"Line {line}: the grade is not one of 0, 1, 2, 3, 4."
    side = _SIDES.get(said.get("side", "").lower())
    if side is None:
        return f"Line {line}: the side is not left, right or both."
    return GivenGrade(line, int(grade[1]), folder / place if place else None, sop_uid, side, said.get("subject", ""))
