"""The radiographs of the demo: a small PACS export, with one file that must be rejected."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.uid import generate_uid

from koa_worker.synthetic.draw import crop, draw
from koa_worker.synthetic.spec import KneeSpec, PlateSpec, random_knee
from koa_worker.synthetic.truth import Plate
from koa_worker.synthetic.write import Person, write_dicom, write_png
from koa_worker.values import Side

_CYRILLIC = Person("Примеров^Образец^Тестович", "SYN-0101", "19580314", "M")
_JAPANESE = Person("Mihon^Hanako=見本^花子=みほん^はなこ", "SYN-0102", "19630722", "F")
_GREEK = Person("Δείγμα^Ελένη", "SYN-0103", "19551102", "F")


def demo_set(folder: Path, seed: int | None = None) -> list[Path]:
    """Writes the demo's files into the folder, each one complete at once; without a seed they differ each time."""
    rng = np.random.default_rng(secrets.randbits(64) if seed is None else seed)
    pair = _study(rng)
    files: list[tuple[str, Callable[[Path], None]]] = [
        ("bilateral.dcm", _dicom(_bilateral(rng, (1.0, 3.0)), _CYRILLIC, _study(rng))),
        ("unilateral-right.dcm", _dicom(_single(rng, Side.RIGHT, 2.0), _JAPANESE, pair)),
        ("unilateral-left.dcm", _dicom(_single(rng, Side.LEFT, 0.0), _JAPANESE, pair)),
        ("bilateral-jpeg-ls.dcm", _dicom(_bilateral(rng, (4.0, 2.0)), _GREEK, _study(rng), syntax="jpeg-ls")),
        ("crop.png", _png(crop(random_knee(rng, Side.LEFT, severity=3.0), seed=_draw_seed(rng)))),
        ("not-a-radiograph.dcm", _text),
    ]
    prefix = f"synthetic-{int(rng.integers(16**6)):06x}"
    return [_put(folder / f"{prefix}-{name}", write) for name, write in files]


def _put(path: Path, write: Callable[[Path], None]) -> Path:
    """Writes under a name that the intake ignores, then renames, so that no incomplete file is ever visible."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        write(unfinished)
        unfinished.chmod(0o600)
        os.replace(unfinished, path)  # noqa: PTH105 - atomic on every platform, unlike Path.rename
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _dicom(plate: Plate, patient: Person, study_uid: str, *, syntax: str = "explicit") -> Callable[[Path], None]:
    return lambda path: write_dicom(path, plate, patient=patient, study_uid=study_uid, syntax=syntax)


def _png(plate: Plate) -> Callable[[Path], None]:
    return lambda path: write_png(path, plate)


def _text(path: Path) -> None:
    path.write_text("This is a text file with a radiograph's extension; the worker must reject it.\n", encoding="utf-8")


def _bilateral(rng: np.random.Generator, severities: tuple[float, float]) -> Plate:
    knees = [
        random_knee(rng, side, severity=severity, centre=(0.5 + where, 0.5))
        for side, severity, where in zip((Side.RIGHT, Side.LEFT), severities, (-0.24, 0.24), strict=True)
    ]
    # Both legs are one person's.
    knees[1] = replace(knees[1], plateau_mm=knees[0].plateau_mm, thigh=knees[0].thigh)
    return draw(_plate(rng, 1800, 2100, 0.19, *knees))


def _single(rng: np.random.Generator, side: Side, severity: float) -> Plate:
    return draw(_plate(rng, 1700, 1100, 0.19, random_knee(rng, side, severity=severity)))


def _plate(rng: np.random.Generator, height: int, width: int, spacing_mm: float, *knees: KneeSpec) -> PlateSpec:
    return PlateSpec(height, width, spacing_mm, knees, seed=_draw_seed(rng), beads=len(knees) > 1)


def _draw_seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _study(rng: np.random.Generator) -> str:
    return str(generate_uid(prefix="2.25.", entropy_srcs=[rng.bytes(16).hex()]))
