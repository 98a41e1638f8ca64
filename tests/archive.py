"""An archive of small synthetic files to grade, and what a reader finds in a batch's results."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset

from koa_worker import synthetic
from koa_worker.synthetic.write import Person, write_dicom, write_png
from koa_worker.values import Side

ROOT = Path(__file__).parents[1]
SECRETS = ("Archivov", "ARC-77", "19550607")  # names, ids and birth dates of all patients here


def fill(folder: Path, count: int) -> None:
    """Images, DICOM objects, and some files that must be rejected; each with other bytes, in folders of a thousand."""
    for number, data in enumerate(contents(count)):
        path = folder / f"{number // 1000}" / f"Archivov^Anna {number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def contents(count: int) -> Iterator[bytes]:
    patterns = _patterns()
    for number in range(count):
        if number % 20 == 7:
            yield f"Dear colleague {number}".encode()
        elif number % 20 == 13:
            yield patterns[1][: 300 + number % 1000]
        else:
            # After its end nothing of a picture is read; a DICOM object gets a study of its own.
            data = patterns[number % len(patterns)]
            yield data.replace(b"7.7.7.1000000", f"7.7.7.{1_000_000 + number}".encode()) + f"#{number}".encode() * (
                number % 2 == 0
            )


def _patterns() -> list[bytes]:
    """Even ones are PNG, odd ones DICOM."""
    person = Person("Archivov^Anna", "ARC-77", "19550607", "F")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pattern"
        for seed in range(4):
            plate = synthetic.crop(synthetic.KneeSpec((Side.RIGHT, Side.LEFT)[seed % 2], seed), size=240, seed=seed)
            if seed % 2:
                write_dicom(path, plate, study_uid="7.7.7.1000000", patient=person)
            else:
                write_png(path, plate)
            found.append(path.read_bytes())
    return found


def rows(results: Path) -> list[dict[str, Any]]:
    """All of the results, in the order in which a reader of the data set meets them."""
    found: list[dict[str, Any]] = pyarrow.dataset.dataset(results).to_table().to_pylist()
    return found


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT / 'tests/sabotage'}:{ROOT}", "PYTHONWARNINGS": "error", **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "koa_worker", "batch", *words]


def batch(
    folder: Path, *words: str, source: str = "archive", timeout: float = 280, **more: str
) -> subprocess.CompletedProcess[str]:
    """`koa-worker batch archive --results results …` in the folder."""
    return subprocess.run(
        command(source, "--results", "results", *words),
        check=False,
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
