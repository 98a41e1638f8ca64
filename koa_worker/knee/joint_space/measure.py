"""Measures the joint space: the minimum and mean width of both compartments, and whether the margins are clear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from koa_worker.knee.finding.density import Plane
from koa_worker.knee.joint_space import band as bands
from koa_worker.knee.joint_space.band import COARSE, FINER, Band
from koa_worker.knee.joint_space.edges import refine
from koa_worker.knee.joint_space.margins import BEARS_FROM, BEARS_TO, trace
from koa_worker.study.sides import names_of
from koa_worker.study.widths import widths
from koa_worker.values import (
    Compartment,
    CompartmentName,
    JointSpace,
    KneeRoi,
    Points,
    Radiograph,
    Spacing,
    SpacingSource,
)

CLEAR = 2.5  # of 4: margins with more are reliable


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
    least, mean = widths(part.femoral, part.tibial, 1.0, 1.0)
    if spacing is None or spacing.source is SpacingSource.NONE:
        return Compartment(name, clear, least / width_px, mean / width_px, None, None, femoral, tibial)
    least_mm, mean_mm = widths(part.femoral, part.tibial, spacing.column_mm, spacing.row_mm)
    return Compartment(name, clear, least / width_px, mean / width_px, least_mm, mean_mm, femoral, tibial)


def _points(line: Plane) -> Points:
    return tuple((x, y) for x, y in line.astype(np.float64).round(2).tolist())
