"""Measures the joint space: the minimum and mean width of both compartments, and whether the margins are clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.joint_space import band as bands
from koa_worker.knee.joint_space.band import COARSE, FINER, Band
from koa_worker.knee.joint_space.edges import refine
from koa_worker.knee.joint_space.margins import BEARS_FROM, BEARS_TO, trace
from koa_worker.values import (
    Compartment,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Points,
    Radiograph,
    Side,
    Spacing,
    SpacingSource,
)

CLEAR = 2.5  # of 4: margins that are to be believed

_LATERAL_LEFT = (CompartmentName.LATERAL, CompartmentName.MEDIAL)
_MEDIAL_LEFT = (CompartmentName.MEDIAL, CompartmentName.LATERAL)
_UNNAMED = (CompartmentName.PICTURE_LEFT, CompartmentName.PICTURE_RIGHT)


@dataclass(frozen=True, slots=True, eq=False)
class TracedMargins:
    """The weight-bearing margins of one compartment in pixels of the stored image, and their clarity."""

    femoral: Plane
    tibial: Plane
    evidence: float


def measure(radiograph: Radiograph, roi: KneeRoi) -> JointSpace:
    """Both compartments of one knee, measured on the stored image."""
    found, width = trace_knee(radiograph, roi)
    width_px = width * roi.box.width / COARSE
    names = names_of(roi.side, radiograph.column_zero_side)
    spacing = radiograph.spacing
    left, right = (_compartment(name, part, width_px, spacing) for name, part in zip(names, found, strict=True))
    return JointSpace((left, right), spacing.source if spacing else SpacingSource.NONE, width_px)


def names_of(side: Side, column_zero_side: str) -> tuple[CompartmentName, CompartmentName]:
    """The names of the left and right compartment: the medial one is towards the other knee."""
    if side is Side.UNKNOWN or not column_zero_side:
        return _UNNAMED
    outer = Side.RIGHT if column_zero_side == "R" else Side.LEFT
    return _LATERAL_LEFT if side is outer else _MEDIAL_LEFT


def trace_knee(radiograph: Radiograph, roi: KneeRoi) -> tuple[tuple[TracedMargins, TracedMargins], float]:
    """The left and the right compartment, and the plateau's width in coarse pixels."""
    band = bands.take(radiograph.pixels, roi.box, may_be_negative=roi.whole_frame)
    courses = trace(band)
    left, right = (
        _weight_bearing(band, *margins, course.clarity)
        for margins, course in zip(refine(band, courses), courses, strict=True)
    )
    return (left, right), band.width


def _weight_bearing(band: Band, femoral: Plane, tibial: Plane, clarity: float) -> TracedMargins:
    aside = np.abs((femoral[:, 0] + 0.5) / FINER - 0.5 - band.middle) / band.width
    kept = (aside >= BEARS_FROM) & (aside <= BEARS_TO)
    return TracedMargins(band.to_stored(femoral[kept]), band.to_stored(tibial[kept]), clarity)


def _compartment(name: CompartmentName, part: TracedMargins, width_px: float, spacing: Spacing | None) -> Compartment:
    clear = part.evidence >= CLEAR
    femoral, tibial = _points(part.femoral), _points(part.tibial)
    if not clear:
        return Compartment(name, clear, None, None, None, None, femoral, tibial)
    least, mean = _widths(part, 1.0, 1.0)
    if spacing is None or spacing.source is SpacingSource.NONE:
        return Compartment(name, clear, least / width_px, mean / width_px, None, None, femoral, tibial)
    least_mm, mean_mm = _widths(part, spacing.column_mm, spacing.row_mm)
    return Compartment(name, clear, least / width_px, mean / width_px, least_mm, mean_mm, femoral, tibial)


def _widths(part: TracedMargins, across: float, down: float) -> tuple[float, float]:
    """The minimum distance between the margins, and the mean: the area between them by the compartment's length."""
    scale = np.array([across, down])
    femoral, tibial = part.femoral * scale, part.tibial * scale
    open_by = np.maximum(tibial[:, 1] - femoral[:, 1], 0)
    apart = np.linalg.norm(tibial[:, None] - femoral[None], axis=2)
    area = float(open_by.mean() * (tibial[-1, 0] - tibial[0, 0]))
    return float(min(apart.min(), open_by.min())), area / float(np.linalg.norm(tibial[-1] - tibial[0]))


def _points(line: Plane) -> Points:
    return tuple((x, y) for x, y in line.astype(np.float64).round(2).tolist())
