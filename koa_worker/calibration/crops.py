"""Writes the graded knees in the form for training: for a site whose readers a scale of five numbers cannot match.

One fifth of the subjects is kept for validation. Subjects are numbers here, and no file is named after its image.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from koa_worker.calibration.collect import ReadKnee
from koa_worker.errors import SetupError

_ONE_OF = 5  # subjects is kept for validation
_COLUMNS = ("path", "kl", "subject", "split", "preparation")


def write_crops(knees: Sequence[ReadKnee], folder: Path) -> tuple[Path, ...]:
    """Writes the tables for `koa-train` (all knees, training, validation) and the images beside them."""
    people = {subject: number for number, subject in enumerate(sorted({knee.subject for knee in knees}))}
    rows = []
    try:
        for number, knee in enumerate(knees):
            person, name = people[knee.subject], f"{number:06}.png"
            _write(folder / name, knee.crop)
            rows.append((name, knee.kl, person, "val" if person % _ONE_OF == 0 else "train", "equalized"))
        tables = {"crops.csv": rows} | {
            f"{part}.csv": [row for row in rows if part in row] for part in ("train", "val")
        }
        for name, lines in tables.items():
            text = StringIO(newline="")
            csv.writer(text).writerows([_COLUMNS, *lines])
            _write(folder / name, text.getvalue().encode())
    except OSError as fault:
        raise SetupError("grades_unusable", f"the crops cannot be written: {fault.strerror}") from fault
    return tuple(folder / name for name in tables)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as stream:
        stream.write(content)
