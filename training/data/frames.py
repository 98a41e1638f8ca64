"""Whole frames through all steps of the worker before grading: reading, finding the knees, cropping."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from koa_worker.errors import InputRejected
from koa_worker.knee.finding.roi import find_knees
from koa_worker.knee.grading.prepare import prepare

from .crops import Crop, radiograph_of
from .layouts import Preparation, Source, collect


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The knees that were found, each with its frame's grade, and the frames that were rejected."""

    knees: tuple[Crop, ...]
    rejected: tuple[tuple[Path, str], ...]  # with the error's code


def read_frames(folder: Path) -> Frames:
    """Every graded frame below the folder. Both knees of a frame count as one subject: they share its grade."""
    knees: list[Crop] = []
    rejected: list[tuple[Path, str]] = []
    for item in collect([Source(folder, Preparation.RAW)]).items:
        try:
            knees += _knees_of(item.path, item.grade)
        except InputRejected as fault:
            rejected.append((item.path, fault.code))
    return Frames(tuple(knees), tuple(rejected))


def _knees_of(path: Path, kl: int) -> Iterable[Crop]:
    radiograph = radiograph_of(path)
    for roi in find_knees(radiograph):
        yield Crop(path, kl, path.as_posix(), prepare(radiograph.pixels, roi.box))
